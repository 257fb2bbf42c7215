"""Clips that lie as folders of numbered pictures, one folder a clip.

Idea: people take videos apart into `clip/0001.png, 0002.png, …`. A folder of pictures is a clip if
their numbers follow one another, and a data set holds clips if all its pictures lie in such folders
which themselves lie in class folders; class folders of pictures alone are pictures.

Letters: T frames kept, H height, W width.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from pellucid.data import _pictures
from pellucid.data._sources import Listing, natural, side_of
from pellucid.data._video_clips import Form
from pellucid.data._video_form import Probed

RATE = 25.0  # frames a second: what films and most cameras have; a folder does not say
quiet = _pictures.quiet
_FEWEST = 2  # pictures of a clip
_FOLLOWING = 0.8  # of the numbers in a folder that are one more than the one before
_EACH, _DEPTH, _GLIMPSE = 3, 4, 300  # folders looked into of each, how deep, and entries of each
_COMPARED, _FIRST = 12, 5  # folders whose first frames are compared
_ALIKE = 0.15  # more than frames of different folders, as a cosine
_MOSTLY = 0.75  # of the folders looked at that are clips
_BROKEN = 0.5  # of the pictures that cannot be read; more are a broken clip


def frames_in(folder: Path) -> list[Path]:
    """List the pictures of a folder, by number."""
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _pictures.SUFFIXES and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda path: natural(path.name))


def is_clip(folder: Path) -> bool:
    """Tell whether a folder holds numbered pictures and nothing below it."""
    try:
        inner = any(path.is_dir() for path in folder.iterdir())
        return not inner and _follow(path.stem for path in frames_in(folder))
    except OSError:
        return False


def surely_holds_clips(root: Path) -> bool:
    """Tell whether a folder holds clips that could not as well be pictures, numbered by class.

    Clips lie in several class folders, and frames that follow each other are more alike than those
    of different clips.
    """
    if not holds_clips(root):
        return False
    below = [*_with_pictures(root)]
    classes = {path.parent for path in below if not side_of(path.parent.name)} - {root}
    if len(classes) < 2:
        return False
    seen = [one for path in below[:_COMPARED] if len(one := _first(path)) > 1]
    if len(seen) < 2:
        return True
    of = np.repeat(np.arange(len(seen)), [len(one) for one in seen])
    alike = np.concatenate(seen) @ np.concatenate(seen).T
    following = np.diagonal(alike, 1)[of[1:] == of[:-1]]
    return float(following.mean() - alike[of[:, None] != of].mean()) >= _ALIKE


def holds_clips(root: Path) -> bool:
    """Tell whether most of the first folders with pictures in them are clips, in folders."""
    below = [*_with_pictures(root)]
    deep = all(len(path.relative_to(root).parts) >= 2 for path in below)
    return bool(below) and deep and sum(map(is_clip, below)) >= _MOSTLY * len(below)


def clips_of(listing: Listing) -> Listing:
    """Give the folders of listed pictures, each as one file would be."""
    first: dict[str, int] = {}
    for place, name in enumerate(listing.names):
        first.setdefault(name.rpartition("/")[0], place)
    return Listing(
        root=listing.root,
        names=tuple(first),
        classes=tuple(listing.classes[place] for place in first.values()),
        sides=tuple(listing.sides[place] for place in first.values()),
    )


def probe(folder: Path) -> Probed | None:
    """Read the size and the number of the frames; None if there are none."""
    files = frames_in(folder)
    size = _pictures.probe(files[0]) if files else None
    return None if size is None else Probed(size[0], size[1], len(files))


def decode(
    folder: Path, form: Form
) -> tuple[UInt8[np.ndarray, "T H W 3"], tuple[int, int], int] | str:
    """Bring the frames of a folder to the form.

    Returns:
        Frames, width and height as they were, and how many there are; or what is wrong, as a
        clause.
    """
    files = frames_in(folder)
    if not files:
        return "holds no frames"
    chosen = [files[place] for place in picked(len(files), form.frames)]
    wanted = _pictures.Form(height=form.height, width=form.width, channels=3)
    found = [_pictures.decode(path, wanted) for path in dict.fromkeys(chosen)]
    told = dict(zip(dict.fromkeys(chosen), found, strict=True))
    good = [one for one in found if isinstance(one, _pictures.Decoded)]
    if len(good) < max(1, (1 - _BROKEN) * len(found)):
        reason = next(one for one in found if isinstance(one, str))
        lost = len(found) - len(good)
        return f"has {lost:,} of {len(found):,} frames that cannot be read: the first {reason}"
    kept, last = [], good[0].pixels
    for path in chosen:
        one = told[path]
        last = last if isinstance(one, str) else one.pixels
        kept.append(last)
    return np.stack(kept), (good[0].width, good[0].height), len(files)


def picked(count: int, frames: int) -> Sequence[int]:
    """Give the places of the frames that are shown at T times, evenly over so many frames."""
    middles = (np.arange(frames) + 0.5) * count / frames
    places: list[int] = np.minimum(middles.astype(np.int64), count - 1).tolist()
    return places


def _with_pictures(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Yield some of the folders that hold pictures, looking at the first few of each."""
    try:
        with os.scandir(folder) as entries:
            seen = [one for one in islice(entries, _GLIMPSE) if not one.name.startswith(".")]
        inner = sorted(Path(one.path) for one in seen if one.is_dir())
    except OSError:  # not to be read, or a link that leads to itself
        return
    if any(Path(one.name).suffix.lower() in _pictures.SUFFIXES for one in seen):
        yield folder
    for one in inner[:_EACH] if depth < _DEPTH else ():
        yield from _with_pictures(one, depth + 1)


def _first(folder: Path) -> list[Float[np.ndarray, " D"]]:
    """Give the first frames as thumbnails less their mean, of length 1."""
    form = _pictures.Form(height=16, width=16, channels=3)
    with quiet():
        found = [_pictures.decode(path, form) for path in frames_in(folder)[:_FIRST]]
    seen = [one.pixels.mean(axis=2).ravel() for one in found if not isinstance(one, str)]
    plain = [pixels - pixels.mean() for pixels in seen]
    return [one / max(1e-9, float(np.linalg.norm(one))) for one in plain]


def _follow(stems: Iterable[str]) -> bool:
    """Tell whether names differ by a running number alone."""
    keys = [natural(stem) for stem in stems]
    if len(keys) < _FEWEST or any(not key or key[-1][1] for key in keys):
        return False
    if len({tuple(key[:-1]) for key in keys}) > 1:
        return False
    steps = np.diff(sorted(key[-1][0] for key in keys))
    return bool((steps == steps.min()).mean() >= _FOLLOWING and steps.min() > 0)
