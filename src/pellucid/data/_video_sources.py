"""What a user may give as clips, told apart: video files, folders of frames, tables that name them.

Letters: N clips.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import Ask, _pictures
from pellucid.data import _video_folders as folders
from pellucid.data._file_groups import grouped
from pellucid.data._found import Found, alone, telling
from pellucid.data._manifest import names_files
from pellucid.data._media import TARGET, Medium, found_at, is_table, share_in, surest
from pellucid.data._sources import listed
from pellucid.data._video_decoding import SUFFIXES, is_video

COLUMNS = frozenset(
    {"source_video", "source", "source_id", "video", "video_id", "session", "session_id", "group"}
    | {"camera", "camera_id", "scene", "subject", "subject_id", "person", "actor", "performer"}
)
_TOLD = "sources apart {shown}: the clips of each stay on one side of a split"
MEDIUM = Medium(
    one="clip",
    many="clips",
    suffixes=SUFFIXES,
    formats="MP4, MKV, WebM, AVI or MOV",
    checked="play one of them",
    groups=COLUMNS,
)


def recognised(source: Any) -> float:
    """Tell how surely this holds clips, from 0 to 1."""
    return surest(source, _path_recognised)


def found_in(source: Any, ask: Ask) -> Found:
    """Find the clips of a source and what is known of them.

    Raises:
        BadInputError: if there are none, or what the user named is not there.
    """
    ask = replace(ask, target=ask.target or None)
    if isinstance(source, list):
        return alone([Path(one) for one in source])
    path = Path(source)
    if path.is_dir() and not share_in(path, MEDIUM):
        if folders.is_clip(path):
            return alone([path])
        if folders.holds_clips(path):
            return _named_by_source(_in_folders(path), ask)
    return _named_by_source(found_at(path, MEDIUM, ask), ask)


def _path_recognised(path: Path) -> float:
    if path.is_dir():
        return 0.97 * max(share_in(path, MEDIUM), folders.surely_holds_clips(path))
    if is_table(path):
        return 0.97 if names_files(path, SUFFIXES) else 0.0
    return 0.97 if path.suffix.lower() in SUFFIXES or (path.is_file() and is_video(path)) else 0.0


def _in_folders(root: Path) -> Found:
    """Take each folder of numbered pictures for a clip, the folder above it for its class."""
    found = folders.clips_of(listed(root, _pictures.SUFFIXES))
    known = any(found.classes)
    return Found(
        paths=found.paths,
        names=found.names,
        target=TARGET if known else "",
        targets=np.array(found.classes, dtype=object) if known else None,
        sides=telling(found.sides),
    )


def _named_by_source(found: Found, ask: Ask) -> Found:
    """Read sources off the names of the clips where no column tells them."""
    return found if ask.schema is not None else grouped(found, _TOLD)
