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
members, K outputs, F channels that are known ahead.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_LEAST = 1e-2  # standard deviations of training; a flat window has no spread to divide by

GAIN = 2.0  # how much faster than other weights the share of the level that is kept moves


class Horizon(nn.Module):
    """Foretells each variable from its own past by the same weights, and says how surely.

    Args:
        course: gives what comes next, (N, H), of normalised pasts, (N, L); with members (N, M, H).
        horizon: H.
        variables: A, the first channels; the others are known as far as the horizon reaches, and
            shifted so that the last H steps of the past show them.
        channels: C.
    """

    def __init__(self, course: nn.Module, *, horizon: int, variables: int, channels: int) -> None:
        super().__init__()
        self.course = course
        self.horizon = horizon
        self.variables = variables
        known = channels - variables
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
        if self.known is not None:
            means = means + self.known(x[..., self.variables :], self.horizon)[:, None]
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
