"""Looking before training: what is there, what is broken, what leaks."""

import base64
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding, Kind
from pellucid.data._components import united
from pellucid.data._duplicates import near_duplicates
from pellucid.data._findings import Content, find_all, overlapping
from pellucid.data._opening import open_source
from pellucid.data._targets import are_texts, as_classes, factorise

EACH = 6  # pictures of each class on the sheet
CLASSES = 10  # classes on the sheet, the largest first
LINES = 12  # classes listed in text


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was found by looking; it prints as text and draws itself in a notebook.

    Args:
        kind: name of the kind of data.
        count: examples that can be used.
        target: what is asked; "" where nothing is known.
        classes: how many examples each class has, the largest first; empty for a quantity.
        numbers: mean, sd, least, median and most of a numeric target, in its own unit; else None.
        sides: how many examples each side has, as the folders say; empty if they do not.
        groups: how many groups there are; None where none is known.
        faults: what was left out.
        findings: what is worth knowing, the gravest first.
    """

    kind: str
    count: int
    target: str = ""
    classes: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, float] | None = None
    sides: Mapping[str, int] = field(default_factory=dict)
    groups: int | None = None
    faults: tuple[Fault, ...] = ()
    findings: tuple[Finding, ...] = ()
    _draw: Callable[[], bytes] = field(default=bytes, repr=False, compare=False)

    def sheet(self) -> bytes:
        """Draw examples of each class, or over the range of a number, as one PNG picture."""
        return self._draw()

    def to_json(self) -> dict[str, Any]:
        """Give all that was found as plain JSON types."""
        return {
            "kind": self.kind,
            "count": self.count,
            "target": self.target,
            "classes": dict(self.classes),
            "numbers": None if self.numbers is None else dict(self.numbers),
            "sides": dict(self.sides),
            "groups": self.groups,
            "faults": [{"name": fault.name, "reason": fault.reason} for fault in self.faults],
            "findings": [
                {
                    "what": finding.what,
                    "level": finding.level,
                    "text": finding.text,
                    "examples": list(finding.examples),
                }
                for finding in self.findings
            ],
        }

    def __str__(self) -> str:
        """Write it as plain text, for a terminal."""
        rows = [*_rows(self)]
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {text}" for name, text in rows]
        for finding in self.findings:
            lines += ["", f"{finding.level}: {finding.what}", f"  {finding.text}"]
            lines += [f"    {name}" for name in finding.examples[:3]]
            more = len(finding.examples) - 3
            lines += [f"    … {more} more in --json"] if more > 0 else []
        return "\n".join(lines if self.findings else [*lines, "", "nothing amiss was found"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in _rows(self)
        )
        findings = "".join(
            f"<li><b>{html.escape(finding.level)}: {html.escape(finding.what)}.</b> "
            f"{html.escape(finding.text)}{_folded(finding.examples)}</li>"
            for finding in self.findings
        )
        picture = base64.b64encode(self.sheet()).decode() if self.count else ""
        image = f"<img alt='examples' src='data:image/png;base64,{picture}'>" if picture else ""
        return f"<table>{rows}</table><ul>{findings}</ul>{image}"


def look(
    data: Any,
    *,
    target: str | None = None,
    group: str | None = None,
    task: str | None = None,
    test: Any = None,
    cache: Path | None = None,
) -> Look:
    """Look at data before training on it.

    Args:
        data: a file, a folder, a list of files, arrays, or a table.
        target: the column that holds the answer; None to find it, or to do without.
        group: the column whose equal values belong together.
        task: the question that shall be asked; a table of times is a series where it is "forecast".
        test: data that the model will be judged on, to find what it shares with `data`.
        cache: folder for decoded data that later calls reuse; None for the user's cache folder.

    Raises:
        BadInputError: if there is nothing that can be used.
    """
    ask = Ask(target=target or "", group=group, cache=cache, task=task)
    kind, examples = open_source(data, ask)
    own = kind.look(examples)
    targets = examples.targets
    if targets is not None and (targets.ndim > 1 or are_texts(targets)):
        # What comes next is no class and no number, and neither are sentences.
        examples = examples.replace(targets=None)
    content = Content(keys=kind.keys(examples), clusters=kind.clusters(examples))
    findings = [*find_all(examples, content), *examples.notes, *own]
    if test is not None:
        findings = [*_on_test(kind, examples, ask, test), *findings]
    return Look(
        kind=kind.name,
        count=len(examples),
        target=examples.target,
        classes=_classes(examples),
        numbers=_numbers(examples),
        sides=_sides(examples),
        groups=None if examples.groups is None else len(factorise(examples.groups)[0]),
        faults=examples.faults,
        findings=tuple(findings),
        _draw=lambda: kind.draw(examples, _shown(examples)),
    )


def _on_test(kind: Kind, examples: Examples, ask: Ask, test: Any) -> list[Finding]:
    """Read the test data as a model of the training data would, and find what they share."""
    schema = replace(kind.describe(examples), target=examples.target)
    _, judged = open_source(test, replace(ask, schema=schema), kind=kind.name)
    both = _together(kind, judged, examples)
    return overlapping((judged, both[0]), (examples, both[1]), ("test", "training"))


def _together(kind: Kind, one: Examples, other: Examples) -> tuple[Content, Content]:
    """Number the clusters of two readings in common."""
    keys = np.concatenate([kind.keys(one), kind.keys(other)])
    clusters = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    vectors = [found for found in (kind.vectors(one), kind.vectors(other)) if found is not None]
    if len(vectors) == 2:
        clusters = united(clusters, near_duplicates(np.concatenate(vectors)))
    cut = len(one)
    return (
        Content(keys=keys[:cut], clusters=clusters[:cut]),
        Content(keys=keys[cut:], clusters=clusters[cut:]),
    )


def _classes(examples: Examples) -> dict[str, int]:
    classes = None if examples.targets is None else as_classes(examples.targets)
    if classes is None:
        return {}
    names, codes = classes
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return {names[place]: int(counts[place]) for place in np.argsort(-counts, kind="stable")}


def _numbers(examples: Examples) -> dict[str, float] | None:
    if examples.targets is None or examples.targets.dtype.kind != "f":
        return None
    known = examples.targets[np.isfinite(examples.targets)]
    if not len(known):
        return None
    return {
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "least": float(known.min()),
        "median": float(np.median(known)),
        "most": float(known.max()),
    }


def _sides(examples: Examples) -> dict[str, int]:
    if examples.sides is None:
        return {}
    named = np.where(examples.sides == "", "train", examples.sides)
    counts = {side: int((named == side).sum()) for side in ("train", "valid", "test")}
    return {side: count for side, count in counts.items() if count}


def _shown(examples: Examples) -> list[int]:
    """Choose the examples of the sheet: some of each class, or spread over the number."""
    if examples.targets is None:
        return _spread(np.arange(len(examples)), EACH * 4)
    classes = as_classes(examples.targets)
    if classes is None:
        return _spread(np.argsort(examples.targets, kind="stable"), EACH * 4)
    counts = np.bincount(classes[1] + 1, minlength=len(classes[0]) + 1)[1:]
    largest = np.sort(np.argsort(-counts, kind="stable")[:CLASSES])
    return [
        place for code in largest for place in _spread(np.flatnonzero(classes[1] == code), EACH)
    ]


def _spread(places: NDArray[np.int64], count: int) -> list[int]:
    """Take so many of the places, evenly from first to last."""
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).astype(np.int64)
    return places[chosen].tolist()


def _rows(found: Look) -> list[tuple[str, str]]:
    """Give the name and the text of each line of the table."""
    rows = [("kind", found.kind), ("examples", f"{found.count:,}")]
    if found.faults:
        rows.append(("left out", f"{len(found.faults):,}"))
    if found.sides:
        rows.append(("sides", ", ".join(f"{side} {n:,}" for side, n in found.sides.items())))
    if found.groups is not None:
        rows.append(("groups", f"{found.groups:,}"))
    if found.numbers is not None:
        rows.append(("target", f"{found.target}: {_figures(found.numbers)}"))
    if found.classes:
        rows.append(("classes", f"{len(found.classes):,} of {found.target or 'class'}"))
        rows += [("", f"{n:>9,}  {name}") for name, n in [*found.classes.items()][:LINES]]
        rows += [("", f"{'…':>9}")] if len(found.classes) > LINES else []
    return rows


def _figures(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in numbers.items())


def _folded(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    lines = "<br>".join(html.escape(name) for name in names)
    return f"<details><summary>examples</summary>{lines}</details>"
