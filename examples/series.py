"""Series: foretell what comes next, with intervals, and say what a forecast rests on.

Run: python examples/series.py               a made year of hours, 20 s
     python examples/series.py FILE.csv      a table of your own with a column of times, 20 s
"""

import csv
import math
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pellucid


def main() -> None:
    """Learn from a file if one is named, else from made hours."""
    with TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else made(Path(folder))
        model = pellucid.fit(path, task="forecast", horizon=24, budget="20 s")
        print(model)
        outlook = model.predict(path)
        print(outlook)
        Path("forecast.png").write_bytes(outlook.draw())
        print(model.explain(path))


def made(folder: Path) -> Path:
    """Write a year of hours: a day, a week, a slow drift, and noise."""
    chance, start = random.Random(0), datetime(2025, 1, 1)
    with (folder / "hours.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "load"])
        for hour in range(24 * 365):
            day = 10 * math.sin(2 * math.pi * hour / 24)
            week = 4 * math.sin(2 * math.pi * hour / 168)
            load = 50 + day + week + hour / 2000 + chance.gauss(0, 2)
            writer.writerow([start + timedelta(hours=hour), round(load, 2)])
    return folder / "hours.csv"


if __name__ == "__main__":
    main()
