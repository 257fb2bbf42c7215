"""Pictures: learn from arrays, score on others, answer for one. Folders of photos go the same way.

Run: python examples/images.py            the digits that scikit-learn ships, 20 s
     python examples/images.py FOLDER     your own photos, one folder a class, 2 min
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

import pellucid


def main() -> None:
    """Learn from a folder if one is named, else from arrays."""
    if len(sys.argv) > 1:
        from_folder(sys.argv[1])
    else:
        from_arrays()


def from_arrays() -> None:
    """Learn from (pictures, labels): uint8 pictures, N x height x width [x channels]."""
    digits = load_digits()
    pictures = np.round(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(str)

    model = pellucid.fit((pictures[:1500], labels[:1500]), budget="20 s", task="classify")

    print(model.evaluate((pictures[1500:], labels[1500:])))
    for answer in model.predict(pictures[1500:1503]):
        print(answer)


def from_folder(folder: str) -> None:
    """Look first, then learn; the classes are the names of the folders."""
    print(pellucid.look(folder))

    model = pellucid.fit(folder, budget="2 min")

    print(model)
    model.save("photos.pellucid")


if __name__ == "__main__":
    main()
