"""Which network, of which size, in which arithmetic: the dearest that still sees enough.

Idea: within a fixed time a larger network learns more from each example but sees fewer. Each
candidate is timed on this data and this machine for a few steps, and the largest one that will see
the examples as often as its recipe wants is taken.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from pellucid import registry
from pellucid.data import Schema
from pellucid.data._batches import Supply
from pellucid.errors import BadInputError, BudgetError
from pellucid.networks import MEMBERS, Recipe, answers, recipe_of
from pellucid.tasks import Task
from pellucid.training.learner import Habits, Learner, out_of_memory
from pellucid.training.numerics import Numerics, suited
from pellucid.training.threads import counts, kept_threads, quicker

_TIMED = 3  # steps that one timing takes, after one to warm up
_TRYING = 0.05  # share of the budget that trying may take
_PLAIN = ("built", "batch", "per_example", "threads", "reason")  # as they stand in JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is to be trained, and why.

    Args:
        built: how the network is built again, as in the model file.
        recipe: how it likes to learn.
        batch: examples a step.
        numerics: its arithmetic.
        per_example: seconds of training an example takes; 0 if it was not timed.
        threads: that a step is taken on; 0 for as many as there may be.
        reason: one sentence.
        tried: one row a candidate, as JSON.
    """

    built: dict[str, Any]
    recipe: Recipe
    batch: int
    numerics: Numerics
    per_example: float = 0.0
    threads: int = 0
    reason: str = ""
    tried: tuple[dict[str, Any], ...] = ()

    @property
    def members(self) -> int:
        """How many networks are trained to answer together."""
        members: int = self.built.get("members", 1)
        return members

    def of(self, members: int) -> "Choice":
        """Give the same choice for so many networks, as far as a committee may have members."""
        built = {name: value for name, value in self.built.items() if name != "members"}
        if members > 1:
            built["members"] = min(MEMBERS, members)
        return replace(self, built=built)

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types that `from_json` reads back to an equal choice."""
        recipe = asdict(self.recipe)
        endless = [name for name, value in recipe.items() if value == math.inf]
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "recipe": recipe | dict.fromkeys(endless),
            "numerics": self.numerics.to_json(),
            "tried": list(self.tried),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Choice":
        """Rebuild a choice from what `to_json` gave."""
        recipe = {key: math.inf if at is None else at for key, at in given["recipe"].items()}
        return cls(
            **{
                **given,
                "recipe": Recipe(**recipe),  # type: ignore[arg-type]
                "numerics": Numerics(**given["numerics"]),
                "tried": tuple(given["tried"]),
            }
        )


def committee(choice: Choice, passes: float, examples: int) -> int:
    """Give how many networks the time is for, when one would see the examples more than it needs.

    Args:
        choice: of one network.
        passes: over the examples that the time allows.
        examples: N.
    """
    enough = choice.recipe.most * choice.recipe.wanted(examples)
    return max(1, min(MEMBERS, math.ceil(passes / enough)))


def build(built: dict[str, Any], schema: Schema, outputs: int, *, seed: int) -> nn.Module:
    """Build the network of a choice, with fresh weights that depend on the seed alone."""
    torch.manual_seed(seed)
    network: nn.Module = registry.network[built["network"]](schema, outputs, size=built["size"])
    return network


def candidates(schema: Schema, wish: str | None) -> list[tuple[str, int]]:
    """Give the networks and sizes that may be tried, cheapest first within a name.

    Raises:
        BadInputError: if the wished network does not take this kind of data, or none does.
    """
    taking = [
        name
        for name in registry.network.taking(schema.kind)
        if answers(recipe_of(registry.network[name], schema), schema)
    ]
    if wish is None:
        contend = [n for n in taking if recipe_of(registry.network[n], schema).contender]
        names = contend or taking
    else:
        registry.network[wish]
        names = [wish] if wish in taking else []
    if not names:
        raise BadInputError(
            given=f"network {wish!r} for this question about data of the kind {schema.kind!r}",
            needed=f"one of {', '.join(taking)}" if taking else "a network that answers it",
            remedy="leave --network out to have it chosen",
        )
    sizes = {name: recipe_of(registry.network[name], schema).sizes for name in names}
    return [(name, size) for name in names for size in range(1, sizes[name] + 1)]


def batch_for(recipe: Recipe, examples: int) -> int:
    """Give the batch: the recipe's, or less so that a pass has ten steps at least."""
    batch = recipe.batch
    while batch > 8 and batch * 10 > examples:
        batch //= 2
    return min(batch, examples)


def choose_by_clock(
    task: Task, supply: Supply, *, wish: str | None, seed: int, seconds: float
) -> Choice:
    """Time candidates and choose.

    Args:
        task: what is to be learned.
        supply: the training side.
        wish: the user's network, or None.
        seed: of weights and batches.
        seconds: left for training.

    Raises:
        BudgetError: if not one step of the smallest candidate fits into the time.
    """
    deadline = time.monotonic() + _TRYING * seconds
    tried: list[dict[str, Any]] = []
    best: Choice | None = None
    skipped: set[str] = set()
    few = True  # whether fewer threads may be faster: what is not so for a small step is for none
    for name, size in candidates(supply.schema, wish):
        if name in skipped or (best is not None and time.monotonic() > deadline):
            continue
        timed = _timed((name, size), task, supply, seed=seed, quick=best is not None, few=few)
        if timed is None:
            skipped.add(name)
            continue
        choice, took = timed
        few = few and choice.threads == 1
        passes = seconds / (choice.per_example * len(supply))
        wanted = choice.recipe.wanted(len(supply))
        enough = passes >= wanted
        tried.append(_row(choice, passes, wanted, took))
        if not enough:
            skipped.add(name)
        if best is None or (enough and _dearer(choice, best)):
            best = choice
    if best is None or best.per_example * best.batch > seconds:
        raise BudgetError(
            given=f"{max(seconds, 0):.1f} s are left for training",
            needed="time for one step of the smallest network at least",
            remedy="give a longer --budget",
        )
    members = committee(best, seconds / (best.per_example * len(supply)), len(supply))
    chosen = replace(best, tried=tuple(tried), reason=_reason(best, tried, members))
    return chosen.of(members)


def choose_by_rule(task: Task, supply: Supply, *, wish: str | None, steps: int) -> Choice:
    """Choose without a clock, so that a run by steps repeats: by passes alone."""
    chosen: Choice | None = None
    for name, size in candidates(supply.schema, wish):
        how = recipe_of(registry.network[name], supply.schema)
        batch = batch_for(how, len(supply))
        enough = steps * batch / len(supply) >= how.wanted(len(supply)) * 4 ** (size - 1)
        if chosen is not None and not (enough and chosen.built["network"] == name):
            continue
        built = {"network": name, "size": size}
        network = build(built, supply.schema, task.outputs, seed=0)
        numerics = suited(network, str(supply.device))
        chosen = Choice(built=built, recipe=how, batch=batch, numerics=numerics)
    assert chosen is not None
    return replace(chosen, reason=f"a run of {steps} steps chooses by the number of steps alone")


def choose_own(network: nn.Module, supply: Supply) -> Choice:
    """Take the user's own module, as it is."""
    how = recipe_of(type(network), supply.schema)
    return Choice(
        built={"module": place_of(network)},
        recipe=how,
        batch=batch_for(how, len(supply)),
        numerics=suited(network, str(supply.device)),
        reason="the network is the user's own",
    )


def place_of(network: nn.Module) -> str:
    """Say where the class of a module is defined: "package.module:Class"."""
    return f"{type(network).__module__}:{type(network).__qualname__}"


def _timed(
    candidate: tuple[str, int], task: Task, supply: Supply, *, seed: int, quick: bool, few: bool
) -> tuple[Choice, Mapping[int, float]] | None:
    """Time one candidate, if asked on one thread, too; None if it does not fit into memory."""
    name, size = candidate
    how = recipe_of(registry.network[name], supply.schema)
    built = {"network": name, "size": size}
    batch = batch_for(how, len(supply))
    try:
        network = build(built, supply.schema, task.outputs, seed=seed)
        numerics = suited(network, str(supply.device))
        habits = Habits(recipe=how, batch=batch, numerics=numerics, seed=seed)
        learner = Learner(numerics.place(network).train(), task, supply, habits)
        took = _on_threads(
            lambda: learner.learn(0.0), numerics.device, 1 if quick else _TIMED, few=few
        )
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return None
    threads = quicker(took)
    choice = Choice(
        built=built,
        recipe=how,
        batch=batch,
        numerics=numerics,
        per_example=took[threads] / batch,
        threads=threads,
    )
    return choice, took


def _on_threads(
    step: Callable[[], object], device: str, count: int, *, few: bool
) -> dict[int, float]:
    """Give the seconds of a step by the number of threads that it was timed on."""
    took: dict[int, float] = {}
    with kept_threads():
        for threads in counts(device)[: 2 if few else 1]:
            torch.set_num_threads(threads)
            took[threads] = _seconds(step, device, count)
    return took


def _seconds(step: Callable[[], object], device: str, count: int) -> float:
    step()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def _dearer(one: Choice, other: Choice) -> bool:
    def cost(choice: Choice) -> float:
        return choice.per_example * choice.recipe.passes

    return cost(one) > cost(other)


def _row(choice: Choice, passes: float, wanted: float, took: Mapping[int, float]) -> dict[str, Any]:
    return {
        **choice.built,
        "batch": choice.batch,
        "dtype": choice.numerics.dtype,
        "microseconds_per_example": round(choice.per_example * 1e6, 1),
        "passes": round(passes, 2),
        "wanted": round(wanted, 2),
        "threads": choice.threads,
        "milliseconds_by_threads": {
            str(threads): round(1e3 * seconds, 2) for threads, seconds in took.items()
        },
    }


def _reason(best: Choice, tried: list[dict[str, Any]], members: int) -> str:
    rows = {(row["network"], row["size"]): row for row in tried}
    name, size = best.built["network"], best.built["size"]
    mine = rows[(name, size)]
    text = (
        f"{name} of size {size} will see every example about {mine['passes']:.3g} times"
        f" (it wants {mine['wanted']:.3g})"
    )
    text += _alone(mine)
    if members > 1:
        return (
            f"{text}; that is more than one can use, so about {members} of them are trained, each"
            " with other examples held out, and answer together"
        )
    larger = rows.get((name, size + 1))
    if larger is not None:
        text += (
            f"; size {size + 1} would see them {larger['passes']:.3g} times and wants"
            f" {larger['wanted']:.3g}"
        )
    elif mine["passes"] < mine["wanted"]:
        text += "; it is the smallest there is"
    return text


def _alone(row: Mapping[str, Any]) -> str:
    """Say so if one thread was faster than several."""
    took = list(row["milliseconds_by_threads"].items())
    if row["threads"] > 1 or len(took) == 1:
        return ""
    (several, slow), (_, fast) = took
    return (
        f"; on one thread, because other work holds the cores: a step takes {fast:.3g} ms on one"
        f" and {slow:.3g} ms on {several}"
    )
