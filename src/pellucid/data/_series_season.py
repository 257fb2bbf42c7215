"""How soon a series repeats itself, how far it can be foretold, and how far back to look.

Idea: the calendar proposes (24 hours, 7 days, 12 months) and the data decide: what repeats itself
has changes that are like those of one season before.

Source: Box & Jenkins 1970, "Time series analysis", on differences and their autocorrelation.
Departs: they are looked at through averages over a twelfth of the season, which noise does not
hide.

Letters: T steps, V variables.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.data._series_rhythm import DAY, HOUR, MINUTE, Rhythm

_ALIKE = 0.2  # correlation of changes one season apart that shows one
_BETTER = 0.1  # by which a longer season must show more
_BINS = 12  # looked at in a season
_LEAST, _PEAKS = 4, 3  # steps of a season that is heard, and how many are
_LONGEST = 1500
_FORETOLD = 288  # steps foretold, at most, where nothing says how many
_LOOKED_AT, _VARIABLES = 40_000, 64  # steps and variables
_YEARS = 6  # foretold
_NUMBERED = 24  # steps foretold where nothing says how many
_FAR = 336  # steps looked back at, at most, unless the user wants more


def proposed(rhythm: Rhythm) -> tuple[int, ...]:
    """Give the seasons that steps of this length may have, the likeliest first."""
    if rhythm.unit == "business days":
        return (5,)
    if rhythm.unit == "months":
        return (round(12 / rhythm.every),) if rhythm.every < 12 else ()
    if rhythm.unit != "time":
        return ()
    if rhythm.every >= 7 * DAY:
        return (52,) if rhythm.every == 7 * DAY else ()
    lengths = (7 * DAY,) if rhythm.every >= DAY else (DAY, 7 * DAY, HOUR, MINUTE)
    found = [length / rhythm.every for length in lengths]
    whole = [round(steps) for steps in found if abs(steps - round(steps)) < 1e-9]
    return tuple(steps for steps in whole if 4 <= steps <= _LONGEST)


def season_of(lines: Sequence[NDArray[np.float32]], rhythm: Rhythm) -> int:
    """Find after how many steps the lines repeat themselves; 1 if they do not.

    Args:
        lines: the past of each, (T, V), gaps filled.
        rhythm: of them.
    """
    longest = max(lines, key=len)[-_LOOKED_AT:]
    candidates = sorted(proposed(rhythm)) or _heard(longest, rhythm)
    candidates = [season for season in candidates if 3 * season <= len(longest)]
    found = [season for season in candidates if _repeats(longest, season, _bin(season)) > _ALIKE]
    best = 1
    for season in found:
        each = _bin(best)
        plain = _repeats(longest, best, each) if best > 1 else 0.0
        if best == 1 or _repeats(longest, season, each) > plain + _BETTER:
            best = season
    return best


def horizon_of(season: int, length: int, rhythm: Rhythm) -> int:
    """Choose how many steps to foretell: a season, or a tenth of what there is if that is less."""
    if rhythm.unit in ("steps", "numbers"):
        wish = season if season > 1 else _NUMBERED
    elif rhythm.unit == "months" and rhythm.every >= 12:
        wish = _YEARS
    else:
        wish = next((steps for steps in proposed(rhythm) if steps <= _FORETOLD), _NUMBERED)
    return max(1, min(wish, length // 10))


def past_of(season: int, ahead: int, length: int) -> int:
    """Choose how many steps to look back at: fourteen seasons and four horizons, within limits.

    Args:
        season: in steps.
        ahead: steps that are foretold.
        length: of the typical series.
    """
    wish = max(14 * season, 4 * ahead, 32)
    wish = max(min(wish, _FAR), 2 * season if season > 1 else 1)
    return max(1, season, min(wish, length // 4))


def _heard(values: NDArray[np.float32], rhythm: Rhythm) -> list[int]:
    """Find the likeliest seasons of steps of unknown length, from their spectrum."""
    count = len(values)
    if rhythm.unit in ("time", "months") or count < 4 * _LEAST:
        return []
    plain = np.nan_to_num(values.astype(np.float64))
    slope = np.linspace(-0.5, 0.5, count)[:, None]
    plain = plain - plain.mean(axis=0)
    plain = plain - slope * (slope * plain).sum(axis=0) / np.square(slope).sum()
    plain = plain / np.maximum(plain.std(axis=0), 1e-12)
    spectrum = np.square(np.abs(np.fft.rfft(plain, n=2 * count, axis=0)))
    alike = np.fft.irfft(spectrum, axis=0)[:count] / (count - np.arange(count))[:, None]
    power = np.square(np.abs(np.fft.rfft(plain, axis=0))).sum(axis=1)
    power[:4] = 0  # what came fewer than four times proves nothing
    found = []
    for place in np.argsort(-power)[:_PEAKS].tolist():
        period = count / max(place, 1)
        low, high = max(_LEAST, int(0.85 * period)), min(int(1.15 * period) + 2, count // 3)
        if low < high <= _LONGEST:
            # A variable of mere noise has no say in it.
            shown = alike[low:high] * np.maximum(alike[low:high].max(axis=0), 0)
            found.append(low + int(shown.sum(axis=1).argmax()))
    return list(dict.fromkeys(found))


def _bin(season: int) -> int:
    """Give how many steps are averaged to look for a season."""
    return max(1, season // _BINS)


def _repeats(values: NDArray[np.float32], season: int, each: int) -> float:
    """Correlate the changes with those one season before, averaged over the variables.

    Args:
        values: (T, V).
        season: in steps.
        each: steps that are averaged.
    """
    plain = np.nan_to_num(values[:, :_VARIABLES].astype(np.float64))
    sums = np.concatenate([np.zeros((1, plain.shape[1])), np.cumsum(plain, axis=0)])
    means = (sums[each:] - sums[:-each]) / each
    changes = means[each:] - means[:-each]
    if len(changes) < 2 * season:
        return 0.0
    # A jump would drown all else.
    edge = np.quantile(np.abs(changes), 0.99, axis=0)
    changes = np.clip(changes, -edge, edge)
    changes = changes - changes.mean(axis=0)
    power = np.square(changes).mean(axis=0)
    # What changes no more than float32 rounds does not change.
    some = power > 1e-10 * plain.var(axis=0)
    if not some.any():
        return 0.0
    changes = changes[:, some] / np.sqrt(power[some])
    lags = [*range(each, season, each), season]
    alike = [float((changes[by:] * changes[:-by]).mean()) for by in lags]
    sure = 4 / np.sqrt(len(changes) / each)
    # Of what merely changes slowly, neighbours are alike; of a season, those between are not.
    shown = alike[-1] > sure and alike[-1] > min(alike) + _ALIKE
    return alike[-1] if shown else 0.0
