"""What a model relies on over a whole set: for all answers, for one, for the mistakes.

    examples ──lay──▶ shares (N, A) ──grouped──▶ clusters of answers given for the same reason
    areas that lead, areas that turn answers when pasted ──cover──▶ Reliance

Idea: one explanation is an anecdote. Laid over each other, explanations show which areas an answer
rests on always; and an area that decides alone, in one place, whatever else the example shows, is
likely not what was meant to be learned: a border, a watermark, a column that should not know.

Source: Lapuschkin, Wäldchen, Binder, Montavon, Samek & Müller 2019, "Unmasking Clever Hans
predictors and assessing what machines really learn", Nature Communications 10:1096.
Departs: what the clusters suggest is put to the test by pasting areas between examples and by
covering them; see `_grafting.py` and `_covering.py`.

Letters: N examples, A areas, K outputs.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pellucid.data import Examples
from pellucid.errors import BadInputError
from pellucid.explaining import Subject
from pellucid.explaining._cases import Cases
from pellucid.explaining._laying import Limits
from pellucid.explaining._reliance import Cluster, Effect, Reason, Reliance
from pellucid.explaining._survey import Question, Survey
from pellucid.tasks import Task

__all__ = ["Cluster", "Effect", "Reason", "Reliance", "rely"]

_FARTHEST = 0.1  # of numbers, that count as mistakes


def rely(  # noqa: PLR0913 - what is asked about, and by what means
    subject: Subject,
    examples: Examples,
    outputs: Float[Tensor, "N K"],
    y: Tensor | None,
    *,
    cases: Cases | None,
    trust: Mapping[str, Any],
    answer: str | None = None,
    mistakes: bool = False,
    seconds: float | None = None,
    seed: int = 0,
) -> Reliance:
    """Find what a model relies on over a set, and what of it looks like a wrong reason.

    Args:
        subject: what is asked.
        examples: read with the schema of the model.
        outputs: of the network for them.
        y: their right answers, as `task.encode` gave them; None if they are not known.
        cases: training cases; areas are taken from them, too, since a wrong reason may be there
            and not in the examples. None if the model has none.
        trust: which explainer speaks for the model; {} if nobody measured that.
        answer: keep to the examples that get this answer.
        mistakes: keep to the examples that are answered wrongly; of numbers, to the tenth that is
            farthest off.
        seconds: to take, about; None to explain up to 200 examples, the same on every machine.
        seed: of whatever is drawn.

    Raises:
        BadInputError: if there is no such answer, or mistakes are asked for without right answers.
    """
    if subject.task.made:
        raise BadInputError(
            given=f"a model that was made to {subject.task.name}, whose answers are made",
            needed="one whose answers can be compared: a class or a number",
            remedy="explain single examples: `pellucid explain MODEL --text '…'`",
        )
    outputs = outputs.float().cpu()
    y = None if y is None else y.cpu()
    wrong = _wrong(subject.task, outputs, y)
    question = Question(
        examples=examples,
        outputs=outputs,
        y=y,
        wanted=_wanted(subject.task, outputs, wrong, answer=answer, mistakes=mistakes),
        wrong=wrong if mistakes else None,
        about=_about(answer, mistakes),
    )
    if not question.wanted.any():
        note = f"there is nothing to explain: {question.about} are none of {len(examples):,}"
        return Reliance(
            about=question.about,
            n=0,
            method="",
            metric=subject.task.metric,
            items=(),
            notes=(note,),
        )
    limits = Limits(seconds=seconds, seed=seed)
    return Survey(subject, question, cases=cases, trust=trust, limits=limits).reliance()


def _wanted(
    task: Task,
    outputs: Tensor,
    wrong: Bool[Tensor, " N"] | None,
    *,
    answer: str | None,
    mistakes: bool,
) -> Bool[Tensor, " N"]:
    wanted = torch.ones(len(outputs), dtype=torch.bool)
    if answer is not None:
        wanted &= task.chosen(outputs) == task.answer_place(answer)
    if not mistakes:
        return wanted
    if wrong is None:
        raise BadInputError(
            given="mistakes are asked for, but the examples do not say what is right",
            needed="the right answer of each example, as in training",
            remedy="give data with targets, or ask without mistakes=True",
        )
    return wanted & wrong


def _wrong(task: Task, outputs: Tensor, y: Tensor | None) -> Bool[Tensor, " N"] | None:
    """Mark the examples that are answered wrongly; where that cannot be said, the farthest off."""
    if y is None or not len(y):
        return None
    if task.needs_targets and bool((task.rivals(outputs) >= 0).all()):
        return task.chosen(outputs) != y
    off = task.losses(outputs, y).detach()
    if off.shape != (len(outputs),):
        return None
    return (off >= off.quantile(1 - _FARTHEST)) & (off > 0)


def _about(answer: str | None, mistakes: bool) -> str:
    if answer is None:
        return "the mistakes" if mistakes else "all answers"
    return f"the mistakes answered {answer!r}" if mistakes else f"the answers {answer!r}"
