"""One run of `fit`: its wish, its clock, and its stages, each in the time that it may take."""

import math
from dataclasses import fields
from typing import Any

import psutil
from torch import Tensor, nn

from pellucid._course import Course, Divided, Making
from pellucid._jury import SHARE, Jury
from pellucid._readying import readied
from pellucid._recording import (
    EXIT,
    Recorded,
    Trained,
    answering,
    held_out,
    recorded,
    sampled,
)
from pellucid._unpaired import Unpaired
from pellucid._views import drawing
from pellucid._wish import Wish
from pellucid.errors import InterruptedRunError
from pellucid.explaining import Subject
from pellucid.explaining._cases import Cases
from pellucid.generating import tried
from pellucid.judging import account, glanced, judge, look, looks_of
from pellucid.model import Model
from pellucid.preparing import Prepared, prepare
from pellucid.training.budget import Clock
from pellucid.training.checkpoint import Checkpoint, Kept
from pellucid.training.choosing import (
    Choice,
    build,
    choose_by_clock,
    choose_by_rule,
    choose_own,
)
from pellucid.training.learner import Habits, Learner
from pellucid.training.loop import Run, say, train
from pellucid.training.order import mixed
from pellucid.training.pace import Pace
from pellucid.training.progress import Progress, Watch
from pellucid.training.signals import Asked
from pellucid.training.threads import Crew, crew, kept_threads

# Of the time left, for decoding pictures: past that, more steps on a sample teach more than more
# pictures seen hardly twice, and what is decoded now is there for the next run.
_READING = 0.35
_WORTH = 0.6  # of the passes that a network can use: what makes one more of them worth training
_ADDING = 0.25  # seconds for intervals, calibration and saving beside the held-out looks
_COMPILING = 300.0  # s; from this budget on a network is compiled on a GPU. Not yet measured there.
_EXPLAINED = 6.0  # s, the most for measuring explanations: their choice is clear by then
_TRYING = 1.0  # s, the most for seeing what a model writes
_MAKING = 4.0  # times as long as learning from an example takes making an answer
_MARGIN = 0.01  # of the budget, for a machine that slows down in the last seconds


class Fitting:
    """One run of `fit`.

    Args:
        wish: what the user asked for.
        asked: whether somebody asked it to stop.
        watch: is told how far it is.
        started: when the command was started, on `time.time()`'s scale; None for now.
    """

    def __init__(
        self, wish: Wish, asked: Asked, watch: Watch | None, started: float | None
    ) -> None:
        self.wish = wish
        self.asked = asked
        self.watch = watch
        self.clock = Clock(wish.limits.seconds, started=started)
        self.times: dict[str, float] = {"starting": self.clock.spent}
        self.notes: list[str] = []
        self.jury = Jury(math.inf)
        self.crew: Crew | None = None

    def fit(self, data: Any) -> Model:
        """Go the whole way from raw data to a model that is saved."""
        with kept_threads():
            return self._fit(data)

    def _fit(self, data: Any) -> Model:
        course = self._prepare(data)
        ready = course.ready
        checkpoint = self.wish.checkpoint(ready.task, ready.fingerprint)
        kept, sentence = checkpoint.find() if checkpoint else (None, "")
        if kept is not None:
            self.clock.before += kept.facts["spent"]
        choice = self._choose(course, kept)
        warnings = [
            note.text
            for note in ready.notes
            if note.level == "warning" or note.what == ready.kind.name
        ]
        for told in [*ready.said, *warnings, *([sentence] if sentence else [])]:
            self._say(told)
        self._stage("training")
        before = self.clock.spent
        choice, trained = self._train(course, choice, checkpoint, kept)
        self.times["training"] = self.clock.spent - before
        model = self._finish(course, choice, trained)
        if checkpoint is not None:
            assert self.wish.out is not None
            self._stage("saving")
            model.save(self.wish.out)
            checkpoint.remove()
        self._stage("done")
        return model

    def _prepare(self, data: Any) -> Course:
        self._stage("reading")
        before = self.clock.spent
        limits = self.wish.limits
        memory = limits.memory or psutil.virtual_memory().available // 2
        ask = self.wish.ask(memory=memory, reading=max(0.0, _READING * self.clock.left))
        ready = prepare(
            data,
            ask,
            task=self.wish.task,
            valid=self.wish.valid,
            seed=limits.seed,
            device=self.wish.device,
        )
        if self.wish.unpaired is not None:
            course: Course = Unpaired(ready, self.wish.unpaired, ask=ask, limits=limits)
        elif ready.divide is None or isinstance(self.wish.network, nn.Module):
            course = Course(ready)
        else:
            course = Divided(ready)
        self.times["reading"] = self.clock.spent - before
        self._heed()
        return course

    def _choose(self, course: Course, kept: Kept | None) -> Choice:
        self._stage("choosing")
        before = self.clock.spent
        ready, limits, network = course.ready, self.wish.limits, self.wish.network
        if isinstance(network, nn.Module):
            choice = choose_own(network, ready.train)
        elif kept is not None:
            choice = Choice.from_json(kept.facts["choice"])
        elif limits.steps is not None:
            choice = choose_by_rule(ready.task, ready.train, wish=network, steps=limits.steps)
        else:
            left = (self.clock.left - self._reserve(0.0)) / (course.networks or 1)
            choice = choose_by_clock(
                ready.task, ready.train, wish=network, seed=limits.seed, seconds=left
            )
        if course.networks is not None:
            choice = choice.of(course.networks)
        self.times["choosing"] = self.clock.spent - before
        self._heed()
        return choice

    def _train(
        self, course: Course, choice: Choice, checkpoint: Checkpoint | None, kept: Kept | None
    ) -> tuple[Choice, list[Trained]]:
        """Train one network after the other, each on its fold, in equal shares of the time."""
        self.jury = Jury(SHARE * self.clock.left)
        if self.wish.limits.steps is None:
            self.crew = crew(choice.numerics.device, choice.threads)
        trained: list[Trained] = []
        done: dict[str, Tensor] = {}
        while len(trained) < choice.members:
            number = len(trained)
            fold = self._fold(course, choice, number, kept)
            done |= course.tensors()
            learner = self._learner(fold, choice, self._network(fold, choice, number))
            run = self._run(course, fold, choice, learner, checkpoint, number)
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
                if kept is None:
                    readied(fold, learner, run, self.wish.limits)
                train(learner, run, kept)
                kept = None
            learner.rest()
            run.good = None
            weights = learner.network.state_dict()
            done |= {f"done.{number}.{name}": value for name, value in weights.items()}
            trained.append(Trained(course.judged(fold), learner, run))
            choice = self._planned_again(course, choice, trained)
        return choice, trained

    def _fold(self, course: Course, choice: Choice, number: int, kept: Kept | None) -> Prepared:
        """Give what one network learns from: a division of its own, or made examples beside."""
        looks = self.jury.whole * self._looks(course, course.ready, choice)
        if course.makes and number:
            self._stage("making")
        seconds, before = self.clock.left - self._reserve(looks), self.clock.spent
        given = Making(choice=choice, clock=self.clock, seconds=seconds, asked=self.asked)
        fold = course.fold(number, given, {} if kept is None else kept.tensors)
        if course.makes:
            self.times["making"] = self.clock.spent - before
        return fold

    def _looks(self, course: Course, ready: Prepared, choice: Choice) -> float:
        """Give how many looks at all that is held out the judgement takes as long as."""
        return sum(looks_of(ready)) * choice.members * course.judging

    def _planned_again(self, course: Course, choice: Choice, trained: list[Trained]) -> Choice:
        """Plan how many networks the time is for, from the speed of those that are trained."""
        run = trained[-1].run
        each = run.pace.per_step * run.pace.most
        by_clock = course.networks is None and self.wish.limits.steps is None
        if not by_clock or not 0 < each < math.inf:
            return choice
        looks = self._looks(course, course.ready.sampled(self.jury.share), choice)
        left = self.clock.left - self._reserve(looks * run.looking)
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
        course: Course,
        ready: Prepared,
        choice: Choice,
        learner: Learner,
        checkpoint: Checkpoint | None,
        number: int,
    ) -> Run:
        limits = self.wish.limits
        held, made = len(ready.valid.y), ready.task.made
        needed = self._looks(course, ready, choice)
        each = choice.per_example * (_MAKING if made else 1 / 3)  # seconds to answer an example
        each = max(each, self.jury.whole / held)
        whole = self.jury.fitted(each * held * self.jury.share, needed)
        most = choice.recipe.most * choice.recipe.wanted(len(ready.train))
        others = choice.members - 1 - number  # that are still to be trained
        after = self._reserve(whole * needed)
        waiting = 0.0
        if others and limits.steps is None:
            waiting = max(0.0, self.clock.left - after) * others / (others + 1)

        def reserving(looking: float) -> tuple[float, float]:
            each = looking / run.looked
            whole = self.jury.fitted(each * self.jury.share * held, needed)
            counted = len(glanced(ready.sampled(self.jury.share)).y)
            return waiting + self._reserve(whole * needed), each * counted

        pace = Pace(
            self.clock,
            steps=limits.steps,
            most=math.ceil(most * len(ready.train) / choice.batch) if math.isfinite(most) else most,
            reserve=waiting + after,
        )
        run = Run(
            clock=self.clock,
            pace=pace,
            metric=ready.task.metric,
            look=lambda: look(ready.sampled(self.jury.share), learner, choice.numerics, run),
            looking=each * len(glanced(ready.sampled(self.jury.share)).y),
            checkpoint=checkpoint,
            facts={"choice": choice.to_json(), "member": number},
            watch=self.watch,
            asked=self.asked,
            every=max(10.0, 0.02 * (limits.seconds or 500.0)),
            reserving=reserving,
            crew=self.crew,
            drawn=drawing(ready, learner.network, choice.numerics),
        )
        return run

    def _reserve(self, looks: float) -> float:
        """Seconds that everything after training takes, when held-out looks take so many."""
        seconds = self.wish.limits.seconds or 0.0
        return looks + _ADDING + self._explaining + EXIT + _MARGIN * seconds

    @property
    def _explaining(self) -> float:
        """Seconds for finding out how far explanations of the model can be trusted."""
        return min(_EXPLAINED, max(0.6, 0.03 * (self.wish.limits.seconds or 0.0)))

    def _finish(self, course: Course, choice: Choice, trained: list[Trained]) -> Model:
        """Judge and calibrate on what was held out, and write the record."""
        self._stage("calibrating")
        before = self.clock.spent
        held = held_out(trained)
        trained = sampled(trained, self.jury.share)
        fewer = self.jury.says(held_out(trained), held)
        trained = course.answering(trained, choice)
        choice = choice.of(len(trained))
        ready, _, run = trained[0]
        network, folds = answering(trained)
        judged = judge(folds, network, choice.numerics)
        idle = "not one step of training fitted into the time: the answers are guesses"
        idle = "" if trained[-1].learner.step else idle
        for told in filter(None, [fewer, judged.strange, idle, judged.verdict]):
            say(run, told)
        self.times["calibrating"] = self.clock.spent - before
        run.curve["score_seconds"].append(round(self.clock.spent, 3))
        run.curve["score"].append(judged.scores["scores"][ready.task.metric]["value"])
        subject = Subject(
            network=network,
            task=ready.task,
            kind=ready.kind,
            calibration=judged.calibration,
            numerics=choice.numerics.to_json(),
            views=judged.views,
        )
        cases, trust = self._account(ready, subject, run)
        spare = min(_TRYING, self.clock.left - self._reserve(0.0) + self._explaining)
        written = tried(subject, cases, seed=self.wish.limits.seed, seconds=spare)
        if written:
            say(run, written)
        return Model(
            **{field.name: getattr(subject, field.name) for field in fields(subject)},
            built=choice.built,
            record=self._record(choice, trained, judged.scores | course.record()),
            cases=cases if self.wish.cases else None,
            trust=trust,
        )

    def _account(
        self, ready: Prepared, subject: Subject, run: Run
    ) -> tuple[Cases | None, dict[str, Any]]:
        """Find out how far explanations can be trusted, in the time that is set apart for it."""
        self._stage("explaining")
        before, seed = self.clock.spent, self.wish.limits.seed
        seconds = None
        if self.wish.limits.seconds is not None:
            spare = self.clock.left - self._reserve(0.0) + self._explaining
            seconds = min(self._explaining, max(0.0, spare))
        cases, trust = account(ready, subject, run, seed=seed, seconds=seconds)
        self.times["explaining"] = self.clock.spent - before
        return cases, trust

    def _record(
        self, choice: Choice, trained: list[Trained], judged: dict[str, Any]
    ) -> dict[str, Any]:
        limits, out, spent = self.wish.limits, self.wish.out, self.clock.spent
        whole = Recorded(
            limits=limits, out=out, spent=spent, times=self.times, choice=choice, trained=trained
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
