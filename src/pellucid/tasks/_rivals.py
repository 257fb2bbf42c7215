"""A writer and its control, by what both write: which is better, and by how much.

Idea: beside each held-out text the writer and the control write one each, with the same chances,
which follow from what the held-out text says; so an evaluation repeats, however the texts are
batched, and what is made is as much as what it is compared with.

Letters: B texts of a batch, N texts, M tokens of a made text, S makers, V codes.
"""

import zlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.networks._writing import written
from pellucid.tasks._text_likeness import FEWEST, Bench, Comparison, Texts, compared, rate
from pellucid.tasks._trouble import COLLAPSED, REPEATING, USUAL

LENGTH = 64  # M
HEATS = (0.6, 0.8, 1.0, 1.2, 1.5)  # temperatures of the control
MAKERS = 1 + len(HEATS)  # S: the writer at 1, the control at each of them


def made_beside(network: Any, x: Float[Tensor, "B T"]) -> Float[Tensor, "B SM"]:
    """Let writer and control write a text beside each, S of M codes in a row.

    Args:
        network: the writer, whose `control` is the other.
        x: held-out texts, whose first codes are those of what is made.
    """
    chances = torch.from_numpy(np.stack([_chances(row) for row in x.cpu().numpy()]))
    chances = chances.to(x.device, torch.float32)
    found = [written(network, x[:, 0], chances)]
    for heat in HEATS:
        found.append(written(network.control, x[:, 0], chances, temperature=heat))
    return torch.cat(found, dim=1)


class Rivals:
    """What writer and control made beside held-out texts.

    Args:
        real: codes of the held-out texts, (N, L).
        made: codes, (N, S, M).
        codes: V.
    """

    def __init__(self, real: NDArray[np.int64], made: NDArray[np.int64], codes: int) -> None:
        real = np.pad(real[:, :LENGTH], ((0, 0), (0, max(0, LENGTH - real.shape[1]))))
        kept = (real[:, 1:] != 0).any(axis=1)
        self.real, self.made = real[kept], made[kept]
        self.known = len(self.real) >= FEWEST
        self.bench = Bench(self.real, codes) if self.known else None

    @property
    def writer(self) -> Texts:
        """Give what the writer made."""
        assert self.bench is not None
        return self.bench.of(self.made[:, 0])

    def comparison(self) -> Comparison:
        """Compare the two where they are equally diverse."""
        assert self.bench is not None
        control = [self.bench.of(self.made[:, 1 + place]) for place in range(len(HEATS))]
        return compared(self.writer, control, HEATS, len(self.real))

    def rows(self) -> list[dict[str, Any]]:
        """Give a row of measures for real texts, the writer's, and the control's at each heat."""
        assert self.bench is not None
        bench = self.bench
        rows = [_row("held-out texts", bench, bench.real) | {"distance": bench.floor()}]
        names = ["the writer", *(f"the control at {heat:g}" for heat in HEATS)]
        for name, some in zip(names, self.made.swapaxes(0, 1), strict=True):
            rows.append(_row(name, bench, bench.of(some)))
        return rows

    def degenerate(self) -> str:
        """Say in a sentence if what the writer makes repeats itself; "" if not."""
        assert self.bench is not None
        made, real = self.writer, self.bench.real
        twice, usual = float(made.repeating.mean()), float(real.repeating.mean())
        again, ever = float(made.again.mean()), float(real.again.mean())
        alike, floor = rate(made.alike), rate(real.alike)
        if again > max(REPEATING, USUAL * ever) or alike < COLLAPSED * floor:
            return (
                "the writer has collapsed: its texts are so alike that a token of one costs"
                f" {alike:.2f} nats to who knows the others, where held-out texts cost {floor:.2f},"
                f" and {again:.0%} of them were written before"
            )
        if twice > max(REPEATING, USUAL * usual):
            return (
                f"the writer repeats itself: a run of three tokens stands twice in {twice:.0%} of"
                f" its texts, where it does in {usual:.0%} of those held out"
            )
        return ""


def verdict(found: Comparison) -> str:
    """Say which of the two writes better, by how much, and which to use."""
    worse = found.worse
    sides = f"({abs(worse.value):.2f} nats a token"
    if worse.low is not None and worse.high is not None:
        ends = sorted((abs(worse.low), abs(worse.high)))
        sides += f", {ends[0]:.2f} to {ends[1]:.2f}" if found.sure else ", which may be chance"
    figures = (
        f"{found.quality:.2f} against {found.control:.2f} nats a token under a model of held-out"
        f" texts, the control drawn at a temperature of {found.temperature:.2f}"
    )
    where = "at the same diversity"
    if not found.inside:
        where = "at the nearest diversity that the control was drawn at"
    if not found.sure:
        return (
            f"adversarial writer and control write equally well {where} {sides}): {figures};"
            " `--network rnn` gives the control alone, which is simpler"
        )
    if worse.value > 0:
        return (
            f"the control, a language model that learned for as long, writes better {where}"
            f" {sides}): {figures}. Use it: `--network rnn`"
        )
    return f"the adversarial writer writes better than its control {where} {sides}): {figures}"


def _row(name: str, bench: Bench, texts: Texts) -> dict[str, Any]:
    found = bench.measures(texts)
    row: dict[str, Any] = {"texts": name}
    for key, each in found.items():
        row[key] = each.value
        if key in ("quality", "cover", "diversity"):
            row |= {f"{key}_low": each.low, f"{key}_high": each.high}
    return row


def _chances(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Give the chances that belong to a text, (M,): equal texts have equal ones."""
    some = np.trim_zeros(codes.astype(np.int64), "b")
    return np.random.default_rng(zlib.crc32(some.tobytes())).random(LENGTH)


def rivals_of(network: nn.Module) -> bool:
    """Tell whether a network is a writer with a control beside it."""
    return hasattr(network, "control")
