"""Texts: learn to write on from a text, score it, and read on piece by piece.

Run: python examples/texts.py           what Python's own help says of the language, 60 s
     python examples/texts.py FILE      a text file of your own, 60 s
"""

import sys
from pathlib import Path
from pydoc_data.topics import topics
from tempfile import TemporaryDirectory

import pellucid


def main() -> None:
    """Learn from a file if one is named, else from the help that Python ships."""
    if len(sys.argv) > 1:
        learn(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "help.txt"
            path.write_text("\n".join(topics.values()), encoding="utf-8")
            learn(path)


def learn(path: Path) -> None:
    """Learn what comes next, write, and say what is expected after some words."""
    model = pellucid.fit(path, task="generate_text", budget="60 s")

    print(model)
    print("\nThe ", end="")
    for piece in model.generate("The ", length=300, temperature=0.8, seed=1):
        print(piece, end="", flush=True)
    session = model.stream()
    for word in ("\n\nThe", " value", " of"):
        print(f"{word} ... {session.push(word)}")


if __name__ == "__main__":
    main()
