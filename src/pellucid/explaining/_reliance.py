"""What a model relies on over a whole set, as it is reported."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pellucid.tasks import Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What covering an area does to the model.

    Args:
        n: examples that it was covered in.
        kept: share of them whose answer stayed; None for numbers.
        score: the task's metric on all of them as they are; None without targets.
        covered: the same with the area covered.
        own: the metric on those that the reason goes with, as they are: for a class its recall, for
            mistakes 0 at first; None if there are too few.
        own_covered: the same with the area covered.
    """

    n: int
    kept: float | None = None
    score: Estimate | None = None
    covered: Estimate | None = None
    own: Estimate | None = None
    own_covered: Estimate | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One area that answers rest on.

    Args:
        name: of the area, or of several that touch.
        areas: the names of those.
        where: it is, in a typical example; see `Parts.where`.
        answer: that it goes with, in the user's words; "" for all answers.
        n: examples explained that got this answer.
        share: its mean share of what all areas add and take away, in the examples that have it; for
            numbers without its sign.
        consistency: in what share of those that have it, it is among the strongest tenth of their
            areas.
        there: share of the examples that have it: 1 for a column, less for a word.
        turned: share of other examples whose answers became this one when the area was pasted into
            them; None if that was not tried.
        suspicion: from 0 to 1, how much it looks like a wrong reason.
        suspicious: whether that is more than a half.
        why: what speaks for that, as a sentence; "" if not suspicious.
        effect: of covering it; None if there was no time.
    """

    name: str
    areas: tuple[str, ...]
    where: Any
    answer: str
    n: int
    share: float
    consistency: float
    there: float = 1.0
    turned: float | None = None
    suspicion: float = 0.0
    suspicious: bool = False
    why: str = ""
    effect: Effect | None = None

    def __str__(self) -> str:
        about = f" for {self.answer!r}" if self.answer else ""
        text = f"{self.name}{about}: {self.share:.0%} of the change"
        text += f", a leading area in {self.consistency:.0%} of {round(self.there * self.n)}"
        text += f" that have it, of {self.n}" if self.there < 1 else ""
        found = self.effect
        if found is not None and found.score is not None and found.covered is not None:
            text += f"; covered, the score goes from {found.score.value:.3g}"
            text += f" to {found.covered.value:.3g}"
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Answers that were given for the same reason.

    Args:
        answer: that they are, in the user's words.
        size: how many of the examples explained.
        of: examples explained that got this answer.
        areas: that lead in them, the strongest first.
        share: of those areas together, on average.
        examples: names of some, the most typical first.
    """

    answer: str
    size: int
    of: int
    areas: tuple[str, ...]
    share: float
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliance:
    """What a model relies on over a whole set.

    Args:
        about: what was looked at, as a clause: "all answers", "the answer 'bag'", "the mistakes".
        n: examples explained.
        method: the explainer.
        metric: name of the score.
        items: reasons, the suspicious ones first, then by share.
        clusters: answers given for the same reason, the largest first.
        notes: sentences that a reader must know.
        picture: a typical example as a PNG, with the mean shares in colour.
        picture_of: what it shows, as a clause.
    """

    about: str
    n: int
    method: str
    metric: str
    items: tuple[Reason, ...]
    clusters: tuple[Cluster, ...] = ()
    notes: tuple[str, ...] = ()
    picture: bytes = field(default=b"", repr=False)
    picture_of: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types; the picture is left out."""
        return {
            "about": self.about,
            "n": self.n,
            "method": self.method,
            "metric": self.metric,
            "items": [{**asdict(item), "areas": list(item.areas)} for item in self.items],
            "clusters": [
                {**asdict(one), "areas": list(one.areas), "examples": list(one.examples)}
                for one in self.clusters
            ],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"What the model relies on, {self.about}: {self.n} explained by {self.method}"]
        for item in self.items:
            lines.append(f"{'!' if item.suspicious else ' '} {item}")
            lines += [f"    {item.why}"] if item.why else []
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])
