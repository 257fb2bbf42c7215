"""neuralforecast's DLinear, NHITS or PatchTST, as its tutorial on long horizons trains its models.

Up to 1,000 steps, the validation side looked at every 100, ended after three looks without a better
error; the past that is asked for; everything else as it comes. Windows of the test side begin at
every hour, none is dropped; values are scaled by the training side before.

Source: Nixtla's documentation of neuralforecast, "Long-horizon forecasting with transformer
models" (`cross_validation` with a validation and a test size).
Departs: mean squared error instead of the mean absolute one, since that is what is asked; the clock
stops while the test windows are foretold.
"""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from _clock import Clock
from _windows import sides, windows
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import NHITS, DLinear, PatchTST

MODELS = {"DLinear": DLinear, "NHITS": NHITS, "PatchTST": PatchTST}
STEPS, LOOKS, PATIENCE = 1000, 100, 3


def main() -> None:
    """Learn and test; print the scores as JSON."""
    clock, options = Clock(), _arguments()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    train, valid, test = sides([options.train, options.valid, options.test])
    past, horizon = options.past, options.horizon
    known = np.concatenate([train, valid[past:]])
    model = MODELS[options.model](
        h=horizon,
        input_size=past,
        loss=MSE(),
        max_steps=20 if options.smoke else STEPS,
        val_check_steps=10 if options.smoke else LOOKS,
        early_stop_patience_steps=PATIENCE,
        random_seed=options.seed + 1,
        accelerator="cpu",
        enable_progress_bar=False,
        logger=False,
    )
    forecasts = NeuralForecast(models=[model], freq="h")
    forecasts.fit(_long(known), val_size=len(valid) - past)
    seconds = clock.spent
    print(json.dumps({**_tested(forecasts, test, past, horizon), "seconds": seconds}))


def _tested(
    forecasts: NeuralForecast, test: np.ndarray, past: int, horizon: int
) -> dict[str, float]:
    """Foretell every window of the test side, one series a window and variable."""
    squares = absolutes = count = 0.0
    x, y = windows(test, past, horizon)
    for start in range(0, len(x), 256):
        some = x[start : start + 256].transpose(0, 2, 1).reshape(-1, past)
        found = forecasts.predict(_rows(some))
        name = next(column for column in found.columns if column not in ("unique_id", "ds"))
        order = found.reset_index().sort_values(["unique_id", "ds"])[name].to_numpy()
        truth = y[start : start + 256].transpose(0, 2, 1).reshape(-1, horizon)
        error = order.reshape(-1, horizon) - truth
        squares += float(np.square(error, dtype=np.float64).sum())
        absolutes += float(np.abs(error, dtype=np.float64).sum())
        count += error.size
    return {"mse": squares / count, "mae": absolutes / count}


def _long(values: np.ndarray) -> pd.DataFrame:
    """Give a side as rows of a series each, as neuralforecast reads them."""
    return _rows(values.T)


def _rows(values: np.ndarray) -> pd.DataFrame:
    """Give series, (N, T), as rows."""
    series, steps = values.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), steps),
            "ds": np.tile(pd.date_range("2016-07-01", periods=steps, freq="h"), series),
            "y": values.reshape(-1),
        }
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for side in ("train", "valid", "test"):
        parser.add_argument(side, type=Path)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--horizon", type=int, required=True)
    parser.add_argument("--past", type=int, default=336)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="20 steps")
    return parser.parse_args()


if __name__ == "__main__":
    main()
