"""Writes the tables of results from results.csv: `python -m benchmarks.table [--check]`.

The latest row of each benchmark, system and metric counts: all of them in benchmarks/RESULTS.md,
the answers to a user's questions, each beside those of its peers, in the README between its lines
<!-- results --> and <!-- /results -->. Nobody types a number into these tables.
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
FAITHFUL = tuple(
    f"insertion minus deletion, {blank}" for blank in ("its blank", "mean colour", "blur")
)
# What the README tells: the metrics of each question that a user would ask for.
TOLD: Mapping[str, tuple[str, ...]] = {
    "fashion": ("accuracy", "ece", "coverage"),
    "time to accuracy": ("seconds to 90.0 %", "seconds to 92.0 %"),
    "photos flowers5": ("accuracy",),
    "photos hymenoptera": ("accuracy",),
    "tables adult": ("accuracy", "log loss"),
    "tables wine red": ("rmse",),
    "tables wine white": ("rmse",),
    "texts sst2": ("accuracy",),
    "texts ag_news": ("accuracy",),
    "language, characters": ("nats per character",),
    "language, words": ("perplexity per word",),
    "forecasts ett_h1": ("mean mse", "mean coverage"),
    "forecasts exchange_rate": ("mse",),
    "explanations fashion_mnist": FAITHFUL,
    "explanations flowers5": FAITHFUL,
    "planted": ("AUROC, of reliable", "wrong, of reliable", "said to be reliable"),
    "shortcuts fashion_mnist": ("found and named",),
    "shortcuts adult": ("found and named",),
    "suspects": ("flips found, of the training labels",),
    "reports fashion_mnist": ("time against training",),
    "reports adult": ("time against training",),
    "videos surv_fight": ("accuracy",),
    "videos order of frames": ("accuracy",),
    "translation en-de": ("bleu", "bleu lowercased"),
    "translation de-en": ("bleu", "bleu lowercased"),
    "generation": ("distance", "precision", "recall", "accuracy of a classifier learned from it"),
    "generation flowers5": ("distance", "precision", "recall"),
    "collapse": ("trouble is named",),
    "promises": ("runs late",),
}
ASIDE = (
    "pellucid, nothing",
    "pellucid shapley",
    "pellucid integrated_gradients",
    "pellucid occlusion",
    "pellucid sketch",
    "Captum Occlusion",
    "Captum DeepLift",
    "random order",
)
BEGIN, END = "<!-- results -->", "<!-- /results -->"
HEAD = "| benchmark | system | metric | mean ± sd | seeds | seconds | peak MiB | commit |"
BRIEF = "| question | measured | pellucid | beside it |"
SHARES = {"accuracy", "balanced accuracy", "last accuracy", "ece", "coverage", "mean coverage"}
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
    renewed = replaced(text, brief(rows))
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


def brief(rows: Iterable[Row]) -> str:
    """Draw what the README tells as a Markdown table: one line a metric, its peers beside it."""
    known = list(rows)
    lines = [
        line
        for benchmark, metrics in TOLD.items()
        for metric in metrics
        for line in _lines(_of(known, benchmark, metric))
    ]
    if not lines:
        return "Nothing was measured yet: `make bench`."
    return "\n".join([BRIEF, "|" + " - |" * BRIEF.count(" |"), *lines])


def _of(rows: Iterable[Row], benchmark: str, metric: str) -> list[Row]:
    """Find the rows of a question; `promises` has one benchmark for each range of budgets."""
    return [
        row
        for row in rows
        if row["metric"] == metric
        and (row["benchmark"] == benchmark or row["benchmark"].startswith(f"{benchmark}, "))
        and not row["system"].endswith(" alone")
        and not row["system"].startswith(ASIDE)
    ]


def _lines(rows: list[Row]) -> list[str]:
    """Draw one line for each of our own systems; the first of a benchmark has its peers beside."""
    lines = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in rows):
        asked = [row for row in rows if row["benchmark"] == benchmark]
        own = [row for row in asked if row["system"].startswith("pellucid")]
        peers = [row for row in asked if row not in own]
        beside = "; ".join(f"{row['system']} {_counted(row)}" for row in peers)
        lines += [
            f"| {_question(row)} | {row['metric']} | {_counted(row)} | {'' if at else beside} |"
            for at, row in enumerate(own)
        ]
    return lines


def _question(row: Row) -> str:
    after = row["system"].removeprefix("pellucid").lstrip(", ")
    return f"{row['benchmark']}, {after}" if after else row["benchmark"]


def _counted(row: Row) -> str:
    """Give a figure and how many seeds (or runs) stand behind it."""
    return f"{_figure(row)} ({row['seeds']})"


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
