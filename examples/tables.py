"""Tables: a class and a number to tell, from pandas; a CSV or Parquet file goes the same way.

Run: python examples/tables.py      data that scikit-learn ships; 15 s each
"""

from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes

import pellucid


def main() -> None:
    """Ask one question whose answer is a class, and one whose answer is a number."""
    tumours = load_breast_cancer(as_frame=True)
    named = tumours.frame.assign(target=tumours.target_names[tumours.target])
    learn(named, asked="target")
    learn(load_diabetes(as_frame=True).frame, asked="target")


def learn(table: Any, *, asked: str) -> None:
    """Hold a fifth of the rows back, learn from the others, score on what was held back."""
    shuffled = table.sample(frac=1, random_state=0)
    held_out = len(shuffled) // 5

    model = pellucid.fit(shuffled.iloc[held_out:], target=asked, budget="15 s")

    print(model.evaluate(shuffled.iloc[:held_out]))
    print(model.predict(shuffled.iloc[:1].drop(columns=asked))[0])


if __name__ == "__main__":
    main()
