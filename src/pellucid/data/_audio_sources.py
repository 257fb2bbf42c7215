"""What a user may give as recordings, told apart.

Letters: N recordings, T samples.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid.data import Ask
from pellucid.data._audio_decoding import SUFFIXES, is_sound
from pellucid.data._file_groups import grouped
from pellucid.data._found import Found, alone
from pellucid.data._manifest import names_files
from pellucid.data._media import Medium, found_at, is_table, share_in, surest

COLUMNS = frozenset(
    {"speaker", "speaker_id", "speakerid", "client_id", "session", "session_id", "subject"}
    | {"subject_id", "singer", "reader", "reader_id", "actor", "person", "recording_id"}
)
_TOLD = "speakers or sessions apart {shown}: each stays on one side of a split"
MEDIUM = Medium(
    one="recording",
    many="recordings",
    suffixes=SUFFIXES,
    formats="WAV, FLAC, OGG, MP3 or AIFF",
    checked="play one of them",
    groups=COLUMNS,
)


def recognised(source: Any) -> float:
    """Tell how surely this holds recordings, from 0 to 1."""
    return surest(source, _path_recognised)


def found_in(source: Any, ask: Ask) -> Found:
    """Find the files of a source and what is known of them.

    Raises:
        BadInputError: if there are none, or what the user named is not there.
    """
    ask = replace(ask, target=ask.target or None)
    if isinstance(source, list):
        return alone([Path(one) for one in source])
    found = found_at(Path(source), MEDIUM, ask)
    return found if ask.schema is not None else grouped(found, _TOLD)


def _path_recognised(path: Path) -> float:
    if path.is_dir():
        return 0.96 * share_in(path, MEDIUM)
    if is_table(path):
        return 0.96 if names_files(path, SUFFIXES) else 0.0
    return 0.96 if path.suffix.lower() in SUFFIXES or (path.is_file() and is_sound(path)) else 0.0
