"""Learns what makes an explanation reliable from planted reasons: `python -m benchmarks.calibrate`.

Networks with known reasons, of other seeds than the benchmark's, are explained by every method; the
rows are kept in build/planted.jsonl, which git ignores, and only added to, so that a run that was
stopped goes on and learning again from them takes a second (--fit). The outcome is written to
src/pellucid/explaining/_reliability.json.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.planted import LEVELS, NAMES, WRONG, learned
from benchmarks.runner import FailedRunError, say

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "build" / "planted.jsonl"
LEARNED = ROOT / "src" / "pellucid" / "explaining" / "_reliability.json"
KINDS = {
    "pictures": "image",
    "tables": "table",
    "texts": "text",
    "series": "series",
    "sounds": "audio",
}
FIRST = 1000  # the benchmark's seeds stay below


def main() -> int:
    """Gather rows, then learn from all there are.

    Returns:
        0, or 1 if there is nothing to learn from.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="of each design and difficulty (3)")
    parser.add_argument("--families", nargs="+", default=list(NAMES), help="to gather (all)")
    parser.add_argument("--examples", type=int, default=8, help="explained of each network (8)")
    parser.add_argument("--fit", action="store_true", help="only learn from the rows there are")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--out", type=Path, default=LEARNED)
    parser.add_argument("--right", type=float, default=0.8, help="AUROC of a right one (0.8)")
    options = parser.parse_args()
    if not options.fit:
        gather(options.rows, options.families, seeds=options.seeds, examples=options.examples)
    networks = [json.loads(line) for line in _lines(options.rows)]
    if not any(one["rows"] for one in networks):
        print(f"no explanations in {options.rows}: leave --fit out", file=sys.stderr)
        return 1
    try:
        found = fitted(networks, options.right)
    except ValueError as error:
        print(f"{error}; gather more, or raise --right", file=sys.stderr)
        return 1
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    say(f"{options.out}: {found['source']}; {found['checked']}")
    return 0


def gather(place: Path, families: Sequence[str], *, seeds: int, examples: int) -> None:
    """Learn and explain the networks that are not there yet, and add a line for each."""
    place.parent.mkdir(parents=True, exist_ok=True)
    there = {json.loads(line)["network"] for line in _lines(place)}
    for family, design, level, seed in _wanted(seeds):
        if family not in families or f"{family} {design} {level} seed {seed}" in there:
            continue
        try:
            found = learned(
                family, design, level, seed=seed, examples=examples, each=examples
            ).found
        except FailedRunError as error:
            say(f"{family} {design} {level} seed {seed}: FAILED: {error}")
            continue
        with place.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")


def fitted(networks: list[dict[str, Any]], right: float) -> dict[str, Any]:
    """Learn from the explanations of networks.

    Args:
        networks: as `_planted_network.py` prints them.
        right: the AUROC of parts from which on an explanation counts as right.
    """
    sys.path.insert(0, str(ROOT / "src"))
    from pellucid.explaining._reliability import fit_reliability

    pairs = [
        (_signs(network, row), row["auroc"])
        for network in networks
        for row in network["rows"]
        if row["asked"] != "pellucid" and math.isfinite(row["auroc"])
    ]
    rows, found = [row for row, _ in pairs], [auroc for _, auroc in pairs]
    known = sum(bool(network["rows"]) for network in networks)
    return fit_reliability(
        rows,
        [auroc >= right for auroc in found],
        wrong=[auroc < WRONG for auroc in found],
        source=f"benchmarks/calibrate.py: {len(rows)} explanations of {known} networks whose "
        f"reasons are known, right from an AUROC of {right:g} on, wrong below {WRONG:g}",
    )


def _signs(network: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    from pellucid.explaining._evidence import Faithfulness
    from pellucid.explaining._reliability import signs

    faithfulness = Faithfulness(**row["faithfulness"])
    found = signs(faithfulness, network["trust"], method=row["method"])
    family = network["network"].partition(" ")[0]
    return {**found, "network": network["network"], "kind": KINDS[family]}


def _wanted(seeds: int) -> Iterator[tuple[str, str, int, int]]:
    for seed in range(FIRST, FIRST + seeds):
        for level in LEVELS:
            for family, names in NAMES.items():
                for design in names:
                    yield family, design, level, seed


def _lines(place: Path) -> list[str]:
    return place.read_text(encoding="utf-8").splitlines() if place.exists() else []


if __name__ == "__main__":
    sys.exit(main())
