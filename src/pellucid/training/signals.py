"""SIGINT and SIGTERM ask a run to stop; it saves and stops when it next can."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Asked:
    """Whether somebody asked the run to stop, and how.

    Attributes:
        name: of the signal, such as "SIGINT"; "" as long as nobody asked.
    """

    name: str = ""


@contextlib.contextmanager
def listening() -> Iterator[Asked]:
    """Note the first signal instead of dying of it; a second SIGINT interrupts at once.

    Outside the main thread Python offers no signals, and nothing is installed.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if asked.name and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.name = signal.Signals(number).name

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
