"""An eye is taught once, by one recipe that is the same for all data, and then judges.

Idea: whoever compares generators must not tune the judge. So the recipe is fixed: so many steps,
one rate, half of nothing chosen by looking at what is judged; where the time is short it takes
fewer steps, and says how many. Its hash and its accuracy stand beside every figure it gives.

Source: telling classes apart: as `networks/_eye.py`; telling how a picture was turned, where there
are no classes: Gidaris, Singh & Komodakis 2018, arXiv:1803.07728.

Letters: B batch, N examples, F features.
"""

import hashlib
import math
import time
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from pellucid.data._batches import Supply
from pellucid.networks._eye import FIGURES, REMEMBERED, SPOILT, TURNS, Eye
from pellucid.tasks import _likeness

STEPS = 600
_BATCH = 256
_RATE = 3e-3
_DECAY = 1e-2
_BETAS = (0.9, 0.99)
_TESTED = 1000  # pictures that are not learned from, at most
_SHARE = 0.1  # of the pictures, of these
_WARMING, _TIMED = 2, 6  # steps after which, and by which, the speed is known
_LATE = 1.2  # times the time that was given, after which it stops though fewer steps were taken
_SEEING = 1000  # pictures that are seen at once
_NOISE = 0.3  # in standard deviations of the pixels
_BLUR = 28  # a picture is blurred by its shorter side over this
_BLIND = 1.5  # times as many right as chance, below which an eye sees little


def learn(eye: Eye, supply: Supply, *, seconds: float | None, seed: int, half: bool) -> str:
    """Teach an eye on the training side, in place.

    Args:
        eye: is on the device of the supply.
        supply: the training side.
        seconds: that it may take, about; None for the whole recipe, which can be repeated.
        seed: of the order, and of which pictures it is tested on.
        half: whether it learns in bfloat16.

    Returns:
        A sentence that says how well it sees.
    """
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(supply), generator=random)
    tested = order[: min(_TESTED, max(1, round(_SHARE * len(order))))]
    learned = order[len(tested) :] if len(order) > 1 else order
    started = time.monotonic()
    eye.study(True)
    try:
        steps = _taught(eye, supply, learned, (seconds, half, random))
    finally:
        eye.study(False)
    eye.steps.fill_(steps)
    eye.accuracy.fill_(_accuracy(eye, supply, tested, random))
    _remember(eye, supply, order)
    _mark(eye, supply, tested, random)
    return _said(eye, len(tested), time.monotonic() - started)


def about(eye: Eye) -> dict[str, Any]:
    """Tell, as JSON, by what pictures were compared.

    Returns:
        "hash" of all that decides what it sees; "question" it was taught, "accuracy" on training
        pictures that it did not learn from, "features", "steps"; and for "blurred" and "noisy" real
        pictures what they score, so that scores can be read.
    """
    marks = {
        name: {key: float(value) for key, value in zip(FIGURES, row, strict=True)}
        for name, row in zip(SPOILT, eye.marks.tolist(), strict=True)
    }
    question = "which way it was turned" if eye.turns else f"which of {eye.answers} classes it is"
    return {
        "hash": digest(eye),
        "question": question,
        "accuracy": round(float(eye.accuracy), 4),
        "features": eye.width,
        "steps": int(eye.steps),
        **{name: row for name, row in marks.items() if any(row.values())},
    }


def digest(eye: Eye) -> str:
    """Hash everything that decides what an eye sees: twelve letters."""
    whole = hashlib.sha256()
    for name, tensor in sorted(eye.state_dict().items()):
        if name not in ("known", "marks", "accuracy", "steps"):
            whole.update(name.encode())
            whole.update(tensor.detach().cpu().float().numpy().tobytes())
    return whole.hexdigest()[:12]


@torch.no_grad()
def seen(eye: Eye, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N F"]:
    """Give the features of many pictures, some at a time."""
    return torch.cat([eye(part) for part in x.split(_SEEING)])


def _taught(
    eye: Eye, supply: Supply, places: Tensor, how: tuple[float | None, bool, torch.Generator]
) -> int:
    """Take the steps; give how many."""
    seconds, half, random = how
    learning = _Adam(eye)
    steps, began = STEPS, time.monotonic()
    late = began + _LATE * (math.inf if seconds is None else seconds)
    batch = min(_BATCH, len(places))
    for step in range(STEPS):
        if step >= steps or time.monotonic() > late:
            steps = step
            break
        if step == _WARMING:
            began = time.monotonic()
        if step == _WARMING + _TIMED and seconds is not None:
            each = (time.monotonic() - began) / _TIMED
            steps = max(step + 1, min(STEPS, int(seconds / max(each, 1e-6))))
        share = step / steps
        rate = _RATE * min(1.0, (share + 0.02) / 0.2) * (1 - share)
        chosen = places[torch.randint(len(places), (batch,), generator=random)]
        x, y = _asked(eye, supply, chosen, random, plain=False)
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=half):
            told = eye.told(x)
        loss = F.cross_entropy(told.float(), y, ignore_index=-1)
        if bool((y >= 0).any()):
            loss.backward()
            learning.step(rate)
    return steps


class _Adam:
    """Steps scaled entry by entry, by hand: importing torch's own costs a second of the run.

    Source: Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101 (decay).
    """

    def __init__(self, network: nn.Module) -> None:
        self._weights = list(network.parameters())
        self._means = [torch.zeros_like(weight) for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        self._steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Step along the gradients, and forget them."""
        self._steps += 1
        first, second = 1 - _BETAS[0] ** self._steps, 1 - _BETAS[1] ** self._steps
        slots = zip(self._weights, self._means, self._squares, strict=True)
        for weight, mean, square in slots:
            assert weight.grad is not None
            mean.lerp_(weight.grad, 1 - _BETAS[0])
            square.mul_(_BETAS[1]).addcmul_(weight.grad, weight.grad, value=1 - _BETAS[1])
            weight.mul_(1 - rate * _DECAY)
            weight.addcdiv_(mean, (square / second).sqrt_().add_(1e-8), value=-rate / first)
            weight.grad = None


def _asked(
    eye: Eye, supply: Supply, places: Tensor, random: torch.Generator, *, plain: bool
) -> tuple[Float[Tensor, "B C H W"], Int[Tensor, " B"]]:
    """Give pictures with what is asked of them: their class, or how they were turned."""
    batch = supply.batch(places, generator=None if plain else random)
    x = batch["x"]
    if not eye.turns:
        return x, batch["y"]
    side = min(x.shape[2:])
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    square = x[:, :, top : top + side, left : left + side]
    turns = torch.randint(TURNS, (len(x),), generator=random).to(x.device)
    turned = torch.stack([square.rot90(turn, (2, 3)) for turn in range(TURNS)])
    return turned[turns, torch.arange(len(x), device=x.device)], turns


@torch.no_grad()
def _accuracy(eye: Eye, supply: Supply, places: Tensor, random: torch.Generator) -> float:
    x, y = _asked(eye, supply, places, random, plain=True)
    right = eye.judge(seen(eye, x)).argmax(dim=1) == y
    return float(right[y >= 0].float().mean()) if bool((y >= 0).any()) else 0.0


def _remember(eye: Eye, supply: Supply, order: Tensor) -> None:
    """Keep features of training pictures; centre and scale all features by them."""
    kept = order[:REMEMBERED].sort().values
    features = seen(eye, supply.batch(kept)["x"])
    eye.centre.copy_(features.mean(dim=0))
    variance = (features - eye.centre).square().sum() / max(1, len(features) - 1)
    eye.scale.copy_((variance / eye.width).sqrt().clamp(min=1e-6))
    scaled = (features - eye.centre) / eye.scale
    eye.known.copy_(scaled[torch.arange(REMEMBERED, device=scaled.device) % len(scaled)])


def _mark(eye: Eye, supply: Supply, places: Tensor, random: torch.Generator) -> None:
    """Measure how far spoilt real pictures are from those that are known."""
    if len(places) < 2:
        return
    x = supply.batch(places)["x"]
    noise = torch.randn(x.shape, generator=random).to(x.device)
    known = _likeness.distinct(eye.known.cpu())
    if len(known) < 2:
        return
    for row, spoilt in enumerate((_blurred(x), x + _NOISE * noise)):
        found = _likeness.values(known[: len(spoilt)], seen(eye, spoilt).cpu())
        eye.marks[row].copy_(torch.tensor([found[name] for name in FIGURES], dtype=torch.float64))


def _blurred(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    """Blur by a normal curve as wide as a 28th of the shorter side."""
    sigma = min(x.shape[2:]) / _BLUR
    reach = max(1, round(3 * sigma))
    along = torch.arange(-reach, reach + 1, device=x.device)
    curve = torch.exp(-0.5 * (along / sigma) ** 2)
    curve = (curve / curve.sum()).expand(x.shape[1], 1, 1, -1)
    reach_both = (reach, reach, reach, reach)
    wide = F.pad(x, tuple(min(each, min(x.shape[2:]) - 1) for each in reach_both), mode="replicate")
    lines = F.conv2d(wide, curve, groups=x.shape[1])
    return F.conv2d(lines, curve.transpose(2, 3), groups=x.shape[1])


def _said(eye: Eye, tested: int, seconds: float) -> str:
    told = about(eye)
    sentence = (
        f"pictures are compared by an eye of {eye.width} features, {told['hash']}: taught"
        f" {told['question']} in {told['steps']:,} steps ({seconds:.1f} s), right about"
        f" {told['accuracy']:.1%} of {tested:,} training pictures that it did not learn from"
    )
    if told["accuracy"] < _BLIND / eye.answers:
        sentence += "; that is hardly more than chance, so its figures say little"
    return sentence
