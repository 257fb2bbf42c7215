"""Words as they come: a model listens on, and says each word when it is sure that it has ended.

    session = Listening(model)
    for block in microphone:            # samples at session.rate
        for word in session.hear(block):
            print(word.text, word.start, word.late)

Idea: what is new is heard together with some seconds before it, again and again; what lies far
enough behind the last sample is settled, and a word is told when the next has begun or silence has
followed it.

Letters: T samples, F frames, K tokens.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from pellucid import _inference
from pellucid.errors import BadInputError
from pellucid.networks import FRAME
from pellucid.tasks._transcript import Word

if TYPE_CHECKING:
    from pellucid.model import Model

_BACK = 5.0  # seconds before what is new that are heard again
_WAITS = 0.56  # seconds behind a frame that a network wants which hears both ways
_EVERY = 0.16  # seconds from one hearing to the next
_PAUSE = 0.24  # seconds of silence that end a word
_STEP = 2  # frames of one step of a network
_LONGEST = 20.0  # seconds without a pause after which words are told anyway


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One word, as soon as it was known.

    Args:
        text: of the word.
        start: when it begins, s from the start of the stream.
        end: when it ends, s.
        confidence: probability that it is right, calibrated.
        late: seconds of sound between its end and the moment it was told, and what was computed.
    """

    text: str
    start: float
    end: float
    confidence: float
    late: float

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        told = {"word": self.text, "start": round(self.start, 2), "end": round(self.end, 2)}
        return {**told, "confidence": round(self.confidence, 4), "late": round(self.late, 2)}

    def __str__(self) -> str:
        return f"{self.start:8.2f} s  {self.text}  ({self.confidence:.0%}, {self.late:.2f} s late)"


class Listening:
    """One stream of sound, heard by a model as it comes.

    Args:
        model: that transcribes.

    Raises:
        BadInputError: if it does not.

    Attributes:
        rate: samples a second that it wants to hear, Hz.
        text: all that was told.
    """

    def __init__(self, model: "Model") -> None:
        if not model.schema.tokens:
            raise BadInputError(
                given=f"a model that was made to {model.task.name}",
                needed="a model that transcribes",
                remedy="learn one: `pellucid fit TABLE --target COLUMN`, the column of transcripts",
            )
        self._model = model
        self._task: Any = model.task
        self.rate = model.schema.rate
        self._waits = float(getattr(model.network.eval(), "waits", _WAITS))
        self._sound: NDArray[np.float32] = np.zeros(0, np.float32)
        self._dropped = 0  # samples that are no longer kept
        self._settled = 0  # frames that are settled
        self._logs: NDArray[np.float32] = np.zeros((0, model.task.outputs), np.float32)
        self._first = 0  # frame of the stream at which they begin
        self._heard = 0  # samples of the stream up to the last hearing
        self.text = ""

    @property
    def latency(self) -> float:
        """Seconds from the end of a word to the moment it can be told, if a next one follows."""
        return self._waits + _EVERY

    def hear(self, piece: Any) -> list[Told]:
        """Listen on.

        Args:
            piece: samples at `rate`, as an array or as bytes of 16 bits each.

        Returns:
            The words that have ended.
        """
        new = self._model.kind.steps(piece, self._model.schema)
        self._sound = np.concatenate([self._sound, new])
        told: list[Told] = []
        hop = round(_EVERY * self.rate)
        while self._dropped + len(self._sound) - self._heard >= hop:
            self._heard += hop
            told += self._listened(self._heard)
        return told

    def end(self) -> list[Told]:
        """Say what is left: the stream is over."""
        self._heard = self._dropped + len(self._sound)
        return self._listened(self._heard, over=True)

    def _listened(self, until: int, *, over: bool = False) -> list[Told]:
        began = time.perf_counter()
        now = until / self.rate
        wanted = math.ceil(now / FRAME) if over else int((now - self._waits) / FRAME)
        wanted -= 0 if over else wanted % _STEP
        if wanted > self._settled:
            self._settle(until, wanted)
        words = self._ended(over=over)
        computed = time.perf_counter() - began
        return [_told(word, now, computed) for word in words]

    def _settle(self, until: int, wanted: int) -> None:
        """Hear what is new again together with what was before it, and keep the new frames."""
        step = round(FRAME * self.rate) * _STEP
        start = max(0, int((self._settled * FRAME - _BACK) * self.rate)) // step * step
        start = max(start, self._dropped)
        x = torch.from_numpy(self._sound[start - self._dropped : until - self._dropped].copy())
        skipped = round(start / self.rate / FRAME)
        logs = self._outputs(x)[self._settled - skipped : wanted - skipped]
        self._logs = np.concatenate([self._logs, logs])
        self._settled += len(logs)
        keep = max(self._dropped, start)
        self._sound, self._dropped = self._sound[keep - self._dropped :], keep

    def _outputs(self, x: Float[torch.Tensor, " T"]) -> Float[NDArray[np.float32], "F K"]:
        model = self._model
        device = next(model.network.parameters()).device
        with torch.inference_mode(), _inference.autocast(device, model.numerics):
            rows = self._task.outcome(model.network, x[None].to(device))
        found: NDArray[np.float32] = rows.float().cpu().numpy().reshape(-1, model.task.outputs)
        return found

    def _ended(self, *, over: bool) -> list[Word]:
        """Read the frames that are kept, and give the words that have ended."""
        words = self._task.reading(self._logs, self._model.calibration, before=self._before)
        length = len(self._logs) * FRAME
        if not words:
            if length > 2 * _PAUSE:
                self._forget(length - _PAUSE)
            return []
        done = len(words)
        if not over and length < _LONGEST and words[-1].end + _PAUSE > length:
            done -= 1
        if not done:
            return []
        rest = words[done].start if done < len(words) else length
        found = [_later(word, self._first * FRAME) for word in words[:done]]
        self.text = " ".join([self.text, *(word.text for word in found)]).strip()
        self._forget((words[done - 1].end + rest) / 2)
        return found

    @property
    def _before(self) -> str:
        return f"{self.text} " if self.text else ""

    def _forget(self, seconds: float) -> None:
        """Drop the frames before this time of those that are kept."""
        count = min(len(self._logs), round(seconds / FRAME))
        self._logs = self._logs[count:]
        self._first += count


def spoken(words: Sequence[Told]) -> str:
    """Join words to a text."""
    return " ".join(word.text for word in words)


def _later(word: Word, seconds: float) -> Word:
    return Word(
        text=word.text,
        start=word.start + seconds,
        end=word.end + seconds,
        confidence=word.confidence,
    )


def _told(word: Word, now: float, computed: float) -> Told:
    return Told(
        text=word.text,
        start=word.start,
        end=word.end,
        confidence=word.confidence,
        late=max(0.0, now - word.end) + computed,
    )
