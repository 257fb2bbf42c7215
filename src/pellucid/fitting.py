"""The public verb `fit`: raw data in, a trained model out, inside the budget."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from pellucid import _archive
from pellucid._recording import EXIT, Recorded, Trained, recorded
from pellucid.data import Ask
from pellucid.errors import InterruptedRunError
from pellucid.judging import glance, judge
from pellucid.model import Model
from pellucid.networks._committee import Committee
from pellucid.preparing import Prepared, prepare
from pellucid.training.budget import Budget, Clock
from pellucid.training.checkpoint import Checkpoint, Kept
from pellucid.training.choosing import (
    Choice,
    build,
    choose_by_clock,
    choose_by_rule,
    choose_own,
    place_of,
)
from pellucid.training.learner import Habits, Learner
from pellucid.training.loop import Run, say, train
from pellucid.training.numerics import choose_device, keep_freed_memory
from pellucid.training.order import mixed
from pellucid.training.pace import Pace
from pellucid.training.progress import Progress, Watch
from pellucid.training.signals import Asked, listening

# Of the time left, for decoding pictures: past that, more steps on a sample teach more than more
# pictures seen hardly twice, and what is decoded now is there for the next run.
_READING = 0.35
_WORTH = 0.6  # of the passes that a network can use: what makes one more of them worth training
_ADDING = 0.25  # seconds for intervals, calibration and saving beside the held-out looks
_COMPILING = 300.0  # s; from this budget on a network is compiled on a GPU. Not yet measured there.
_MARGIN = 0.01  # of the budget, for a machine that slows down in the last seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wish:
    """What the user asked for, beside the data."""

    task: str | None
    target: str | None
    group: str | None
    network: str | nn.Module | None
    valid: Any
    limits: Budget
    device: str
    out: Path | None


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
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
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
        seed: starting point of every random choice.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        out: where to save the model; checkpoints are kept beside it meanwhile, in "OUT.run".
        watch: is told how far the run is, a few times a second.
        started: when the command was started, on `time.time()`'s scale; None for now.

    Raises:
        BadInputError: if the data or an argument cannot be used; the message says what to do.
        InterruptedRunError: if SIGINT or SIGTERM stopped the run, after its state was kept.
        SavingError: if `out` cannot be written, before anything is done; or if the disk does not
            take the model in the end, and its checkpoint stays.
    """
    limits = Budget.parse(budget, memory=memory, steps=steps, seed=seed)
    wish = _Wish(
        task=task,
        target=target,
        group=group,
        network=network,
        valid=valid,
        limits=limits,
        device=choose_device(device),
        out=None if out is None else Path(out),
    )
    if wish.out is not None:
        _archive.check_place(wish.out)
    keep_freed_memory()
    with listening() as asked:
        return _Fitting(wish, asked, watch, started).fit(data)


class _Fitting:
    """One run of `fit`: its wish, its clock, and the times that its stages took."""

    def __init__(
        self, wish: _Wish, asked: Asked, watch: Watch | None, started: float | None
    ) -> None:
        self.wish = wish
        self.asked = asked
        self.watch = watch
        self.clock = Clock(wish.limits.seconds, started=started)
        self.times: dict[str, float] = {"starting": self.clock.spent}
        self.notes: list[str] = []

    def fit(self, data: Any) -> Model:
        ready = self._prepare(data)
        checkpoint = self._checkpoint(ready)
        kept, sentence = checkpoint.find() if checkpoint else (None, "")
        if kept is not None:
            self.clock.before += kept.facts["spent"]
        choice = self._choose(ready, kept)
        warnings = [note.text for note in ready.notes if note.level == "warning"]
        for told in [*ready.said, *warnings, *([sentence] if sentence else [])]:
            self._say(told)
        self._stage("training")
        before = self.clock.spent
        choice, trained = self._train(ready, choice, checkpoint, kept)
        self.times["training"] = self.clock.spent - before
        model = self._finish(choice, trained)
        if checkpoint is not None:
            assert self.wish.out is not None
            self._stage("saving")
            model.save(self.wish.out)
            checkpoint.remove()
        self._stage("done")
        return model

    def _prepare(self, data: Any) -> Prepared:
        self._stage("reading")
        before = self.clock.spent
        limits = self.wish.limits
        memory = limits.memory or psutil.virtual_memory().available // 2
        ready = prepare(
            data,
            Ask(
                target=self.wish.target,
                group=self.wish.group,
                seconds=limits.seconds or 600.0,
                memory=memory,
                reading=max(0.0, _READING * self.clock.left),
                further=not self._goes_on(),
            ),
            task=self.wish.task,
            valid=self.wish.valid,
            seed=limits.seed,
            device=self.wish.device,
        )
        self.times["reading"] = self.clock.spent - before
        self._heed()
        return ready

    def _checkpoint(self, ready: Prepared) -> Checkpoint | None:
        out, limits = self.wish.out, self.wish.limits
        if out is None:
            return None
        asked = {
            "split": ready.fingerprint,
            "schema": ready.task.schema.to_json(),
            "task": ready.task.name,
            "network": self.wish.network
            if isinstance(self.wish.network, str | None)
            else place_of(self.wish.network),
            "steps": limits.steps,
            "seconds": limits.seconds,
            "seed": limits.seed,
            "torch": torch.__version__,
        }
        return Checkpoint(_beside(out), asked)

    def _goes_on(self) -> bool:
        """Tell whether this call likely continues a run that was stopped."""
        out = self.wish.out
        return out is not None and Checkpoint(_beside(out), {}).path.exists()

    def _choose(self, ready: Prepared, kept: Kept | None) -> Choice:
        self._stage("choosing")
        before = self.clock.spent
        limits, network = self.wish.limits, self.wish.network
        if isinstance(network, nn.Module):
            choice = choose_own(network, ready.train)
        elif kept is not None:
            choice = Choice.from_json(kept.facts["choice"])
        elif limits.steps is not None:
            choice = choose_by_rule(ready.task, ready.train, wish=network, steps=limits.steps)
        else:
            left = self.clock.left - self._reserve(0.0)
            choice = choose_by_clock(
                ready.task, ready.train, wish=network, seed=limits.seed, seconds=left
            )
        if ready.divide is None or isinstance(network, nn.Module):
            choice = choice.of(1)
        self.times["choosing"] = self.clock.spent - before
        self._heed()
        return choice

    def _train(
        self, ready: Prepared, choice: Choice, checkpoint: Checkpoint | None, kept: Kept | None
    ) -> tuple[Choice, list[Trained]]:
        """Train one network after the other, each on its fold, in equal shares of the time."""
        trained: list[Trained] = []
        done: dict[str, Tensor] = {}
        while len(trained) < choice.members:
            number = len(trained)
            fold = ready.fold(number)
            learner = self._learner(fold, choice, self._network(ready, choice, number))
            run = self._run(fold, choice, learner, checkpoint, number)
            if trained:
                run.curve, run.said = trained[-1].run.curve, trained[-1].run.said
            else:
                run.said += self.notes
            run.done = done
            if kept is not None and number < kept.facts["member"]:
                prefix = f"done.{number}."
                found = {k: v for k, v in kept.tensors.items() if k.startswith(prefix)}
                learner.network.load_state_dict(
                    {key.removeprefix(prefix): value for key, value in found.items()}
                )
                run.curve, run.said = kept.facts["curve"], kept.facts["said"]
            else:
                train(learner, run, kept)
                kept = None
            weights = learner.network.state_dict()
            done |= {f"done.{number}.{name}": value for name, value in weights.items()}
            trained.append(Trained(fold, learner, run))
            choice = self._planned_again(ready, choice, trained)
        return choice, trained

    def _planned_again(self, ready: Prepared, choice: Choice, trained: list[Trained]) -> Choice:
        """Plan how many networks the time is for, from the speed of those that are trained."""
        run = trained[-1].run
        each = run.pace.per_step * run.pace.most
        alone = ready.divide is None or isinstance(self.wish.network, nn.Module)
        if alone or self.wish.limits.steps is not None or not 0 < each < math.inf:
            return choice
        left = self.clock.left - self._reserve(3 * run.looking * choice.members)
        planned = len(trained) + max(0, math.ceil(left / each - _WORTH))
        if trained[-1].learner.step < run.pace.most:  # it made room for the others
            planned = max(planned, choice.members)
        return choice.of(planned)

    def _network(self, ready: Prepared, choice: Choice, number: int) -> nn.Module:
        if isinstance(self.wish.network, nn.Module):
            return self.wish.network
        seed = mixed(self.wish.limits.seed, number) if number else self.wish.limits.seed
        return build(choice.built, ready.task.schema, ready.task.outputs, seed=seed)

    def _learner(self, ready: Prepared, choice: Choice, network: nn.Module) -> Learner:
        ready.task.smoothing = choice.recipe.smoothing
        network = choice.numerics.place(network)
        if choice.numerics.device.startswith("cuda") and self.clock.seconds >= _COMPILING:
            network.compile()  # in place: the names of its weights stay as they are
        return Learner(
            network,
            ready.task,
            ready.train,
            Habits(
                recipe=choice.recipe,
                batch=choice.batch,
                numerics=choice.numerics,
                seed=self.wish.limits.seed,
            ),
        )

    def _run(
        self,
        ready: Prepared,
        choice: Choice,
        learner: Learner,
        checkpoint: Checkpoint | None,
        number: int,
    ) -> Run:
        limits = self.wish.limits
        looking = choice.per_example / 3 * len(ready.valid.y)
        tests = len(ready.test.y) / len(ready.valid.y) if ready.test else 0.0
        most = choice.recipe.most * choice.recipe.wanted(len(ready.train))
        others = choice.members - 1 - number  # that are still to be trained
        after = self._reserve(looking * choice.members * (3 + 2 * tests))
        waiting = max(0.0, self.clock.left - after) * others / (others + 1) if others else 0.0

        def reserving(looking: float) -> float:
            return waiting + self._reserve(looking * choice.members * (3 + 2 * tests))

        pace = Pace(
            self.clock,
            steps=limits.steps,
            most=math.ceil(most * len(ready.train) / choice.batch) if math.isfinite(most) else most,
            reserve=reserving(looking),
        )
        run = Run(
            clock=self.clock,
            pace=pace,
            metric=ready.task.metric,
            look=lambda: glance(ready, learner.network, choice.numerics),
            looking=looking,
            checkpoint=checkpoint,
            facts={"choice": choice.to_json(), "member": number},
            watch=self.watch,
            asked=self.asked,
            every=max(10.0, 0.02 * (limits.seconds or 500.0)),
        )
        run.reserving = reserving
        return run

    def _reserve(self, looks: float) -> float:
        """Seconds that everything after training takes, when held-out looks take so many."""
        seconds = self.wish.limits.seconds or 0.0
        return looks + _ADDING + EXIT + _MARGIN * seconds

    def _finish(self, choice: Choice, trained: list[Trained]) -> Model:
        """Judge and calibrate on what was held out, and write the record."""
        self._stage("calibrating")
        before = self.clock.spent
        ready, _, run = trained[0]
        folds = [(each.ready, each.learner.network) for each in trained]
        networks = [network.eval() for _, network in folds]
        network = networks[0] if len(networks) == 1 else Committee(networks)
        judged = judge(folds, network, choice.numerics)
        if judged.strange:
            say(run, judged.strange)
        self.times["calibrating"] = self.clock.spent - before
        run.curve["score_seconds"].append(round(self.clock.spent, 3))
        run.curve["score"].append(judged.scores["scores"][ready.task.metric]["value"])
        return Model(
            network=network,
            task=ready.task,
            kind=ready.kind,
            built=choice.built,
            calibration=judged.calibration,
            record=self._record(choice, trained, judged.scores),
            numerics=choice.numerics.to_json(),
            views=judged.views,
        )

    def _record(
        self, choice: Choice, trained: list[Trained], judged: dict[str, Any]
    ) -> dict[str, Any]:
        whole = Recorded(
            limits=self.wish.limits,
            out=self.wish.out,
            spent=self.clock.spent,
            times=self.times,
            choice=choice,
            trained=trained,
        )
        return recorded(whole, judged)

    def _say(self, sentence: str) -> None:
        """Tell whoever watches, and keep it for the record."""
        self.notes.append(sentence)
        if self.watch is not None:
            spent, budget = self.clock.spent, self.clock.seconds
            self.watch(Progress(stage="training", spent=spent, budget=budget, said=sentence))

    def _stage(self, stage: str) -> None:
        if self.watch is not None:
            self.watch(Progress(stage=stage, spent=self.clock.spent, budget=self.clock.seconds))

    def _heed(self) -> None:
        """Stop between stages if somebody asked to."""
        if self.asked.name:
            raise InterruptedRunError(
                f"stopped by {self.asked.name} before training began: nothing was lost, and the"
                " same command starts again"
            )


def _beside(out: Path) -> Path:
    return out.with_name(out.name + ".run")
