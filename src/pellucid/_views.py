"""Ways to look at what a model makes: by class, over the run, and beside what it learned from.

Each view is a `Made`, which draws itself as a sheet.

Letters: S samples of one kind, N stored training cases.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pellucid import making
from pellucid._made import Made
from pellucid.data import Group
from pellucid.explaining import Subject

if TYPE_CHECKING:
    from pellucid.explaining._cases import Cases
    from pellucid.preparing import Prepared
    from pellucid.training.numerics import Numerics

_OF_EACH = 8  # samples of a class
_CLASSES = 12  # that are shown
_PLAIN = 48  # samples where there are no classes
_ASKED, _NEAREST = 6, 5  # samples, and training cases beside each


def by_class(subject: Subject, *, seed: int = 0) -> Made:
    """Make some of each class of the same noise, so that a column shows what a class changes."""
    classes = subject.schema.classes[:_CLASSES]
    if not classes:
        return making.make(subject, _PLAIN, seed=seed)
    z, _ = making.noise(subject, range(_OF_EACH), of=None, seed=seed)
    stored = making.made(
        subject,
        z.repeat(len(classes), 1),
        torch.arange(len(classes)).repeat_interleave(_OF_EACH),
    )
    groups = [
        (str(name), "", [*range(row * _OF_EACH, (row + 1) * _OF_EACH)])
        for row, name in enumerate(classes)
    ]
    return _view(subject, stored, [f"{place % _OF_EACH}" for place in range(len(stored))], groups)


def nearest(subject: Subject, cases: "Cases | None", *, seed: int = 0) -> Made | None:
    """Set samples beside the training cases that look most like them; None without cases."""
    if cases is None or not len(cases.stored):
        return None
    samples = making.make(subject, _ASKED, seed=seed)
    ours, theirs = (_seen(subject, each) for each in (samples.stored, cases.stored))
    apart = torch.cdist(ours, theirs)
    near = apart.topk(min(_NEAREST, len(theirs)), largest=False)
    stored: list[Any] = []
    captions: list[str] = []
    groups: list[Group] = []
    for place in range(len(samples)):
        first = len(captions)
        stored += [samples.stored[place : place + 1], cases.stored[near.indices[place].numpy()]]
        captions += ["made", *(f"{value:.1f} away" for value in near.values[place].tolist())]
        asked = samples.classes[place]
        remark = f"asked to be {asked}" if asked else ""
        groups.append((f"sample {place}", remark, [*range(first, len(captions))]))
    return _view(subject, np.concatenate(stored), captions, groups)


def course(subject: Subject) -> Made | None:
    """Show what the same noise became over the run; None if the network kept no album."""
    album = getattr(subject.network, "album", None)
    pages = [] if album is None else album.shown()
    if not pages:
        return None
    stored = [subject.kind.untensor(x, subject.schema) for _, x in pages]
    width = len(stored[0])
    groups = [
        (f"step {step:,}", "", [*range(row * width, (row + 1) * width)])
        for row, (step, _) in enumerate(pages)
    ]
    return _view(subject, np.concatenate(stored), (), groups)


def drawing(
    ready: "Prepared", network: nn.Module, numerics: "Numerics"
) -> Callable[[], bytes] | None:
    """Give what draws the makings of a network as it is whenever it is asked, as a PNG.

    Returns:
        None if the task makes no whole examples. Drawing leaves the network, and all chance in its
        training, as they are.
    """
    if ready.task.makes != "examples":
        return None
    subject = Subject(
        network=network,
        task=ready.task,
        kind=ready.kind,
        calibration={},
        numerics=numerics.to_json(),
    )
    return lambda: by_class(subject).sheet()


def _seen(subject: Subject, stored: Any) -> torch.Tensor:
    x = subject.x(stored)
    with torch.inference_mode():
        seen = subject.task.seen(subject.network, x)
    return (x.flatten(1) if seen is None else seen).float().cpu().clone()


def _view(subject: Subject, stored: Any, captions: Any, groups: list[Group]) -> Made:
    return Made(
        kind=subject.kind,
        schema=subject.schema,
        stored=stored,
        classes=("",) * len(stored),
        names=tuple(captions),
        groups=tuple(groups),
    )
