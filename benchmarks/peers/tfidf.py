"""TF-IDF of words and pairs of words, and logistic regression: the strong and simple peer.

Words are lower-cased; counts are damped (`sublinear_tf`); what weighs the loss against the size of
the weights, C, is chosen by five-fold cross-validation on the training side from 1 to 100.

Source: scikit-learn's user guide, working with text data (TfidfVectorizer and a linear classifier
in a pipeline, tuned by GridSearchCV).
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from _clock import Clock
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)


def main() -> None:
    """Fit and test; print the scores as JSON."""
    clock, options = Clock(), _arguments()
    texts, labels = _read(options.train, options.label)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    whole = make_pipeline(words, LogisticRegression(max_iter=1000))
    grid = {"logisticregression__C": STRENGTHS}
    model = GridSearchCV(whole, grid, n_jobs=options.jobs).fit(texts, labels)
    seconds = clock.spent
    texts, labels = _read(options.test, options.label)
    chances = model.predict_proba(texts)
    guess = model.classes_[chances.argmax(1)]
    scores = {
        "accuracy": float(accuracy_score(labels, guess)),
        "log_loss": float(log_loss(labels, chances, labels=model.classes_)),
        "C": float(model.best_params_["logisticregression__C"]),
    }
    print(json.dumps({**scores, "seconds": seconds}))


def _read(path: Path, label: int) -> tuple[list[str], list[str]]:
    """Read a table without a header: one column is the label, the others are joined to the text."""
    csv.field_size_limit(sys.maxsize)
    marks = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if path.suffix == ".tsv" else {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file, **marks) if row]
    place = label - 1
    return [" ".join(row[:place] + row[place + 1 :]) for row in rows], [r[place] for r in rows]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--label", type=int, required=True, help="column of the label, from 1")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
