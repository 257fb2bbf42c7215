"""Decoded clips: each a row of frames, all of one form.

Letters: N clips.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._cache import SUFFIX, cache_folder, key_of
from pellucid.data._media_cache import Decoding, Found, Late, Tally, decoded_rows, fair
from pellucid.data._video_clips import Facts, Form
from pellucid.data._video_decoding import Clip, decode_all
from pellucid.data._video_folders import frames_in

_WORTH_CACHING = 8  # clips; fewer are decoded as fast as a cache is read
_TOLD = ("seconds", "rates", "counts", "widths", "heights")


def decoded(
    paths: Sequence[Path], names: Sequence[str], strata: Sequence[Any], form: Form, ask: Ask
) -> tuple[NDArray[np.uint8], Tally]:
    """Decode clips, or take what an earlier run decoded, in the time that reading may take.

    Args:
        paths: of the files or folders of frames.
        names: of them.
        strata: what is to be in proportion where not all can be decoded, such as the class.
        form: that all are brought to.
        ask: says how long, and where decoded data is kept.

    Returns:
        Frames, (N, T, H, W, 3), and what the files said.
    """

    def decode(order: Sequence[int], late: Late) -> Iterator[Sequence[Found]]:
        for found in decode_all([paths[place] for place in order], form, late=late):
            yield [each if isinstance(each, str) else _noted(each) for each in found]

    how = Decoding(
        decode=decode,
        row=form.row,
        told=_TOLD,
        file=None if len(paths) < _WORTH_CACHING else _file(paths, form, ask),
        seconds=ask.reading,
        expected=len(paths) * int(np.prod(form.row)),
    )
    return decoded_rows(how, fair(names, strata, ask), ask)


def facts(tally: Tally, order: NDArray[np.int64]) -> Facts:
    """Give what the files said, in this order."""
    sides = [tally.column(name, np.int64, order) for name in ("widths", "heights")]
    return Facts(
        seconds=tally.column("seconds", np.float64, order),
        rates=tally.column("rates", np.float64, order),
        counts=tally.column("counts", np.int64, order),
        sizes=np.stack(sides, axis=1),
    )


def _noted(clip: Clip) -> Found:
    told = {
        "seconds": round(clip.seconds, 4),
        "rates": round(clip.rate, 4),
        "counts": clip.count,
        "widths": clip.width,
        "heights": clip.height,
    }
    return clip.pixels[None], told


def _file(paths: Sequence[Path], form: Form, ask: Ask) -> Path:
    """Name the cache after the files that decide what is decoded: of a folder, its frames."""
    found: list[Path] = []
    for path in paths:
        found += [path, *frames_in(path)] if path.is_dir() else [path]
    return cache_folder(ask.cache) / f"{key_of(found, ('video', form))}{SUFFIX}"
