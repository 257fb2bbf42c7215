"""Whether an artist and its critic go astray, while there is time to do something about it.

Idea: what goes wrong between two networks shows in a few numbers: how sure the critic is, how much
what is made varies, how much of the training side lies among it, and how near it comes to single
pictures. Each way of going wrong has its own answer: back to where nothing was wrong, a slower
critic, more altering of what it sees.

Source: recall falls when an artist collapses: Kynkäänniemi et al. 2019, arXiv:1904.06991; altering
as an answer to few pictures: Karras et al. 2020, arXiv:2006.06676.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.tasks import Trouble, _likeness
from pellucid.tasks._seen import Seen, maker

_COMPARED = 300  # made pictures, with as many training ones
_YOUNG = 300  # steps at the full rate before which an artist may be bad at everything
_RISING = 0.1  # share of the schedule in which the rate rises
_NARROW = 0.25  # of the real pictures' variance: an artist that makes less has collapsed
_LITTLE = 0.05  # of the real pictures lie among the made ones
# On garments, a healthy artist's pixels varied 0.3 as much as real ones at worst, 0.74 after some
# 100 steps at the full rate, and its critic's margin was at most 4 nats; with twenty times the
# critic's rate 0.36, and up to 15 nats. The classic network came to 6.3 nats at 0.3.
_FLAT = 0.45  # of the variety of real pixels: less says that an artist gets nowhere
_BEGUN = 110  # steps at the full rate, after which
_STILL = 6.5  # nats of margin say that a critic has won;
_MARGIN = 8.0  # before, so many do
_WILD = 25.0  # nats, this way or that: a critic that runs away had hundreds, a healthy one 3
_REPEATED = 0.25  # of the made pictures nearer to a training one than 99 % of those are to others
_SLOWER = 0.25
_STRONGER = 0.2
_PLENTY = 20_000  # pictures that no critic learns by heart within the time that a run has
_STRONGEST = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """What tells of an artist whether it goes astray.

    Args:
        variance: of what is made, as a share of the variance of real pictures.
        recall: share of the real pictures that lie among the made ones.
        repeated: share of the made ones nearer to a real one than 99 % of those are to each other.
    """

    variance: float
    recall: float
    repeated: float


def altering(network: nn.Module, count: int) -> None:
    """Set how many pictures the critic sees altered, by how few there are to learn from."""
    few = torch.tensor(_PLENTY / max(1, count)).log2()
    network.get_buffer("strength").fill_(min(_STRONGEST, max(0.0, 0.2 * float(few))))


def straying(network: nn.Module, schema: Schema, share: float) -> Trouble | None:
    """Look at what the artist makes and at how sure the critic is; say what is wrong, if anything.

    Where pictures are learned by heart, the critic is made to see more of them altered; else
    nothing of the network is changed here.

    Args:
        network: in training.
        schema: of the data.
        share: of the schedule that is done.
    """
    count = int(network.get_buffer("count"))
    learned = count * min(1.0, 0.5 * share / _RISING if share < _RISING else 1.0)
    margin, sure, spread, wild = network.get_buffer("signs").tolist()
    if not wild <= _WILD:
        return _sent_back(
            f"the critic runs away: between real and made pictures it sees {wild:,.0f} nats, this"
            " way or that, which teaches the artist nothing; going back to where it did not"
        )
    if spread < _FLAT and margin > (_STILL if learned >= _BEGUN else _MARGIN):
        return _sent_back(
            f"the critic has won: it tells {sure:.0%} of the made pictures from the real ones, by"
            f" {margin:.0f} nats, and those vary {spread:.0%} as much as real ones; going back to"
            " where it had not"
        )
    return _astray(network, _signs(network, schema)) if learned >= _YOUNG else None


def _astray(network: nn.Module, signs: Signs) -> Trouble | None:
    if signs.variance < _NARROW and signs.recall < _LITTLE:
        return _sent_back(
            f"the artist has collapsed: what it makes varies {signs.variance:.0%} as much as the"
            f" training pictures, and {signs.recall:.0%} of those lie among it; going back to the"
            " last good artist"
        )
    strength = network.get_buffer("strength")
    if signs.repeated > _REPEATED and float(strength) < _STRONGEST:
        strength.add_(_STRONGER).clamp_(max=_STRONGEST)
        return Trouble(
            sentence=(
                f"the artist repeats training pictures: {signs.repeated:.0%} of what it makes is"
                " nearer to one of them than 99 % of those are to each other; from now on the"
                f" critic sees {float(strength):.0%} of the pictures altered in each way"
            )
        )
    return None


def _sent_back(sentence: str) -> Trouble:
    return Trouble(
        sentence=f"{sentence}, with {_SLOWER:g} of the critic's rate",
        back=True,
        balance={"critic": _SLOWER},
    )


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
def _signs(network: nn.Module, schema: Schema) -> Signs:
    """Compare training pictures with made ones; chance comes from the step alone."""
    it = maker(network)
    random = torch.Generator().manual_seed(int(network.get_buffer("count")))
    known = _likeness.distinct(it.eye.known.cpu())
    real = known[torch.randperm(len(known), generator=random)[:_COMPARED]]
    device = it.eye.known.device
    z = torch.randn(max(2, len(real)), schema.latent, generator=random).to(device)
    y = None
    if schema.shares:
        shares = torch.tensor(schema.shares)
        y = torch.multinomial(shares, len(z), replacement=True, generator=random).to(device)
    made = it.eye(it.make(z, y)).cpu()
    if len(real) < 2:  # nothing to compare with
        return Signs(variance=1.0, recall=1.0, repeated=0.0)
    variance, recall = _variety(real, made)
    apart = torch.cdist(real, known)
    usual = apart.masked_fill(apart < 1e-4, torch.inf).amin(dim=1)
    repeated = float(_likeness.repeated(_likeness.nearest(made, known), usual).value)
    return Signs(variance=variance, recall=recall, repeated=repeated)
