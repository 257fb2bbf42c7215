"""The sections that tell of the run: the question, the data, the choice, the curve, the repeat."""

import hashlib
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid import _grid
from pellucid.reporting._blocks import (
    Block,
    Cell,
    Facts,
    Items,
    Notice,
    Section,
    Words,
    counted,
    table,
)
from pellucid.reporting._facts import Facts as Known
from pellucid.reporting._figures import loss_curve, score_curve

_LISTED = 10  # faults and classes that are named
_ALIKE = 0.9  # of the most frequent class, from which a class is as frequent


def asked(known: Known) -> Section:
    """Tell what was asked of which data."""
    model, summary = known.model, known.summary
    schema, rows = model.schema, []
    target = summary.get("target") or schema.target
    rows.append(("Question", f"{_plain(model.task.name)} {target}".rstrip()))
    rows.append(("Kind of data", f"{schema.kind}, {' × '.join(str(n) for n in schema.shape)}"))
    if schema.classes:
        rows.append(("Answers", f"{len(schema.classes)}: {_some(schema.classes)}"))
    elif target and model.task.says:
        rows.append(("Answer", f"a text, {target}"))
    elif target:
        rows.append(("Answer", f"a number, {target}; on average {_grid.figure(schema.mean)}"))
    better = f"{model.task.better} is better"
    rows.append(("Judged by", f"{_plain(model.task.metric)} ({better})"))
    if summary.get("budget"):
        rows.append(("Budget", duration(summary["budget"])))
    rows.append(("Reported on", _reported_on(known)))
    return Section(name="asked", title="What was asked", blocks=(Facts(rows=tuple(rows)),))


def data(known: Known) -> Section:
    """Tell what the data are, and what is wrong with them."""
    record, summary = known.part("data"), known.summary
    blocks: list[Block] = []
    rows = [("Learned from", summary.get("n_train")), ("Held out", summary.get("n_valid"))]
    sizes = tuple((name, counted(count)) for name, count in rows if count is not None)
    if sizes:
        blocks.append(Facts(rows=sizes))
    blocks += _shares(known)
    said = [*record.get("notes", ()), *known.record.get("said", ())]
    said += () if known.sample is None else known.sample.notes
    said = [_sentence(text) for text in dict.fromkeys(said)]
    if said:
        blocks.append(Items(texts=tuple(said)))
    blocks += _faults(known)
    if not blocks:
        blocks.append(Words(text="The model has no record of the data that it learned from."))
    return Section(name="data", title="The data and their faults", blocks=tuple(blocks))


def choice(known: Known) -> Section:
    """Tell which network was chosen, why, and what it cost beside the plan."""
    record = known.part("choice")
    blocks: list[Block] = []
    if record.get("reason"):
        blocks.append(Words(text=_sentence(record["reason"])))
    blocks += [Facts(rows=tuple(_network(known)))]
    tried = [row for row in record.get("tried", ()) if isinstance(row, Mapping)]
    if tried:
        blocks.append(_tried(known, tried))
    blocks += _clock(known)
    if known.summary.get("reason"):
        blocks.append(Words(text=_sentence(known.summary["reason"])))
    return Section(name="choice", title="The network and its cost", blocks=tuple(blocks))


def curve(known: Known) -> Section:
    """Draw how it learned."""
    record = known.part("curve")
    figures = [figure for figure in (score_curve(record), loss_curve(record)) if figure]
    none = (Words(text="The model has no record of how it learned."),)
    return Section(name="curve", title="How it learned", blocks=tuple(figures) or none)


def repeat(known: Known) -> Section:
    """Tell what is needed to make the same model and the same report again."""
    blocks: list[Block] = [Facts(rows=tuple(_commands(known)), code=True)]
    machine = known.part("machine")
    rows = [(_plain(name).capitalize(), str(value)) for name, value in machine.items()]
    numerics = known.part("training").get("numerics") or known.model.numerics
    rows.append(("Arithmetic", ", ".join(f"{_plain(k)}: {v}" for k, v in numerics.items())))
    rows.append(("Pellucid", _version()))
    blocks.append(Facts(rows=tuple(rows)))
    blocks.append(Facts(rows=tuple(_fingerprints(known)), code=True))
    if known.summary.get("budget"):
        text = (
            "A run within a budget takes as many steps as the machine is fast, so it repeats in"
            " kind; a run of a fixed number of steps (--steps) repeats to the last bit on a CPU."
        )
        blocks.append(Words(text=text))
    return Section(name="repeat", title="How to repeat it", blocks=tuple(blocks))


def duration(seconds: float) -> str:
    """Write a time as a person says it."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _reported_on(known: Known) -> str:
    if known.sample is None:
        return "no examples: none were given, and none are stored in the model"
    count = counted(len(known.sample))
    if not known.sample.given:
        return f"{count} that were held out from training and are stored in the model"
    return f"{count} of {known.asked.source}" if known.asked.source else f"{count} that were given"


def _shares(known: Known) -> Iterator[Block]:
    """Tell how frequent each class is, where there are classes."""
    schema, total = known.model.schema, known.summary.get("n_train")
    if not schema.shares or not schema.classes:
        return
    pairs = sorted(zip(schema.shares, schema.classes, strict=True), key=lambda pair: -pair[0])
    most, least = pairs[0][0] or 1.0, pairs[-1][0]
    if least > _ALIKE * most:
        yield Words(text=f"All {len(pairs)} answers are about equally frequent.")
        return
    rows = [
        (
            Cell(text=name),
            Cell(text=f"{share:.1%}", bar=share / most),
            *((Cell(text=f"{round(share * total):,}"),) if total else ()),
        )
        for share, name in pairs
    ]
    head = ("", "share", *(("examples, about",) if total else ()))
    yield table("How frequent each answer is on the training side", head, rows)


def _faults(known: Known) -> Iterator[Block]:
    record = known.part("data")
    sides = [("training", record.get("faults", 0), record.get("first_faults", ()))]
    if known.sample is not None and known.sample.given:
        here = known.sample.faults
        found = [{"name": fault.name, "reason": fault.reason} for fault in here]
        sides.append(("this report", len(here), found))
    for use, count, first in sides:
        if not count:
            continue
        yield Notice(text=f"{counted(count)} could not be used for {use}.", tone="bad")
        rows = [(fault["name"], fault["reason"]) for fault in first[:_LISTED]]
        shown = "" if len(rows) == count else f" (the first {len(rows)})"
        yield table(f"Left out of {use}{shown}", ("example", "why"), rows, words=(0, 1))
    if record and not record.get("faults"):
        yield Words(text="Every example could be read.")


def _network(known: Known) -> Iterator[tuple[str, str]]:
    summary, training = known.summary, known.part("training")
    weights = summary.get("weights") or sum(w.numel() for w in known.model.network.parameters())
    built = ", ".join(f"{_plain(name)} {value}" for name, value in known.model.built.items())
    yield "Network", f"{built}: {weights:,} weights"
    if summary.get("steps"):
        batch = f" of {training['batch']:,} examples" if training.get("batch") else ""
        yield "Steps", f"{summary['steps']:,}{batch}"
    if summary.get("seconds"):
        limit = f" of {duration(summary['budget'])}" if summary.get("budget") else ""
        yield "Time", f"{duration(summary['seconds'])}{limit}"
    planned = [row["passes"] for row in _mine(known)]
    if summary.get("passes"):
        plan = f"; {planned[0]:.3g} were planned" if planned else ""
        yield "Passes over the examples", f"{summary['passes']:.3g}{plan}"


def _mine(known: Known) -> list[Mapping[str, Any]]:
    """Find the row of the network that was chosen among those that were tried."""
    built = {name: at for name, at in known.model.built.items() if name != "members"}
    rows = known.part("choice").get("tried", ())
    return [
        row for row in rows if row.get("passes") and all(row.get(k) == v for k, v in built.items())
    ]


def _tried(known: Known, tried: Sequence[Mapping[str, Any]]) -> Block:
    names = list(dict.fromkeys(name for row in tried for name in row))
    mine = _mine(known)
    rows = [
        [
            _value(row.get(name)) + (" (chosen)" if row in mine and not at else "")
            for at, name in enumerate(names)
        ]
        for row in tried
    ]
    head = [_plain(name).replace("microseconds", "µs") for name in names]
    words = [at for at, name in enumerate(names) if isinstance(tried[0].get(name), str)]
    note = "Passes: over the examples, that the time allows; wanted: that such a network needs."
    return table("Networks that were timed", head, rows, words=words, note=note)


def _clock(known: Known) -> Iterator[Block]:
    stages = {name: took for name, took in known.part("clock").items() if took is not None}
    if not stages:
        return
    total = known.summary.get("budget") or sum(stages.values())
    rows = [
        (name, Cell(text=f"{took:.1f} s", bar=min(1.0, took / total)), f"{took / total:.0%}")
        for name, took in stages.items()
    ]
    of = "the budget" if known.summary.get("budget") else "all"
    yield table("Where the time went", ("stage", "time", f"of {of}"), rows)


def _commands(known: Known) -> Iterator[tuple[str, str]]:
    summary, seed = known.summary, known.part("training").get("seed")
    words = ["pellucid", "fit", "DATA", "--task", known.model.task.name]
    if known.model.schema.target:
        words += ["--target", known.model.schema.target]
    if summary.get("budget"):
        words += ["--budget", f"{summary['budget']:g} s"]
    elif summary.get("steps"):
        words += ["--steps", str(summary["steps"])]
    words += [] if seed is None else ["--seed", str(seed)]
    if summary:
        yield "The model", shlex.join(words)
    if known.asked.command:
        yield "This report", known.asked.command


def _fingerprints(known: Known) -> Iterator[tuple[str, str]]:
    if known.part("data").get("fingerprint"):
        yield "Training data, and how they were divided", str(known.part("data")["fingerprint"])
    digest = hashlib.sha256()
    for name, weight in known.model.network.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().flatten().numpy().tobytes())
    yield "Weights", digest.hexdigest()[:32]
    if known.sample is not None and known.sample.given:
        keys = sorted(known.model.kind.keys(known.sample.examples).tolist())
        found = hashlib.sha256(",".join(map(str, keys)).encode())
        yield "Data of this report", found.hexdigest()[:32]


def _version() -> str:
    return str(sys.modules["pellucid"].__dict__["__version__"])


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _sentence(text: str) -> str:
    """End as a sentence does; it may begin with a name, which stays as it is written."""
    text = text.strip()
    return text if text[-1:] in ".!?:" else f"{text}."


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + rest
