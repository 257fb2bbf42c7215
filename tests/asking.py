"""Questions about raw targets, for tests of tasks."""

import numpy as np
from torch import nn

from pellucid.data import Schema


class Always(nn.Module):
    """A network that gives the same whatever it sees."""

    def __init__(self, given):
        super().__init__()
        self.given = given

    def forward(self, x):
        return self.given


def words(*values):
    return np.array(values, dtype=object)


def windows(count, *, season=4, ahead=6, variables=2):
    """What comes next in overlapping windows of waves with noise, (N, S + H, A)."""
    steps = np.arange(count + season + ahead - 1)[:, None]
    noise = np.random.default_rng(0).normal(size=(len(steps), variables))
    values = (50 + np.sin(steps * 2 * np.pi / season) * 10 + 3 * noise).astype(np.float32)
    views = np.lib.stride_tricks.sliding_window_view(values, season + ahead, axis=0, writeable=True)
    return views.transpose(0, 2, 1)


def asked(cls, targets):
    """The task, as asked of some raw targets of four columns, or of series of four steps."""
    if targets.ndim < 3:
        return cls(Schema(kind="table", shape=(4,), **cls.describe(targets)))
    variables = targets.shape[2]
    names = tuple(f"v{place}" for place in range(variables))
    schema = Schema(
        kind="series",
        shape=(4, variables),
        ahead=targets.shape[1] - 4,
        season=4,
        variables=names,
        means=(50.0,) * variables,
        scales=(7.5,) * variables,
        **cls.describe(targets),
    )
    return cls(schema)
