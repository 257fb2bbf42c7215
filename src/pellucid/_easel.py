"""A picture of a run that is drawn anew while it goes on.

It is written beside the old one and renamed, so that whoever looks never sees half of it. What
cannot be drawn or written is said once, and the run goes on.
"""

import time
from pathlib import Path

from pellucid.errors import BadInputError
from pellucid.training.progress import Progress

_SUFFIX = ".png"
_FIRST = 5.0  # seconds between two pictures
_SHARE = 0.01  # of the time, at most, for drawing


class Easel:
    """Draws one PNG again and again.

    Args:
        path: of the picture.

    Raises:
        BadInputError: if it is no .png, or its folder is not there.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != _SUFFIX or not path.parent.is_dir():
            raise BadInputError(
                given=f"{str(path)!r}, to watch the run by",
                needed=f"a name that ends in {_SUFFIX}, in a folder that is there",
                remedy=f"`--watch {path.stem or 'run'}{_SUFFIX}`",
            )
        self._path = path
        self._next = 0.0
        self._broken = False

    def draw(self, progress: Progress) -> str:
        """Draw, if it is time and there is something to be drawn.

        Returns:
            What went wrong, once; "" else.
        """
        started = time.monotonic()
        if self._broken or progress.curve is None or started < self._next:
            return ""
        try:
            picture = _curve(progress) if progress.drawn is None else progress.drawn()
            fresh = self._path.with_name(f".{self._path.name}.new")
            fresh.write_bytes(picture)
            fresh.replace(self._path)
        # A network of the user's own may fail in any way when it is asked to draw.
        except Exception as error:
            self._broken = True
            return f"{self._path} could not be drawn, the run goes on: {error}"
        took = time.monotonic() - started
        self._next = time.monotonic() + max(_FIRST, took / _SHARE)
        return ""


def _curve(progress: Progress) -> bytes:
    from pellucid.showing import curve

    known = {"metric": progress.metric, "guess": None, "budget": progress.budget}
    return curve({"curve": {**(progress.curve or {}), **known}})
