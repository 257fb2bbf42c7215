"""As many pictures as can be decoded in the time there is: a fair sample of all.

Idea: files are taken in an order of which every first part is a sample of the whole, each class and
side in proportion. What was decoded when the time is up is kept, so that the next run decodes
further. What comes out stands in the order given, whatever the order it was decoded in.

Letters: N pictures decoded.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._cache import Writer, cache_folder, spill
from pellucid.data._picture_decoding import (
    Files,
    Read,
    Tally,
    cache_files,
    check_grey,
    is_large,
    reused,
    row_of,
)
from pellucid.data._pictures import Form, decode_all
from pellucid.errors import BudgetError

_FEWEST = 20  # pictures; fewer are no sample of anything
_CARRIED = 1e8  # bytes a second: what decoding further may carry over from an earlier run
_BLOCK = 1 << 24  # bytes copied at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What may be decoded.

    Args:
        order: places of the files, those that matter first.
        late: tells whether the time is up.
    """

    order: Sequence[int]
    late: Callable[[], bool]


def fair_order(names: Sequence[str], strata: Sequence[Hashable]) -> list[int]:
    """Order examples so that every first part of them is a sample of all.

    The first of each stratum come first, then each stratum in proportion; inside a stratum a hash
    of the name decides, so that the order is the same in every run and says nothing of the content.

    Args:
        names: of the examples, all different.
        strata: what is to be in proportion, such as the class; one for each example.
    """
    marks = [hashlib.blake2b(name.encode("utf-8", "surrogatepass")).digest() for name in names]
    sizes, taken = Counter(strata), Counter[Hashable]()
    share: dict[int, float] = {}
    for place in sorted(range(len(names)), key=marks.__getitem__):
        stratum = strata[place]
        share[place] = taken[stratum] / sizes[stratum]
        taken[stratum] += 1
    return sorted(share, key=share.__getitem__)


def decoded_in_time(paths: Sequence[Path], form: Form, ask: Ask, allowed: Allowance) -> Read:
    """Decode files until the time is up, going on from where an earlier run stopped.

    Returns:
        The good ones among those that were decoded, in the order given.

    Raises:
        BudgetError: if the time was enough for hardly any.
        ColourError: as `_picture_decoding.decoded` does.
    """
    files = cache_files(paths, form, ask)
    kept = reused(files.whole, form, ask, len(paths))
    begun = None if kept else reused(files.begun, form, ask, len(paths), part=True)
    if begun is not None and not (ask.further and begun[0].nbytes <= _CARRIED * ask.reading):
        kept = begun
    if kept is None:
        kept = _Work(paths, form, ask, allowed, begun).done(files)
    check_grey(kept[1], form, ask)
    if kept[1].seen < min(_FEWEST, len(paths)):
        raise _hardly_any(kept[1], len(paths), ask)
    return kept


def allowance(ask: Ask) -> str:
    """Say how long decoding may take."""
    return f"{ask.reading:.{0 if ask.reading >= 10 else 1}f} s"


@dataclass(frozen=True, slots=True)
class _Work:
    """Files to decode, and what was decoded of them before."""

    paths: Sequence[Path]
    form: Form
    ask: Ask
    allowed: Allowance
    begun: Read | None

    def done(self, files: Files) -> Read:
        """Decode, put in order and keep for the next run."""
        mixed, tally = self._decoded()
        order = np.argsort(np.array(tally.places, np.int64))
        tally = tally.in_order(order.tolist())
        whole = tally.seen == len(self.paths)
        tally.kept = _stored(files.whole if whole else files.begun, mixed, order, tally)
        if whole and tally.kept:
            files.begun.unlink(missing_ok=True)
        if not isinstance(mixed, np.memmap):
            return mixed[order], tally
        try:
            folder = cache_folder(self.ask.cache)
            return spill(_blocks(mixed, order), row_of(self.form), folder), tally
        except OSError:  # a full disk: memory may still do
            return mixed[order], tally

    def _decoded(self) -> Read:
        """Give pictures in the order in which they were decoded, on disk if they are many."""
        row = row_of(self.form)
        if is_large(len(self.paths), self.form, self.ask):
            expected = len(self.paths) * int(np.prod(row))
            with contextlib.suppress(OSError):  # a full disk: memory may still do
                tally = self._earlier()
                folder = cache_folder(self.ask.cache)
                return spill(self._blocks(tally), row, folder, expected=expected), tally
        tally = self._earlier()
        return np.concatenate([*self._blocks(tally)]), tally

    def _earlier(self) -> Tally:
        return self.begun[1].in_order(range(len(self.begun[0]))) if self.begun else Tally()

    def _blocks(self, tally: Tally) -> Iterator[NDArray[np.uint8]]:
        """Yield what there is, then what is decoded now, which is noted in the tally."""
        yield self.begun[0] if self.begun else np.empty((0, *row_of(self.form)), np.uint8)
        done = {*tally.places, *(place for place, _ in tally.faults)}
        rest = [place for place in self.allowed.order if place not in done]
        files = [self.paths[place] for place in rest]
        start = 0
        for chunk in decode_all(files, self.form, late=self.allowed.late):
            good = tally.keep(chunk, rest[start : start + len(chunk)])
            start += len(chunk)
            check_grey(tally, self.form, self.ask)
            if good:
                yield np.stack(good)


def _stored(
    file: Path, mixed: NDArray[np.uint8], order: NDArray[np.int64], tally: Tally
) -> bool:  # fmt: skip
    """Keep pictures in the cache, in this order; tell whether the disk took them."""
    try:
        with Writer(file, expected=mixed.nbytes) as writer:
            for block in _blocks(mixed, order):
                writer.append(block)
            writer.finish(tally.to_json())
    except OSError:
        return False
    return True


def _blocks(
    mixed: NDArray[np.uint8], order: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    step = max(1, _BLOCK // max(1, mixed[:1].nbytes))
    for start in range(0, len(order), step):
        yield mixed[order[start : start + step]]


def _hardly_any(tally: Tally, count: int, ask: Ask) -> BudgetError:
    again = "; the same command again goes on from there" if tally.kept else ""
    return BudgetError(
        given=f"{tally.seen:,} of {count:,} pictures were decoded in the {allowance(ask)} that"
        " reading may take",
        needed=f"time for at least {min(_FEWEST, count)}",
        remedy=f"allow more by `--budget`, or give smaller pictures{again}",
    )
