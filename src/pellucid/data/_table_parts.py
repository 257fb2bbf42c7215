"""The parts of a row, which are the columns it was read from, and what a row without them is.

Idea: several columns of x can come from one column of the source (a date has a year, a weekday, an
hour; a number may have been missing), and a person knows the source only. Where a value is not
known, it could be what others have there: so the first blank is made of other rows.

Source: Lundberg & Lee 2017, "A unified approach to interpreting model predictions", on the mean
over other rows as the value of a model that does not know some of its columns; Chen, Welling &
Smola 2010, "Super-samples from kernel herding", arXiv:1203.3472, on choosing few rows whose means
are those of many.

Letters: B batch, N rows, F columns of x, E facts, R blanks.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Parts, Schema

if TYPE_CHECKING:
    import torch

_MOST = 256  # parts
_OTHERS = 24
_LEVELS = 12  # of a category that are told apart


def sources(schema: Schema) -> Parts:
    """Give one part for each column of the source that x is made from.

    Past 256 columns, neighbouring ones are one part: nobody reads more, and what has to be asked of
    the network grows with the square of the parts.
    """
    made_from = [str(column["of"]) for column in schema.details["columns"]]
    columns = tuple(dict.fromkeys(made_from))
    many = -(-len(columns) // _MOST)
    place = {name: number // many for number, name in enumerate(columns)}
    of = np.array([place[name] for name in made_from], dtype=np.int64)
    runs = [columns[start : start + many] for start in range(0, len(columns), many)]
    names = tuple(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
    return Parts(of=of, names=names, where=names)


def blanks(x: "torch.Tensor", schema: Schema, others: "torch.Tensor") -> "dict[str, torch.Tensor]":
    """Give the ways of showing nothing, by name, each (R, B, F).

    Args:
        x: (B, F).
        schema: of the model.
        others: rows of the training side, (N, F); N may be 0.
    """
    typical = x.new_tensor([_typical(column) for column in schema.details["columns"]])
    found = {}
    if len(others):
        chosen = _herded(_facts(others.cpu().double().numpy(), schema), _OTHERS)
        found["others"] = others[chosen, None].to(x).expand(-1, len(x), -1)
    found["typical"] = typical.expand(1, *x.shape)
    return found


def _facts(rows: NDArray[np.float64], schema: Schema) -> NDArray[np.float64]:
    """Give what few rows shall have in common with many on average, (N, E).

    Where a number lies, how far from the middle, on which side; how often a category has each of
    its more frequent levels.
    """
    columns = []
    for values, codes in zip(rows.T, schema.cardinalities or (0,) * rows.shape[1], strict=True):
        if codes:
            columns += [values == code for code in range(1, min(codes, _LEVELS))]
        else:
            middle = np.median(values)
            columns += [values, np.abs(values - middle), values > middle]
    facts = np.stack(columns, axis=1).astype(np.float64)
    return (facts - facts.mean(axis=0)) / np.maximum(facts.std(axis=0), 1e-6)


def _herded(facts: NDArray[np.float64], count: int) -> list[int]:
    """Choose rows, one after the other, so that the mean of those chosen stays near zero."""
    chosen: list[int] = []
    total = np.zeros(facts.shape[1])
    distance = np.square(facts).sum(axis=1)
    for _ in range(min(count, len(facts))):
        score = 2 * facts @ total + distance
        score[chosen] = np.inf
        chosen.append(int(score.argmin()))
        total += facts[chosen[-1]]
    return chosen


def _typical(column: Mapping[str, Any]) -> float:
    """Give the median of a number, the most frequent level of a category; nothing is missing."""
    levels = column["levels"]
    if column["kind"] != "category" or not levels:
        return 0.0
    # Levels are in order of frequency, after the one that stands for missing.
    return 2.0 if levels[0] == "" and len(levels) > 1 else 1.0
