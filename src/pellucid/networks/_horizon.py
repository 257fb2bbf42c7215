"""What networks that foretell series share: where to start from, how sure to be, what is known.

Idea: a window is read as what departs from its own level, in units of its own spread, and what is
foretold is put back into both, so that a series which has drifted is foretold as one that has not;
but the further ahead, the more the level itself goes back to where it mostly was. Windows that
wander are foretold less surely than windows that stand still.

Source: Kim et al. 2022, "Reversible instance normalization for accurate time-series forecasting
against distribution shift" (ICLR).
Departs: how much of a window's level is kept is learned for each step ahead. It is the same for
all variables and moves slowly: a year of hours holds few levels to learn it from.

Letters: B batch, L steps of the past, C channels, A variables, H steps ahead, N = B times A, M
members, K outputs, F channels that are known ahead, G channels that lead.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema

_LEAST = 1e-2  # standard deviations of training; a flat window has no spread to divide by

_WIDE, _NARROW = 20_000_000, 128  # weights above which what leads passes a narrow layer, and that

GAIN = 2.0  # how much faster than other weights the share of the level that is kept moves


class Horizon(nn.Module):
    """Foretells each variable from its own past by the same weights, and says how surely.

    Args:
        course: gives what comes next, (N, H), of normalised pasts, (N, L); with members (N, M, H).
        horizon: H.
        schema: says which channels are foretold, lead, or are known as far as the horizon reaches.
    """

    def __init__(self, course: nn.Module, schema: Schema) -> None:
        super().__init__()
        horizon, variables = schema.ahead, len(schema.variables)
        self.course = course
        self.horizon = horizon
        self.variables = variables
        self.lagging = schema.lagging
        known = schema.early
        self.leads = Leads(schema) if schema.leads else None
        self.known = Known(known, variables) if known else None
        self.back = nn.Parameter(torch.zeros(horizon, 1))
        self.spread = nn.Parameter(torch.zeros(horizon, variables))

    def forward(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "B *M K"]:
        past = x[..., : self.variables].transpose(1, 2)
        level = past.mean(dim=2, keepdim=True)
        spread = (past.var(dim=2, keepdim=True, correction=0) + _LEAST**2).sqrt()
        course = self.course(((past - level) / spread).flatten(0, 1)).float()
        course = course.reshape(*past.shape[:2], -1, self.horizon) * spread[..., None]
        kept = level.transpose(1, 2) * (1 + GAIN * self.back)
        # From (B, A, M, H) to (B, M, H, A).
        means = course.permute(0, 2, 3, 1) + kept[:, None]
        if self.leads is not None:
            means = means + self.leads(x)[:, None]
        if self.known is not None:
            ahead = x[..., self.variables + self.lagging :]
            means = means + self.known(ahead, self.horizon)[:, None]
        logs = self.spread + wandering(past).log().transpose(1, 2)
        both = torch.stack([means, logs[:, None].expand_as(means)], dim=-1).flatten(2)
        return both if self.training else both.mean(dim=1)


def wandering(past: Float[Tensor, "B A L"]) -> Float[Tensor, "B A 1"]:
    """Tell how far each variable moves in half a window, and halfway how far they all do.

    Of what was tried it told best how wrong forecasts of the same window are in other months.
    """
    half = max(1, past.shape[2] // 2)
    moved = (past[..., half:] - past[..., : past.shape[2] - half]).abs().mean(dim=2, keepdim=True)
    moved = moved.nan_to_num(0.0) + _LEAST
    return (moved * moved.mean(dim=1, keepdim=True)).sqrt()


class Leads(nn.Module):
    """Adds a weighted sum of the pasts of those channels that tell of others.

    Args:
        schema: says which they are.
    """

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        past, variables = schema.shape[0], len(schema.variables)
        self.horizon = schema.ahead
        self.places = list(schema.leads)
        entering, leaving = past * len(schema.leads), schema.ahead * variables
        self.enter: nn.Module = nn.Identity()
        if entering * leaving > _WIDE:
            self.enter = nn.Linear(entering, _NARROW, bias=False)
            entering = _NARROW
        self.leave = nn.Linear(entering, leaving, bias=False)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "B H A"]:
        seen = x[..., self.places]
        seen = (seen - seen.mean(dim=1, keepdim=True)).flatten(1)
        # Half width would cost digits of the forecast itself, and saves nothing here.
        with torch.autocast(x.device.type, enabled=False):
            added: Tensor = self.leave(self.enter(seen.float()))
        return added.unflatten(1, (self.horizon, -1))


class Known(nn.Module):
    """Adds what is known of each step ahead: a holiday, a price.

    Args:
        known: F.
        variables: A.
        width: of the hidden layer.
    """

    def __init__(self, known: int, variables: int, *, width: int = 32) -> None:
        super().__init__()
        self.enter = nn.Linear(known, width)
        self.leave = nn.Linear(width, variables)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Float[Tensor, "B L F"], horizon: int) -> Float[Tensor, "B H A"]:
        ahead = x[:, -horizon:]
        added = self.leave(F.gelu(self.enter(ahead)))
        return F.pad(added, (0, 0, horizon - added.shape[1], 0))
