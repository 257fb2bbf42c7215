"""One look at what a model relies on: explain, paste, cover, and put into words.

Letters: N examples, A areas, K outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import monotonic
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Examples
from pellucid.explaining import Subject
from pellucid.explaining._areas import together
from pellucid.explaining._cases import Cases
from pellucid.explaining._choosing import others
from pellucid.explaining._covering import Covering, Judged
from pellucid.explaining._grafting import Grafting, Pool
from pellucid.explaining._laying import Laid, Limits, encoded, lay, present
from pellucid.explaining._reasons import clusters, consistency, leading, sentence, typical
from pellucid.explaining._reliance import Cluster, Reason, Reliance
from pellucid.explaining._wrongness import Doubt, Effort, doubts

_EXPLAINED, _ASKED, _DONORS, _JUDGED = 200, 300, 400, 600  # examples
_HELD = 20_000_000  # numbers of input in memory at once
_FEWEST = 24  # examples, however large
_ANSWERS = 20  # that are gone through, the most frequent
_ENOUGH = 3  # examples explained that reasons of an answer are named from
_REASONS = 5  # of all answers; of each one, the fewer the more answers there are
_EXPLAINING, _PASTING, _COVERING = 0.4, 0.35, 0.2  # of the time
_QUESTIONS = 60_000  # where time does not press
_CLEAR = 0.5  # suspicion


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What is asked about.

    Args:
        examples: all of them.
        outputs: of the network for them, on the CPU.
        y: their right answers, on the CPU; None if they are not known.
        wanted: the examples whose answers are explained.
        wrong: the examples that are answered wrongly, if it is about mistakes; else None.
        about: the same in words.
    """

    examples: Examples
    outputs: Float[Tensor, "N K"]
    y: Tensor | None
    wanted: Bool[Tensor, " N"]
    wrong: Bool[Tensor, " N"] | None
    about: str


class Survey:
    """Explains many examples and tests what the explanations suggest.

    Args:
        subject: what is asked.
        question: about which examples.
        cases: training cases; None if the model has none.
        trust: which explainer speaks for the model.
        limits: of the time.
    """

    def __init__(
        self,
        subject: Subject,
        question: Question,
        *,
        cases: Cases | None,
        trust: Mapping[str, Any],
        limits: Limits,
    ) -> None:
        self.subject = subject
        self.question = question
        self.cases = cases
        self.trust = trust
        self.limits = limits
        self.started = monotonic()
        self._tested = 0
        self.random = np.random.default_rng(limits.seed)
        self.chosen = subject.task.chosen(question.outputs)
        self.numbers = bool((subject.task.rivals(question.outputs[:1]) < 0).any())

    def reliance(self) -> Reliance:
        """Give everything that was found."""
        laid = self.laid
        found = self._doubts()
        items = [*self._suspicious(found), *self._plain(found)]
        picture, shown = self._picture(items)
        return Reliance(
            about=self.question.about,
            n=len(laid.shares),
            method=laid.method,
            metric=self.subject.task.metric,
            items=tuple(items),
            clusters=tuple(self._clusters()),
            notes=tuple(self._notes()),
            picture=picture,
            picture_of=shown,
        )

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Which examples to explain: the answers in turn, so that rare ones are there."""
        wanted = np.flatnonzero(self.question.wanted.numpy())
        wanted = self.random.permutation(wanted)
        answers = self.chosen.numpy()[wanted]
        turn = np.zeros(len(wanted), dtype=np.int64)
        for answer in np.unique(answers):
            mine = answers == answer
            turn[mine] = np.arange(mine.sum())
        return wanted[np.argsort(turn, kind="stable")][: self._most(_EXPLAINED)]

    @cached_property
    def laid(self) -> Laid:
        """The explanations."""
        limits = replace(self.limits, seconds=self._part(_EXPLAINING))
        return lay(
            self.subject,
            self._take(self.places),
            self.chosen[self.places].to(self.subject.device),
            self.others,
            trust=self.trust,
            limits=limits,
        )

    @cached_property
    def groups(self) -> dict[int, NDArray[np.int64]]:
        """The explanations of each answer that is gone through, the most frequent answer first."""
        which = self.laid.which.cpu().numpy()
        wanted = self.chosen.numpy()[self.question.wanted.numpy()]
        answers, counts = np.unique(wanted, return_counts=True)
        order = answers[np.argsort(-counts, kind="stable")][:_ANSWERS]
        rows = {int(answer): np.flatnonzero(which == answer) for answer in order}
        return {answer: found for answer, found in rows.items() if len(found)}

    @cached_property
    def shares(self) -> Float[np.ndarray, "N A"]:
        """Shares as they are compared: those of numbers without their sign."""
        return np.abs(self.laid.shares) if self.numbers else self.laid.shares

    @cached_property
    def where(self) -> list[Any]:
        """Where each area lies in a typical example, or in the first that has it."""
        parts = self.laid.parts
        order = [typical(self.shares), *range(len(parts))]
        found: dict[str, Any] = {}
        for place in order:
            for name, where in zip(parts[place].names, parts[place].where, strict=True):
                found.setdefault(name, where)
        return [found[name] for name in self.laid.names]

    @cached_property
    def others(self) -> Float[Tensor, "M ..."]:
        """Training cases that blanks may be made of."""
        return others(self.subject, self.cases)

    @cached_property
    def sample(self) -> tuple[NDArray[np.int64], Pool, float]:
        """Examples of all answers to paste into, and questions a second that were answered."""
        count = min(len(self.question.examples), self._most(_ASKED))
        places = np.sort(self.random.permutation(len(self.question.examples))[:count])
        x = encoded(self.subject, self._take(places))
        start = monotonic()
        pool = Pool.of(self.subject, x)
        return places, pool, count / max(monotonic() - start, 1e-4)

    @cached_property
    def covering(self) -> tuple[NDArray[np.int64], Covering]:
        """A sample of the examples, and what covers areas in it."""
        rate, question = self.sample[2], self.question
        count = min(self._most(_JUDGED), len(question.examples))
        if self.limits.seconds is not None:
            items = _REASONS + 2 * len(self.groups)
            count = min(count, max(_FEWEST, int(rate * self.limits.seconds * _COVERING / items)))
        places = np.sort(self.random.permutation(len(question.examples))[:count])
        taken = self._take(places)
        judged = Judged(
            x=encoded(self.subject, taken),
            outputs=question.outputs[places],
            y=None if question.y is None else question.y[places],
            parts=tuple(self.subject.kind.areas(taken, self.subject.schema)),
            blank=self.laid.blank,
            others=self.others,
        )
        return places, Covering(self.subject, judged, seed=self.limits.seed)

    def _doubts(self) -> dict[int, list[Doubt]]:
        """Paste areas, for each answer."""
        area = self.laid.aligned()
        if area is None:
            return {}
        _, pool, rate = self.sample
        seconds = self._part(_PASTING)
        questions = _QUESTIONS if seconds is None else min(_QUESTIONS, seconds * rate)
        effort = Effort.within(questions, answers=len(self.groups), areas=len(self.where))
        donors = pool.with_more(Pool.of(self.subject, self._cases(_DONORS)))
        grafting = Grafting(self.subject, area, donors, pool, seed=self.limits.seed)
        leading = {
            which: self._leading(rows)[:1] if seconds is None else []
            for which, rows in self.groups.items()
        }
        found = doubts(
            grafting, leading, self.where, effort, lambda: self._late(_EXPLAINING + _PASTING)
        )
        self._tested = len(found)
        return found

    def _suspicious(self, found: Mapping[int, list[Doubt]]) -> list[Reason]:
        """Give the reason of each answer that speaks most against it, if that is clear."""
        worst = []
        for each in found.values():
            clear = [doubt for doubt in each if doubt.suspicion > _CLEAR]
            worst += [max(clear, key=lambda doubt: doubt.strength)] if clear else []
        worst.sort(key=lambda doubt: self._mean(self.groups[doubt.which])[[*doubt.areas]].sum())
        # Of two answers, what speaks for one speaks against the other: it is told of the first.
        once = {frozenset(doubt.areas): doubt for doubt in worst}.values()
        worst = sorted(once, key=lambda doubt: -doubt.strength)
        return [self._reason(doubt.areas, doubt.which, doubt) for doubt in worst]

    def _plain(self, found: Mapping[int, list[Doubt]]) -> list[Reason]:
        """Give the areas that lead, over all answers and for each, but for what is suspicious."""
        several = len(self.groups) > 1
        most = max(1, _REASONS - len(self.groups))
        groups: dict[int | None, NDArray[np.int64]] = dict(self.groups.items())
        if several:
            groups = {which: rows for which, rows in groups.items() if len(rows) >= _ENOUGH}
            groups[None] = np.arange(len(self.shares))
        reasons = []
        for which, rows in groups.items():
            tried = {one.areas: one for one in found.get(which, ())} if which is not None else {}
            known = {at for one in tried.values() if one.suspicion > _CLEAR for at in one.areas}
            for areas in self._leading(rows)[: most if which is not None else _REASONS]:
                if not known.intersection(areas):
                    reasons.append(self._reason(areas, which, tried.get(areas)))
        return sorted(reasons, key=lambda reason: -reason.share * reason.there)

    def _reason(self, areas: tuple[int, ...], which: int | None, doubt: Doubt | None) -> Reason:
        rows = np.arange(len(self.shares)) if which is None else self.groups[which]
        names = tuple(self.laid.names[at] for at in areas)
        name, where = together(names, [self.where[at] for at in areas])
        answer = "" if which is None or self.numbers else self.subject.task.answer_name(which)
        suspicious = doubt is not None and doubt.suspicion > _CLEAR
        places, covering = self.covering
        late = self._late(1.0) and not suspicious
        there = self.laid.there[rows]
        having = there[:, list(areas)].any(axis=1)
        own = self._own(places, which) & self._having(names)
        return Reason(
            name=name,
            areas=names,
            where=where,
            answer=answer,
            n=len(rows),
            share=float(self._mean(rows[having])[list(areas)].sum()),
            consistency=consistency(self.shares[rows], areas, there),
            there=float(having.mean()),
            turned=None if doubt is None or self.numbers else doubt.graft.turned,
            suspicion=0.0 if doubt is None else doubt.suspicion,
            suspicious=suspicious,
            why=sentence(doubt, name, answer, len(self.where)) if doubt and suspicious else "",
            effect=None if late else covering.effect(names, own),
        )

    def _own(self, places: NDArray[np.int64], which: int | None) -> Bool[Tensor, " N"]:
        """Mark the examples that a reason goes with: those of its class, or the mistakes."""
        question = self.question
        if question.wrong is not None:
            own = question.wrong[places]
            return own if which is None else own & (self.chosen[places] == which)
        if which is None or self.numbers:
            return torch.ones(len(places), dtype=torch.bool)
        right = self.chosen if question.y is None else question.y
        return right[places] == which

    def _having(self, areas: Sequence[str]) -> Bool[Tensor, " N"]:
        """Mark the examples of the sample that have one of these areas."""
        wanted = list(areas)
        parts = self.covering[1].judged.parts
        have = [bool((np.isin(one.names, wanted) & present(one)).any()) for one in parts]
        return torch.tensor(have)

    def _mean(self, rows: NDArray[np.int64]) -> Float[np.ndarray, " A"]:
        """Average shares, each answer weighted by how frequent it is among the wanted."""
        which = self.laid.which.cpu().numpy()
        wanted = self.chosen.numpy()[self.question.wanted.numpy()]
        weights = np.array([(wanted == at).sum() / (which == at).sum() for at in which[rows]])
        return weights @ self.shares[rows] / weights.sum()

    def _leading(self, rows: NDArray[np.int64]) -> list[tuple[int, ...]]:
        return leading(self._mean(rows), self.where, self.laid.there[rows].sum(axis=0))

    def _clusters(self) -> list[Cluster]:
        names = [self.question.examples.names[place] for place in self.places[: len(self.shares)]]
        found = []
        for which, rows in self.groups.items():
            answer = "" if self.numbers else self.subject.task.answer_name(which)
            both = self.laid.names, [names[row] for row in rows]
            found += clusters(self.shares[rows], answer, self.where, both, seed=self.limits.seed)
        return sorted(found, key=lambda cluster: -cluster.size)

    def _picture(self, items: Sequence[Reason]) -> tuple[bytes, str]:
        """Paint mean shares over a typical example of the first reason."""
        task, rows = self.subject.task, np.arange(len(self.shares))
        answer = items[0].answer if items else ""
        if answer:
            rows = self.groups[task.answer_place(answer)]
        row = int(rows[typical(self.shares[rows])])
        mean = dict(zip(self.laid.names, self._mean(rows).tolist(), strict=True))
        parts = self.laid.parts[row]
        shares = np.array([mean[name] for name in parts.names])
        one = self._take(self.places[row : row + 1])
        shown = f"mean shares of {len(rows)} examples" + (f" answered {answer!r}" if answer else "")
        return self.subject.kind.paint(one, 0, parts, shares), f"{shown}, over {one.names[0]}"

    def _notes(self) -> list[str]:
        laid, wanted = self.laid, int(self.question.wanted.sum())
        score = self.trust.get("scores", {}).get(laid.method)
        notes = []
        if len(laid.shares) < wanted:
            notes.append(f"{len(laid.shares):,} of {wanted:,} examples were explained")
        if score is None:
            notes.append(f"how far {laid.method} can be trusted on this model was not measured")
        else:
            notes.append(
                f"{laid.method} was measured on held-out cases: faithfulness {score['value']:.2f} "
                f"({score['low']:.2f} to {score['high']:.2f}; 0 is chance)"
            )
        if 0 < self._tested < len(self.groups):
            left = len(self.groups) - self._tested
            notes.append(f"there was no time to paste areas for {left} of the answers")
        if laid.aligned() is None:
            notes.append("the areas differ between examples, so that none could be pasted")
        if not len(self.others):
            notes.append("no training cases are stored: what is in these examples alone was tried")
        return notes

    def _take(self, places: NDArray[np.int64]) -> Examples:
        return self.subject.kind.take(self.question.examples, places)

    def _cases(self, count: int) -> Float[Tensor, "M ..."]:
        """Give at most so many training cases."""
        if self.cases is None:
            return torch.zeros(0, *self.subject.schema.shape, device=self.subject.device)
        return self.subject.x(self.cases.spread(self._most(count)))

    def _most(self, count: int) -> int:
        """Keep to what fits into memory."""
        return min(count, max(_FEWEST, _HELD // int(np.prod(self.subject.schema.shape))))

    def _late(self, share: float) -> bool:
        """Tell whether more than a share of the time has gone."""
        part = self._part(share)
        return part is not None and monotonic() - self.started > part

    def _part(self, share: float) -> float | None:
        return None if self.limits.seconds is None else share * self.limits.seconds
