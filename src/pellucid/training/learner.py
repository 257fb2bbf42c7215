"""A network that learns: one step at a time, from a state that can be kept and restored.

Everything that happens in a step is a function of (weights, optimiser state, order, seed, step), so
a run that is restored goes on to the same weights, bit for bit, as one that was never stopped.
"""

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.data._batches import Supply
from pellucid.networks import Recipe
from pellucid.tasks import Task, Trouble
from pellucid.training.numerics import Numerics
from pellucid.training.optim import Optimizer, optimizers
from pellucid.training.order import Order, mixed

INSPECTIONS = 33  # of a run whose task looks whether learning goes astray
_PATIENCE = 1  # inspections left out after one that found something


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """How one network learns in one run.

    Args:
        recipe: rates, decay, hardest share.
        batch: examples a step.
        numerics: arithmetic of the forward pass.
        seed: of order, views and dropout.
    """

    recipe: Recipe
    batch: int
    numerics: Numerics
    seed: int


class Learner:
    """A network, the task it learns, the examples it learns from, and all that changes meanwhile.

    Args:
        network: on its device, in training layout; changed in place.
        task: gives the loss and the parts that take turns.
        supply: the training side.
        habits: how it learns.

    Attributes:
        step: steps taken.
        share: how much of the schedule is done, from 0 to 1.
        pieces: micro-batches a batch is split into; more after an out-of-memory error.
        slower: factor on the rates; less than 1 after the loss was not finite.
        balance: factor on the rates of each part, beside that.
        sound: the state at the last inspection that found nothing wrong, or after the first step;
            empty where nobody inspects.
    """

    def __init__(self, network: nn.Module, task: Task, supply: Supply, habits: Habits) -> None:
        self.network = network
        self.task = task
        self.supply = supply
        self.habits = habits
        alike = habits.recipe.alike
        self.order = Order(
            len(supply),
            habits.batch,
            hardest=habits.recipe.hardest,
            seed=habits.seed,
            sizes=task.sizes(supply) if alike else None,
            counts=task.counts(supply) if alike else None,
        )
        self.parts = task.parts(network)
        self.optimizers = {
            name: optimizers(part, habits.recipe) for name, part in self.parts.items()
        }
        self._peaks = [
            (name, group, group["lr"])
            for name, part in self.optimizers.items()
            for optimizer in part
            for group in optimizer.groups
        ]
        self.step = 0
        self.share = 0.0
        self.pieces = 1
        self.slower = 1.0
        self.balance = dict.fromkeys(self.parts, 1.0)
        self.sound: dict[str, Tensor] = {}
        self.inspected = 0

    def learn(self, share: float) -> float:
        """Take one step.

        Args:
            share: how much of the schedule this step completes.

        Returns:
            The mean loss of the batch; not finite if something went wrong.

        Raises:
            MemoryError: if not even one example at a time fits into memory.
        """
        places = self.order.next()
        while True:
            try:
                loss = self._attempt(places)
                break
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                self._split(error)
        self.step += 1
        self.share = min(1.0, self.share + share)
        settle = getattr(self.network, "settle", None)
        if settle is not None:
            settle()
        return loss

    def inspect(self) -> str:
        """Ask the task, some times in a run, whether learning goes astray; do what it says.

        What was learned until then may be undone; the time, the order and the schedule go on.

        Returns:
            What was wrong and what was done about it; "" if nothing was.
        """
        if type(self.task).trouble is Task.trouble:
            return ""
        if not self.sound:  # nothing is better to go back to than the first step
            self._keep_sound()
        due = int(self.share * INSPECTIONS)
        if due <= self.inspected:
            return ""
        self.inspected = due
        trouble = self.task.trouble(self.network, self.share)
        if trouble is None:
            self._keep_sound()
            return ""
        return self.answer(trouble)

    def answer(self, trouble: Trouble) -> str:
        """Do what a task says that goes astray; give its sentence."""
        if trouble.back and self.sound:
            self._put_back(self.sound)
        self.inspected += _PATIENCE
        for name, factor in trouble.balance.items():
            self.balance[name] *= factor
        return trouble.sentence

    @property
    def passes(self) -> float:
        """How often the examples have been seen, on average."""
        return self.step * self.order.batch / len(self.supply)

    def tensors(self) -> dict[str, Tensor]:
        """Give every tensor of the state, by name; they are not copies."""
        found = self._learned()
        found |= {f"order.{key}": value for key, value in self.order.tensors().items()}
        return found | {f"sound.{key}": value for key, value in self.sound.items()}

    def numbers(self) -> dict[str, Any]:
        """Give the rest of the state, as JSON."""
        return {
            "step": self.step,
            "share": self.share.hex(),
            "pieces": self.pieces,
            "slower": self.slower,
            "balance": {name: factor.hex() for name, factor in self.balance.items()},
            "inspected": self.inspected,
        }

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from a state that `tensors` and `numbers` gave."""
        self._put_back(tensors)
        self.order.restore(_under(tensors, "order."))
        self.sound = {key: value.clone() for key, value in _under(tensors, "sound.").items()}
        self.step = numbers["step"]
        self.share = float.fromhex(numbers["share"])
        self.pieces = numbers["pieces"]
        self.slower = numbers["slower"]
        self.balance |= {name: float.fromhex(at) for name, at in numbers["balance"].items()}
        self.inspected = numbers["inspected"]

    def _learned(self) -> dict[str, Tensor]:
        """Give the weights and what the optimisers remember of them, by name."""
        found = {f"network.{key}": value for key, value in self.network.state_dict().items()}
        for place, optimizer in enumerate(self._all()):
            for index, state in enumerate(optimizer.state):
                for key, value in state.items():
                    found[f"optimizer.{place}.{index}.{key}"] = value
        return found

    def _keep_sound(self) -> None:
        self.sound = {key: value.clone() for key, value in self._learned().items()}

    def _put_back(self, tensors: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(_under(tensors, "network."))
        for place, optimizer in enumerate(self._all()):
            for key, value in _under(tensors, f"optimizer.{place}.").items():
                index, _, name = key.partition(".")
                optimizer.state[int(index)][name].copy_(value)

    def rest(self) -> None:
        """Forget what only learning needs: no step is taken after this."""
        for optimizer in self._all():
            optimizer.zero_grad()
            optimizer.state.clear()

    def _attempt(self, places: Tensor) -> float:
        self._set_rates()
        self.task.smoothing = self.habits.recipe.smoothing * (1.0 - self.share)
        torch.manual_seed(mixed(self.habits.seed, 2 * self.step))
        generator = torch.Generator().manual_seed(mixed(self.habits.seed, 2 * self.step + 1))
        batch = self.supply.batch(places, generator=generator if self.task.varies else None)
        if self.habits.numerics.channels_last and batch["x"].ndim == 4:
            batch["x"] = batch["x"].contiguous(memory_format=torch.channels_last)
        losses = [self._turn(name, batch, places) for name in self.parts]
        return sum(losses) / len(losses)

    def _turn(self, name: str, batch: Mapping[str, Tensor], places: Tensor) -> float:
        """Give one part its step on the whole batch, piece by piece where memory asks for it."""
        for optimizer in self.optimizers[name]:
            optimizer.zero_grad()
        whole, total, seen = len(places), self.order.weight(places), []
        for piece in torch.arange(whole).chunk(self.pieces):
            part = {key: value[piece[0] : piece[-1] + 1] for key, value in batch.items()}
            with self.habits.numerics.autocast():
                loss = self.task.loss(self.network, part, name)
            (loss.mean() * self.order.weight(places[piece]) / total).backward()
            seen.append(loss.detach().expand(len(piece)) if loss.ndim == 0 else loss.detach())
        losses = torch.cat(seen)
        self.order.tell(places, losses)
        mean = losses.mean().item()
        if mean - mean == 0:  # finite: a step along gradients that are not would spoil the weights
            if self.habits.recipe.clip:
                nn.utils.clip_grad_norm_(self.parts[name].parameters(), self.habits.recipe.clip)
            for optimizer in self.optimizers[name]:
                optimizer.step()
        return mean

    def _split(self, error: BaseException) -> None:
        if self.pieces >= self.order.batch:
            raise MemoryError("not even one example at a time fits into memory") from error
        self.pieces = min(self.order.batch, self.pieces * 2)
        self.network.zero_grad(set_to_none=True)
        gc.collect()
        if self.habits.numerics.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def _set_rates(self) -> None:
        factor = ramp(self.share) * self.slower
        for name, group, peak in self._peaks:
            group["lr"] = peak * factor * self.balance[name]

    def _all(self) -> list[Optimizer]:
        return [optimizer for part in self.optimizers.values() for optimizer in part]


def ramp(share: float) -> float:
    """Give the learning rate, as a share of its peak: up over the first tenth, then down to zero.

    Source: Li, Yumer & Ramanan 2020, "Budgeted training", arXiv:1905.04753 (linear decay to zero
    over the budget).
    """
    return min(1.0, (share + 0.001) / 0.1) * (1.0 - share)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on a CPU or a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return "can't allocate memory" in text or "out of memory" in text


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = len(prefix)
    return {key[start:]: value for key, value in tensors.items() if key.startswith(prefix)}
