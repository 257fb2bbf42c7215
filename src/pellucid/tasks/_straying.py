"""Whether an artist and its critic go astray, while there is time to do something about it.

Idea: what goes wrong between two networks shows in a few numbers: how sure the critic is, and how
much of the training side lies among what the artist makes. Each way of going wrong has its own
answer: back to where nothing was wrong, a slower critic, more altering of what it sees.

Source: recall falls when an artist collapses: Kynkäänniemi et al. 2019, arXiv:1904.06991; a critic
that learns pictures by heart: Karras et al. 2020, arXiv:2006.06676.
"""

import torch
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.tasks import Trouble, _likeness
from pellucid.tasks._seen import Seen, maker

_COMPARED = 500  # made pictures, with as many training ones
_YOUNG = 300  # steps before which an artist may be bad at everything
_NARROW = 0.25  # of the training pictures' variance: an artist that makes less has collapsed
_LITTLE = 0.05  # of the training pictures lie among the made ones
_SLOWER = 0.25
_PLENTY = 20_000  # pictures that no critic learns by heart within the time that a run has
_STRONGEST = 0.7


def altering(network: nn.Module, count: int) -> None:
    """Set how many pictures the critic sees altered, by how few there are to learn from."""
    strength = network.get_buffer("strength")
    few = torch.tensor(_PLENTY / max(1, count)).log2()
    strength.fill_(min(_STRONGEST, max(0.0, 0.2 * float(few))))


def straying(network: nn.Module, schema: Schema, share: float) -> Trouble | None:
    """Look at what the artist makes and at how sure the critic is; say what is wrong, if anything.

    Args:
        network: in training; nothing of it is changed.
        schema: of the data.
        share: of the schedule that is done.
    """
    del share
    if int(network.get_buffer("count")) < _YOUNG:
        return None
    real, made = _compared(network, schema)
    variance, recall = _variety(real, made)
    if variance < _NARROW and recall < _LITTLE:
        return Trouble(
            sentence=(
                f"the artist has collapsed: what it makes varies {variance:.0%} as much as the"
                f" training pictures, and {recall:.0%} of them lie among it; going back to the last"
                f" good artist, with {_SLOWER:g} of the critic's rate"
            ),
            back=True,
            balance={"critic": _SLOWER},
        )
    return None


def collapsed(seen: Seen) -> str | None:
    """Say in a sentence if made pictures have hardly anything of the held-out ones' variety."""
    variance, recall = _variety(seen.real, seen.made)
    if variance >= _NARROW or recall >= _LITTLE:
        return None
    return (
        f"the artist has collapsed: the {len(seen.made)} pictures it made vary {variance:.0%} as"
        f" much as the held-out ones, and {recall:.0%} of those lie among them"
    )


def _variety(real: Tensor, made: Tensor) -> tuple[float, float]:
    """Give the variance of what was made as a share of the real one, and the recall."""
    variance = float(made.var(dim=0).sum() / real.var(dim=0).sum().clamp(min=1e-6))
    return variance, float(_likeness.neighbourhood(real, made).covered.float().mean())


@torch.no_grad()
def _compared(network: nn.Module, schema: Schema) -> tuple[Tensor, Tensor]:
    """Give features of training pictures and of made ones, on the CPU; chance by the step."""
    it = maker(network)
    random = torch.Generator().manual_seed(int(network.get_buffer("count")))
    known = _likeness.distinct(it.eye.known.cpu())
    real = known[torch.randperm(len(known), generator=random)[:_COMPARED]]
    device = it.eye.known.device
    z = torch.randn(len(real), schema.latent, generator=random).to(device)
    y = None
    if schema.shares:
        shares = torch.tensor(schema.shares)
        y = torch.multinomial(shares, len(real), replacement=True, generator=random).to(device)
    return real, it.eye(it.make(z, y)).cpu()
