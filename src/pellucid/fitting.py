"""The public verb `fit`: raw data in, a trained model out, inside the budget."""

from pathlib import Path
from typing import Any

from torch import nn

from pellucid import _archive
from pellucid._fitting import Fitting
from pellucid._wish import Wish
from pellucid.model import Model
from pellucid.training.budget import Budget
from pellucid.training.numerics import choose_device, keep_freed_memory
from pellucid.training.progress import Watch
from pellucid.training.signals import listening


def fit(  # noqa: PLR0913 - the one verb with many options; all but the data can be left out
    data: Any,
    *,
    task: str | None = None,
    target: str | None = None,
    group: str | None = None,
    network: str | nn.Module | None = None,
    valid: Any = None,
    budget: str | float | Budget = "10 min",
    memory: str | int | None = None,
    steps: int | None = None,
    horizon: int | None = None,
    past: int | None = None,
    unpaired: Any = None,
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
    cases: bool = True,
    watch: Watch | None = None,
    started: float | None = None,
) -> Model:
    """Learn a model from raw data within a budget.

    A run that was stopped or killed goes on where it was when the same call is made again with the
    same `out`.

    Args:
        data: a file, a folder, arrays, a table, or a torch Dataset; see `pellucid list kinds`.
        task: name of the task; None to read it off the data.
        target: the column that holds the answer.
        group: the column whose equal values must not be on both sides of the split.
        network: name of a network, or a module of your own that takes a batch of what
            `model.schema` describes and gives `task.outputs` numbers each; None to choose.
        valid: data to hold out; None to split some off.
        budget: time for everything, up to the saved model: "60 s", "10 min", "1.5 h".
        memory: memory to keep to: "4 GiB"; None for half of what is free.
        steps: take exactly this many steps instead, repeatable to the last bit on a CPU.
        horizon: steps that a forecast shall reach; None for the kind of data to choose.
        past: steps that a forecast may look back at, at most; None for the kind to choose.
        unpaired: answers that have no source, from which is learned, too: a file of sentences in
            the target language, several, or a list of sentences. Half of the budget learns without
            them, so that what they bring is known.
        seed: starting point of every random choice.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        out: where to save the model; checkpoints are kept beside it meanwhile, in "OUT.run".
        cases: keep some of the training examples in the model, a few MiB, for explanations to
            point to; False if whoever gets the model must not see them.
        watch: is told how far the run is, a few times a second.
        started: when the command was started, on `time.time()`'s scale; None for now.

    Raises:
        BadInputError: if the data or an argument cannot be used; the message says what to do.
        InterruptedRunError: if SIGINT or SIGTERM stopped the run, after its state was kept.
        SavingError: if `out` cannot be written, before anything is done; or if the disk does not
            take the model in the end, and its checkpoint stays.
    """
    limits = Budget.parse(budget, memory=memory, steps=steps, seed=seed)
    wish = Wish(
        task=task,
        target=target,
        group=group,
        network=network,
        valid=valid,
        limits=limits,
        device=choose_device(device),
        out=None if out is None else Path(out),
        cases=cases,
        horizon=horizon,
        past=past,
        unpaired=unpaired,
    )
    if wish.out is not None:
        _archive.check_place(wish.out)
    keep_freed_memory()
    with listening() as asked:
        return Fitting(wish, asked, watch, started).fit(data)
