"""Writes the tables of results from results.csv: `python -m benchmarks.table [--check]`.

The latest row of each benchmark, system and metric counts: all of them in benchmarks/RESULTS.md,
those that answer a question of the README between its lines <!-- results --> and <!-- /results -->.
Nobody types a number into these tables.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.runner import RESULTS

README = Path(__file__).parents[1] / "README.md"
WHOLE = Path(__file__).with_name("RESULTS.md")
TITLE = "# All results\n\nThe latest row of each benchmark, system and metric in `results.csv`.\n\n"
BESIDE = (
    "pellucid shapley",
    "pellucid integrated",
    "Captum DeepLift",
    "Captum Occlusion",
    "Captum GradientShap",
    "random order",
)  # systems
ASIDE = ("runs refused", "runs failed", "last accuracy", "networks left out")  # metrics
BEGIN, END = "<!-- results -->", "<!-- /results -->"
HEAD = "| benchmark | system | metric | mean ± sd | seeds | seconds | peak MiB | commit |"
SHARES = {"accuracy", "balanced accuracy", "last accuracy", "ece", "coverage"}
Row = Mapping[str, str]


def main() -> int:
    """Rewrite the table.

    Returns:
        0, or 1 if --check finds that the README is behind results.csv, or if it has no such lines.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    parser.add_argument("--readme", type=Path, default=README)
    options = parser.parse_args()
    text = options.readme.read_text(encoding="utf-8") if options.readme.exists() else ""
    if BEGIN not in text or END not in text.partition(BEGIN)[2]:
        print(f"{options.readme} has no lines {BEGIN} and {END}", file=sys.stderr)
        return 1
    rows = read(RESULTS)
    renewed = replaced(text, table(filter(_is_told, rows)))
    whole = f"{TITLE}{table(rows)}\n"
    if options.check:
        behind = not WHOLE.exists() or WHOLE.read_text(encoding="utf-8") != whole
        return int(renewed != text or behind)
    options.readme.write_text(renewed, encoding="utf-8")
    WHOLE.write_text(whole, encoding="utf-8")
    return 0


def read(path: Path) -> list[Row]:
    """Read the latest row of each benchmark, system and metric, in the order of their first."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = {
            (row["benchmark"], row["system"], row["metric"]): row for row in csv.DictReader(file)
        }
    return list(rows.values())


def table(rows: Iterable[Row]) -> str:
    """Draw rows as a Markdown table, a benchmark's rows together; pellucid first."""
    known = list(rows)
    if not known:
        return "Nothing was measured yet: `make bench`."
    order = list(dict.fromkeys(row["benchmark"] for row in known))
    known.sort(key=lambda row: (order.index(row["benchmark"]), "pellucid" not in row["system"]))
    machines = sorted({f"{row['machine']} ({row['date']})" for row in known})
    lines = [HEAD, "|" + " - |" * HEAD.count(" |"), *map(_line, known), "", *machines]
    return "\n".join(lines)


def replaced(text: str, table: str) -> str:
    """Put a table between the two lines of a text."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def _is_told(row: Row) -> bool:
    """Tell what the README shows: no parts of a whole, nothing that is there to be compared."""
    part = row["benchmark"].startswith("planted,") or row["benchmark"] == "rates"
    beside = row["system"].endswith(" alone") or row["system"].startswith(BESIDE)
    detail = row["metric"] in ASIDE or row["metric"][-1].isdigit()  # of one horizon alone
    return not part and not beside and not detail


def _line(row: Row) -> str:
    cells = [row["benchmark"], row["system"], row["metric"], _figure(row), row["seeds"]]
    cells += [f"{float(row['seconds']):.1f}", row["peak_mib"], row["commit"]]
    return f"| {' | '.join(cells)} |"


def _figure(row: Row) -> str:
    mean, deviation = float(row["mean"]), float(row["sd"])
    if row["metric"] in SHARES:
        share = f"{100 * mean:.2f} %"
        return f"{share} ± {100 * deviation:.2f}" if deviation else share
    return f"{mean:.4g} ± {deviation:.2g}" if deviation else f"{mean:.4g}"


if __name__ == "__main__":
    sys.exit(main())
