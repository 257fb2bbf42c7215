"""The sections that tell why it answers as it does, and how far that can be believed."""

from collections.abc import Iterator, Sequence
from typing import Any

from pellucid import _grid
from pellucid.explaining import _showing
from pellucid.explaining._evidence import Explanation
from pellucid.explaining._reliance import Cluster, Effect, Reason, Reliance
from pellucid.reporting._blocks import (
    Block,
    Card,
    Cell,
    Items,
    Notice,
    Picture,
    Section,
    Table,
    Words,
    counted,
    data_uri,
    table,
)
from pellucid.reporting._facts import Facts, Mistake
from pellucid.reporting._limits import Caveat, suspicious
from pellucid.reporting._score_sections import methods

_NEAREST = 3  # training cases that a card names
_STRONGEST = 6  # parts that a card lists
_RELIED = 12  # areas that are listed
_FEWEST = 10  # explanations that say what a model relies on
_SUSPECTS = 20

_NOBODY = "Unknown: no examples with known answers were given, and none are stored in the model."


def mistakes(facts: Facts) -> Section:
    """Show the surest mistakes, each with its explanation."""
    title = "Samples, explained" if facts.makes else "The surest mistakes, explained"
    if facts.sample is None:
        return _section("mistakes", title, Words(text=_NOBODY))
    text = "What makes the first samples look real, or not, to the critic that taught the artist."
    blocks: list[Block] = [Words(text=text if facts.makes else _counted(facts))]
    if "mistakes" in facts.silent:
        blocks.append(Notice(text=f"They could not be explained: {facts.silent['mistakes']}"))
    blocks += [_card(each) for each in facts.mistakes]
    return _section("mistakes", title, *blocks)


def reliance(facts: Facts) -> Section:
    """Show what the model relies on over many examples, what is suspicious first."""
    title = "What it relies on"
    known = facts.reliance
    if known is None:
        reason = facts.silent.get("reliance")
        return _section("reliance", title, Words(text=reason or _NOBODY))
    blocks: list[Block] = []
    for item in suspicious(facts):
        about = f"{item.name} for {item.answer}" if item.answer else item.name
        blocks.append(Notice(text=f"Suspicious: {about}; {item.why}", tone="bad"))
    blocks += _laid(facts, known) if known.n >= _FEWEST else [_too_few(known)]
    blocks += [Words(text=f"{note.rstrip('.')}.") for note in known.notes]
    return _section("reliance", title, *blocks)


def suspects(facts: Facts) -> Section | None:
    """List the examples whose given answer is likely wrong; None where nothing is answered."""
    if facts.makes:
        return None
    title = "Answers in the data that look wrong"
    if facts.sample is None:
        return _section("suspects", title, Words(text=_NOBODY))
    if not facts.suspects:
        text = f"None of {len(facts.sample):,} given answers looks wrong."
        return _section("suspects", title, Words(text=text))
    rows = [
        (
            one.name,
            one.given,
            one.likelier,
            _chance(one.given_probability),
            _chance(one.likelier_probability),
        )
        for one in facts.suspects[:_SUSPECTS]
    ]
    head = ("example", "given", "likelier", "probability of given", "of likelier")
    text = (
        f"{len(facts.suspects):,} of {len(facts.sample):,} given answers look wrong: the model,"
        " which did not learn from them, believes in another answer more than it usually does."
        " Look at them before you believe either."
    )
    shown = f"The {len(rows)} likeliest" if len(rows) < len(facts.suspects) else "The suspects"
    return _section("suspects", title, Words(text=text), table(shown, head, rows, words=(0, 1, 2)))


def trust(facts: Facts) -> Section:
    """Tell how far explanations of this model can be trusted, as it was measured."""
    title = "How far its explanations can be trusted"
    known = facts.trust
    scores = {
        name: row
        for name, row in (known.get("scores") or {}).items()
        if row.get("value") is not None
    }
    scores = dict(sorted(scores.items(), key=lambda pair: -pair[1]["value"]))
    if not scores:
        text = "It was not measured on this model which way of explaining can be believed."
        return _section("trust", title, Words(text=text))
    count = known.get("cases")
    measured = f" on {count:,} held-out examples" if isinstance(count, int) else ""
    text = (
        f"Explanations are made by {_plain(known.get('method'))}, chosen among {len(scores)}"
        f" methods by how faithful they are{measured}. Faithfulness is how much better than chance"
        " an explanation foretells what happens when its parts are covered: 0 is chance."
    )
    rows = [
        (
            _plain(name) + (" (used)" if name == known.get("method") else ""),
            _grid.figure(row["value"]),
            f"{_grid.figure(row.get('low'))} to {_grid.figure(row.get('high'))}",
            "-" if row.get("seconds") is None else f"{1000 * row['seconds']:,.0f} ms",
        )
        for name, row in scores.items()
    ]
    head = ("method", "faithfulness", "95 % interval", "time for one")
    blocks: list[Block] = [Words(text=text), methods(scores), table("Methods", head, rows)]
    if isinstance(known.get("randomised"), float):
        alike = known["randomised"]
        tone = "bad" if alike > 0.5 else "plain"
        sentence = (
            "Explanations should change when the network has forgotten everything. Against those of"
            f" a network with random weights their likeness is {alike:.2f} (1 is the same, 0 is"
            " unlike)."
        )
        blocks.append(Notice(text=sentence, tone=tone))
    return _section("trust", title, *blocks)


def limits(caveats: Sequence[Caveat]) -> Section:
    """List the limits of use, the weightiest first."""
    title = "Limits of use"
    if not caveats:
        return _section("limits", title, Words(text="The facts of this run give no warning."))
    return _section("limits", title, Items(texts=tuple(caveat.text for caveat in caveats)))


def _section(name: str, title: str, *blocks: Block) -> Section:
    return Section(name=name, title=title, blocks=blocks)


def _counted(facts: Facts) -> str:
    assert facts.sample is not None
    count, shown = len(facts.sample), len(facts.mistakes)
    if facts.wrong is None:
        largest = "The largest error" if shown == 1 else f"The {shown} largest errors"
        none = "The task does not tell how wrong a single answer is."
        return f"{largest} among {count:,} examples." if shown else none
    if not facts.wrong:
        return f"All {count:,} examples were answered rightly."
    text = f"{facts.wrong:,} of {count:,} examples were answered wrongly"
    if not shown:
        return f"{text}."
    these = "this is the one" if shown == 1 else f"these are the {shown}"
    return f"{text}; {these} that it was surest of."


def _card(mistake: Mistake) -> Card:
    why = mistake.explanation
    drawn = [part.name for part in _showing.strongest(why.parts)[:3] if part.share > 0]
    return Card(
        title=_showing.clean(why.name),
        answer=_showing.clean(str(why.answer)),
        truth=mistake.truth,
        reliable=why.reliable,
        verdict=_showing.verdict(why),
        picture=data_uri(why.picture),
        shown=f"{why.name}, each part coloured by its share; most speak for the answer:"
        f" {', '.join(drawn) or 'none'}",
        sound=data_uri(why.sound),
        parts=_parts(why),
        remarks=tuple(_remarks(why)),
    )


def _parts(why: Explanation) -> Table:
    ranked = sorted(why.parts, key=lambda part: -abs(part.share))[:_STRONGEST]
    shown = sorted(ranked, key=lambda part: -part.share)
    shares = _showing.signed([part.share for part in shown])
    rows = [
        (
            _showing.clean(part.name),
            Cell(
                text=share,
                bar=_showing.length(part.share, why.parts),
                tone="for" if part.share > 0 else "against",
            ),
        )
        for part, share in zip(shown, shares, strict=True)
    ]
    more = len(why.parts) - len(shown)
    note = f"{more} more parts have smaller shares." if more > 0 else ""
    return table(_showing.heading(why).rstrip(":"), ("part", "share"), rows, note=note)


def _remarks(why: Explanation) -> Iterator[str]:
    yield from _showing.aside(why)
    if why.contrast is not None:
        first, *changes = [line.strip() for line in _showing.instead(why.contrast)]
        yield f"{first} {'; '.join(changes)}".strip()
    nearest = [
        f"{_showing.clean(one.name)}: {_showing.clean(one.target)}"
        f" (speaks {_showing.pushes(one)}, alike {one.similarity:.2f})"
        for one in why.neighbours[:_NEAREST]
    ]
    if nearest:
        yield f"Training examples that bear on it: {'; '.join(nearest)}."
    yield from why.notes


def _too_few(known: Reliance) -> Block:
    text = f"{counted(known.n)} explained: too few to say what it relies on. More time tells more."
    return Words(text=text)


def _laid(facts: Facts, known: Reliance) -> Iterator[Block]:
    text = f"{known.n:,} explanations ({known.about}), made by {_plain(known.method)}, were laid"
    yield Words(text=f"{text} over each other.")
    picture = data_uri(known.picture)
    if picture:
        shown = known.picture_of or "a typical example, coloured by mean shares"
        yield Picture(picture=picture, shown=shown, caption=f"Shown: {shown}.")
    if known.items:
        yield _relied(facts, known.items)
    else:
        yield Words(text="No part matters for many examples at once.")
    if known.clusters:
        yield _clusters(known.clusters)


def _relied(facts: Facts, items: Sequence[Reason]) -> Block:
    most = max(abs(item.share) for item in items) or 1.0
    metric = _plain(facts.model.task.metric)
    partial = any(item.there < 1 for item in items)
    rows: list[tuple[str | Cell, ...]] = [
        (
            Cell(
                text=f"{item.name} (suspicious)" if item.suspicious else item.name,
                tone="bad" if item.suspicious else "",
            ),
            item.answer or "all answers",
            Cell(
                text=f"{item.share:.0%}",
                bar=abs(item.share) / most,
                tone="bad" if item.suspicious else "",
            ),
            *([f"{item.there:.0%}"] if partial else []),
            f"{item.consistency:.0%}",
            _chance(item.turned),
            *_effect(item.effect),
        )
        for item in items[:_RELIED]
    ]
    found = ("found in",) if partial else ()
    head = ("part", "for", "share", *found, "leads in", "turns", metric, "covered")
    having = (
        " Found in: so many of them have it at all; the other figures are of those."
        if partial
        else ""
    )
    note = (
        "Share: of all that its parts add and take away, on average. Leads in: of so many examples"
        " it is one of the strongest parts. Turns: of so many other examples the answer became this"
        f" one when the part was pasted into them. Covered: the {metric} when nobody can see it."
        f"{having}"
    )
    return table("Parts that answers rest on", head, rows, words=(0, 1), note=note)


def _effect(effect: Effect | None) -> tuple[str, str]:
    """Give the score as it is and with the part covered, of the examples it goes with if known."""
    if effect is None:
        return "-", "-"
    pair = (effect.own, effect.own_covered)
    before, after = pair if None not in pair else (effect.score, effect.covered)
    if before is None or after is None:
        return "-", "-"
    return _grid.figure(before.value), _grid.figure(after.value)


def _clusters(clusters: Sequence[Cluster]) -> Block:
    rows = [
        (
            one.answer,
            f"{one.size} of {one.of}",
            ", ".join(one.areas),
            f"{one.share:.0%}",
            ", ".join(one.examples[:_NEAREST]),
        )
        for one in clusters
    ]
    head = ("answer", "examples", "rest on", "share", "such as")
    return table("Answers given for the same reason", head, rows, words=(0, 2, 4))


def _chance(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _plain(name: Any) -> str:
    return str(name).replace("_", " ")
