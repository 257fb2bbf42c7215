"""What is kept of held-out pictures and of as many made ones, to be scored.

Letters: N pictures, F features, K numbers kept of each.
"""

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.networks._eye import Eye
from pellucid.tasks import _noise

_BESIDE = 6  # numbers kept beside three sets of features
_ROWS = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Pictures as an eye sees them: those held out, as many made ones, and training ones.

    Args:
        view: the critic's, of each held-out picture: more for what looks real.
        real: features of the held-out pictures.
        made: features of pictures that were made for them.
        known: features of training pictures, drawn by chance.
        asked: the class that the artist was asked for; -1 for none.
        told: the answer that the eye gives for the made picture.
        true: the answer that it gives for the held-out one.
        made_near: how far the made picture is from the nearest of the training pictures kept.
        real_near: the same of the held-out one.
    """

    view: Float[Tensor, " N"]
    real: Float[Tensor, "N F"]
    made: Float[Tensor, "N F"]
    known: Float[Tensor, "N F"]
    asked: Int[Tensor, " N"]
    told: Int[Tensor, " N"]
    true: Int[Tensor, " N"]
    made_near: Float[Tensor, " N"]
    real_near: Float[Tensor, " N"]

    @classmethod
    def of(cls, outputs: Float[Tensor, "N K"]) -> "Seen":
        """Read what `kept` wrote; what is no number counts as 0."""
        width = max(1, (outputs.shape[1] - _BESIDE) // 3)
        outputs = outputs.float().nan_to_num(0.0, 0.0, 0.0)
        view, real, made, known, *beside = outputs.split([1, width, width, width, *[1] * 5], dim=1)
        asked, told, true, made_near, real_near = (each[:, 0] for each in beside)
        return cls(
            view=view[:, 0],
            real=real,
            made=made,
            known=known,
            asked=asked.long(),
            told=told.long(),
            true=true.long(),
            made_near=made_near,
            real_near=real_near,
        )


@runtime_checkable
class Maker(Protocol):
    """A network that makes examples and has an eye to compare them with."""

    eye: Eye

    def make(self, z: Tensor, y: Tensor | None = None) -> Tensor: ...

    def __call__(self, x: Tensor) -> Tensor: ...


def maker(network: nn.Module) -> Maker:
    """Take a network for one that makes examples.

    Raises:
        BadInputError: if it is none.
    """
    if not hasattr(network, "make") or not isinstance(getattr(network, "eye", None), Eye):
        raise BadInputError(
            given=f"the network {type(network).__name__}, which makes nothing",
            needed="a network with `make` and an `eye`; see pellucid/networks/__init__.py",
            remedy="leave --network out to have one chosen",
        )
    return cast(Maker, network)


def kept(network: nn.Module, x: Float[Tensor, "N ..."], schema: Schema) -> Float[Tensor, "N K"]:
    """See held-out pictures, and make as many: the noise follows from the pictures' content.

    Args:
        network: makes pictures and has an eye.
        x: held-out pictures.
        schema: says how frequent classes are, by which they are asked for.
    """
    it = maker(network)
    z = _noise.noise(x, schema.latent).to(x.device)
    asked = _noise.drawn(x, schema.shares).to(x.device)
    pairs = zip(z.split(_ROWS), asked.split(_ROWS), strict=True)
    made, real = it.eye(torch.cat([it.make(*rows) for rows in pairs])), it.eye(x)
    known = it.eye.known
    columns = [
        it(x)[:, :1],
        real,
        made,
        known[_noise.place(x, len(known)).to(x.device)],
        asked[:, None],
        *(it.eye.judge(seen).argmax(dim=1, keepdim=True) for seen in (made, real)),
        *(_near(seen, known) for seen in (made, real)),
    ]
    return torch.cat([column.float() for column in columns], dim=1)


def _near(features: Float[Tensor, "N F"], known: Float[Tensor, "R F"]) -> Float[Tensor, "N 1"]:
    rows = [torch.cdist(some, known).amin(dim=1) for some in features.float().split(_ROWS)]
    return torch.cat(rows)[:, None]
