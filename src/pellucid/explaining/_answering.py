"""One whole explanation: shares, their faithfulness, training cases, and the contrast.

examples, place ──▶ Case ──explainer──▶ shares ──measured──▶ verdict ──▶ Explanation
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pellucid import registry
from pellucid.data import Beside, Examples
from pellucid.errors import BadInputError
from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._cases import Cases
from pellucid.explaining._choosing import choose_blank, others, suiting, trust
from pellucid.explaining._evidence import Explanation, Part
from pellucid.explaining._faithfulness import measure
from pellucid.explaining._reliability import verdict
from pellucid.explaining.contrast import contrast
from pellucid.explaining.neighbours import Recall
from pellucid.tasks import Answer

_MEASURING = 10.0  # seconds for choosing a method, where the model file does not name one
_WITHOUT = "shapley"  # where there is nothing to measure methods on: it suits every network
_MISSING = 0.01  # of the change: shares that miss more of it are not said to sum up


class Found(NamedTuple):
    """Shares, (P,), how they lie within their parts, if anybody knows, and the answer."""

    shares: Tensor
    detail: Tensor | None
    given: Answer


class Why:
    """What explains the answers of one model; what they share is computed once.

    Args:
        subject: what is explained.
        cases: stored training cases; None if the model has none.
        trust: which explainer speaks for the model, as `_choosing.trust` gave it; {} if nobody
            measured that.
    """

    def __init__(self, subject: Subject, cases: Cases | None, trust: Mapping[str, Any]) -> None:
        self.subject = subject
        self.cases = cases
        self._trust = trust

    @cached_property
    def trust(self) -> Mapping[str, Any]:
        """How well each explainer foretells what this network does, measured now if need be."""
        if self._trust or self.cases is None or not len(self.cases.held):
            return self._trust
        return trust(self.subject, self.cases, seconds=_MEASURING)

    @cached_property
    def recall(self) -> Recall | None:
        """The training cases as the network sees them."""
        if self.cases is None or not len(self.cases.stored):
            return None
        return Recall(self.subject, self.cases)

    @cached_property
    def others(self) -> Tensor:
        """Some training examples that blanks may be made of, (N, *schema.shape)."""
        return others(self.subject, self.cases)

    def case(
        self,
        examples: Examples,
        place: int,
        *,
        answer: str | None = None,
        blank: str | None = None,
        seed: int = 0,
    ) -> tuple[Case, str, Tensor]:
        """Make ready one example: the case, the name of its blank, and the outputs, (1, K).

        Raises:
            BadInputError: if there is no such answer or blank.
        """
        subject = self.subject
        one = subject.kind.take(examples, np.array([place]))
        x = subject.posed(subject.x(subject.kind.encode(one, subject.schema)))
        outputs = subject.asked(x)
        task = subject.task
        which = int(task.chosen(outputs)[0]) if answer is None else task.answer_place(answer)
        blank, blanks = self._blank(x, which, blank)
        (parts,) = subject.kind.parts(one, subject.schema)
        parts = task.divided(parts, x[0], which)
        case = Case(x=x[0], parts=parts, blanks=blanks, which=which, seed=seed)
        return case, blank, outputs

    def explain(
        self,
        examples: Examples,
        place: int,
        *,
        answer: str | None = None,
        method: str | None = None,
        level: float = 0.9,
        seed: int = 0,
    ) -> Explanation:
        """Explain the answer to one example.

        Args:
            examples: read with the schema of the model.
            place: of the example among them.
            answer: that is explained, in the user's words; None for the one that the model gives.
            method: name of an explainer; None for the one that speaks for this model.
            level: of the answer's set or interval.
            seed: of whatever is drawn.

        Raises:
            BadInputError: if there is no such answer or method, or it does not suit the network.
        """
        subject = self.subject
        case, blank, outputs = self.case(examples, place, answer=answer, seed=seed)
        explainer = self.explainer(method)
        shares = explainer.shares(subject, case)
        faithfulness = measure(subject, case, shares, explainer)
        reliable, reason = verdict(
            faithfulness, self.trust, method=explainer.name, kind=subject.kind.name
        )
        detail = explainer.detail(subject, case, shares)
        which = torch.tensor([case.which], device=outputs.device)
        everything = torch.zeros(1, len(case.parts), dtype=torch.bool)
        (given,) = subject.task.answers(outputs, subject.calibration, level=level)
        return Explanation(
            name=examples.names[place],
            answer=given,
            about=subject.task.answer_name(case.which),
            unit=subject.task.unit,
            number=float(subject.task.explained(outputs, which, subject.calibration)[0]),
            blank_number=float(subject.shown(case, everything)[0]),
            blank=blank,
            method=explainer.name,
            sums=explainer.sums and faithfulness.checks.get("gap", 0.0) <= _MISSING,
            reliable=reliable,
            reason=reason,
            faithfulness=faithfulness,
            parts=_largest_first(case, shares),
            neighbours=() if self.recall is None else self.recall.neighbours(case.x, case.which),
            contrast=contrast(subject, examples, place, case, self.recall, shares),
            detail=None if detail is None else detail.numpy(),
            picture=self._picture(examples, place, case, Found(shares, detail, given)),
            sound=subject.kind.sound(examples, place),
            notes=() if self.recall else ("no training cases are stored in this model",),
        )

    def _picture(self, examples: Examples, place: int, case: Case, found: Found) -> bytes:
        """Draw the example with its shares; an answer of several words beside what it rests on."""
        subject, parts = self.subject, case.parts
        beside = Beside(
            words=found.given.words_at(),
            detail=None if found.detail is None else found.detail.double().numpy(),
        )
        drawn = subject.task.illustrated(case.x, parts, subject.asked)
        shares = found.shares.double().numpy()
        return drawn or subject.kind.illustrate(examples, place, parts, shares, beside)

    def _blank(self, x: Tensor, which: int, wish: str | None) -> tuple[str, Tensor]:
        if wish is None:
            return choose_blank(self.subject, x[0], which, self.others)
        blanks = self.subject.kind.blanks(x, self.subject.schema, self.others)
        if wish not in blanks:
            raise BadInputError(
                given=f"there is no blank {wish!r}",
                needed=f"one of {', '.join(blanks)}",
                remedy="leave it out to have one that takes the answer away",
            )
        return wish, blanks[wish][:, 0]

    def explainer(self, name: str | None = None) -> Explainer:
        """Give an explainer by name, or the one that speaks for this model.

        Raises:
            BadInputError: if no explainer has that name, or it does not suit the network.
        """
        chosen = name or str(self.trust.get("method", _WITHOUT))
        explainer: Explainer = registry.explainer[chosen]()
        if not explainer.suits(self.subject):
            raise BadInputError(
                given=f"the explainer {chosen!r} cannot explain this network",
                needed=f"one of {', '.join(suiting(self.subject))}",
                remedy="leave the method out to have the one that was measured to be the best",
            )
        return explainer


def _largest_first(case: Case, shares: Tensor) -> tuple[Part, ...]:
    order = torch.argsort(shares, descending=True, stable=True).tolist()
    parts = case.parts
    return tuple(
        Part(name=parts.names[place], share=float(shares[place]), where=parts.where[place])
        for place in order
    )
