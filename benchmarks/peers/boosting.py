"""scikit-learn's histogram gradient boosting on a CSV, as it comes or stopped early.

As it comes: all defaults, categories natively (from the columns' type). Stopped early: up to 1,000
trees at rate 0.05, ended by its own early stopping on a tenth of the training side.

Source: scikit-learn's user guide, histogram-based gradient boosting.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from _clock import Clock
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

EARLY = {
    "max_iter": 1000,
    "learning_rate": 0.05,
    "early_stopping": True,
    "validation_fraction": 0.1,
    "n_iter_no_change": 20,
}


def main() -> None:
    """Fit and test; print the scores as JSON."""
    clock, options = Clock(), _arguments()
    header = None if options.target.isdigit() else 0
    train = _read(options.train, header)
    settings = {**(EARLY if options.early else {}), "random_state": options.seed}
    if options.regress:
        model = HistGradientBoostingRegressor(**settings)
    else:
        model = HistGradientBoostingClassifier(categorical_features="from_dtype", **settings)
    x, y = _parts(train, options.target)
    model.fit(x, y)
    seconds = clock.spent
    test = _read(options.test, header)
    for name in x.columns[x.dtypes == "category"]:
        test[name] = test[name].astype(x[name].dtype)
    x, y = _parts(test, options.target)
    scores = _regression(model, x, y) if options.regress else _classes(model, x, y)
    print(json.dumps({**scores, "seconds": seconds}))


def _read(path: Path, header: int | None) -> pd.DataFrame:
    table = pd.read_csv(path, header=header, skipinitialspace=True, na_values="?")
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].astype("category")
    return table


def _parts(table: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.Series]:
    name = table.columns[int(target) - 1] if target.isdigit() else target
    y = table[name]
    return table.drop(columns=name), y.astype(str) if y.dtype == "category" else y


def _classes(
    model: HistGradientBoostingClassifier, x: pd.DataFrame, y: pd.Series
) -> dict[str, float]:
    probabilities = model.predict_proba(x)
    guess = model.classes_[probabilities.argmax(1)]
    loss = log_loss(y, probabilities, labels=model.classes_)
    return {"accuracy": float(accuracy_score(y, guess)), "log_loss": float(loss)}


def _regression(
    model: HistGradientBoostingRegressor, x: pd.DataFrame, y: pd.Series
) -> dict[str, float]:
    return {"rmse": float(root_mean_squared_error(y, model.predict(x)))}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument(
        "--target", required=True, help="a column; by number, from 1, without header"
    )
    parser.add_argument("--regress", action="store_true")
    parser.add_argument("--early", action="store_true", help="up to 1,000 trees, stopped early")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
