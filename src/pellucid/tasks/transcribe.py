"""What was said in this recording?

Idea: a network says for every 20 ms which letter is heard, or none; all ways in which the frames
can spell a transcript are summed, so that nobody has to say when each letter was spoken. How the
language of the training transcripts goes on is weighed against what was heard.

Source: Graves, Fernández, Gomez & Schmidhuber 2006, "Connectionist temporal classification", ICML;
Bisani & Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation",
ICASSP (intervals over recordings).
Departs: what a language counts beside the sound is chosen on what was held out; where it makes
nothing better there, it does not count. Transcripts that no network could say in so short a
recording teach nothing and are passed over.

What is kept of N recordings of at most F frames is (N, F K): log-probabilities, NaN where a batch
had fewer frames.

Letters: B N recordings, M members, F frames, K tokens, L codes.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.registry import task
from pellucid.tasks import Batch, Calibration, Estimate, Task, Trouble, _edits, _scores
from pellucid.tasks._beam import Search, Weights
from pellucid.tasks._conformal import check_level
from pellucid.tasks._ctc import best
from pellucid.tasks._phrases import counted
from pellucid.tasks._reader import Reader, cost_each
from pellucid.tasks._silence import cause
from pellucid.tasks._spelling import normalised, tokens_of
from pellucid.tasks._splicing import spliced
from pellucid.tasks._targets import known, numeric
from pellucid.tasks._transcript import (
    Heard,
    Transcript,
    Word,
    confidences,
    curve_in,
    curve_of,
    words_of,
)
from pellucid.tasks._windows import heard

_EARLY = 0.12  # of the run: until then silence is put right


@task("transcribe", takes=["audio"])
class Transcribe(Task):
    """The words of a recording, with their times.

    Batches hold "x", (B, T), samples with 0 behind the end of a shorter recording, and "y", codes
    of the transcript, (B, L), 0 behind the end of a shorter one. Networks give (B, F, K).
    """

    name = "transcribe"
    metric = "character_error_rate"
    better = "lower"
    refines: ClassVar[bool] = True
    says: ClassVar[bool] = True
    bends: ClassVar[bool] = False  # torch has no second derivative of this loss

    def __init__(self, schema: Schema) -> None:
        if len(schema.tokens) < 2:
            raise BadInputError(
                given="transcripts without a single letter",
                needed="recordings and what is said in them",
                remedy="name the column that holds the words: `pellucid fit --target COLUMN`",
            )
        super().__init__(schema)
        self._said: list[str] = [""]
        self._used = Weights()
        self._reader = Reader(schema.tokens, schema.language)

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        if targets is None or targets.ndim > 1 or numeric(targets):
            return 0.0
        texts = [str(each) for each in targets[known(targets)].tolist()]
        if not texts:
            return 0.0
        several = sum(" " in text.strip() for text in texts) / len(texts)
        return 0.95 if several > 0.5 and len(set(texts)) > len(texts) / 2 else 0.05

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        assert targets is not None
        texts = [] if numeric(targets) else _texts(targets[known(targets)])
        if not any(texts):
            raise BadInputError(
                given="no transcript has a letter in it",
                needed="recordings and what is said in them",
                remedy="name the column that holds the words: `pellucid fit --target COLUMN`",
            )
        _edits.needed()
        return {"tokens": tokens_of(texts), "language": counted(texts)}

    def encode(self, targets: NDArray[Any]) -> Int[Tensor, "N L"]:
        there = known(targets)
        if not there.all():
            raise BadInputError(
                given=f"{(~there).sum()} of {len(there)} targets are missing",
                needed="a transcript for every recording",
                remedy="leave those recordings out, or write what is said in them",
            )
        return torch.from_numpy(self._reader.speller.table(_texts(targets)))

    @property
    def outputs(self) -> int:
        return len(self.schema.tokens)

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        """Give nats a letter, of each recording; 0 where its transcript cannot be said so fast."""
        del part
        x, y = batch["x"], batch["y"]
        if network.training and x.ndim == 2:
            x, y = spliced(network, x, y, tokens=self.schema.tokens, rate=self.schema.rate)
        members = self._reader.frames(network(x))
        found = torch.stack([cost_each(logs, y) for logs in members.unbind(1)])
        return found.mean(dim=0)

    def outcome(self, network: nn.Module, x: Float[Tensor, "B T"]) -> Float[Tensor, "B W"]:
        rate = self.schema.rate or 1.0
        longest = self.schema.shape[0] / rate
        return (
            self._reader.frames(heard(network, x, rate=rate, longest=longest))
            .mean(dim=1)
            .flatten(1)
        )

    def evidence(self, network: nn.Module, x: Float[Tensor, "B T"]) -> Float[Tensor, "B W"]:
        return self.outcome(network, x)

    def losses(self, outputs: Float[Tensor, "N W"], y: Int[Tensor, "N L"]) -> Float[Tensor, " N"]:
        return cost_each(self._reader.logs(outputs), y)

    def score(self, outputs: Float[Tensor, "N W"], y: Int[Tensor, "N L"]) -> float:
        given = [self._reader.speller.text(codes) for codes in best(self._reader.logs(outputs))]
        truths = self.told(y)
        wrong = sum(_edits.of_letters(truths, given))
        return wrong / max(1, sum(map(len, truths)))

    def calibrate(self, outputs: Float[Tensor, "N W"], y: Int[Tensor, "N L"]) -> dict[str, Any]:
        """Choose how much the language counts, and learn how sure words are."""
        weights = self._used = self._reader.weights_for(outputs, y)
        calibration = {"language": weights.language, "letter": weights.letter}
        heard_words = self._reader.heard(outputs, self._reader.codes(outputs, weights))
        edits = _edits.of_words(self.told(y), [_spoken(each) for each in heard_words])
        right = [one for each in edits for one in each.right]
        every = [word for each in heard_words for word in each]
        return {**calibration, "confidence": curve_of(every, right)}

    def scores(
        self, outputs: Float[Tensor, "N W"], y: Int[Tensor, "N L"], calibration: Calibration
    ) -> dict[str, Estimate]:
        truths, given = self.told(y), self._given(outputs, calibration)
        letters = np.array(_edits.of_letters(truths, given), np.float64)
        words = _edits.of_words(truths, given)
        wrong = np.array([each.wrong for each in words], np.float64)
        counts = np.array([each.count for each in words], np.float64)
        lengths = np.array([len(truth) for truth in truths], np.float64)
        found = _scores.estimates(
            {
                self.metric: partial(_ratio, letters, lengths),
                "word_error_rate": partial(_ratio, wrong, counts),
            },
            len(truths),
        )
        return {name: _scores.within(each, 0.0, math.inf) for name, each in found.items()}

    def guess(self, y: Int[Tensor, "N L"]) -> dict[str, float]:
        """Score saying nothing at all, which no text that was not heard is sure to better."""
        del y
        return {self.metric: 1.0, "word_error_rate": 1.0}

    def answers(
        self, outputs: Float[Tensor, "N W"], calibration: Calibration, *, level: float
    ) -> Sequence[Transcript]:
        check_level(level)
        curve, self._used = curve_in(calibration), _weights_in(calibration)
        rows = self._reader.heard(outputs, self._reader.codes(outputs, self._used))
        return [_transcript(words, curve, level) for words in rows]

    def details(
        self, outputs: Float[Tensor, "N W"], y: Int[Tensor, "N L"], calibration: Calibration
    ) -> dict[str, Any]:
        """More of the evaluation as JSON.

        "words": the commonest words "heard" for what was "said"; "unspelled": letters of
        transcripts that the model has no token for; "confidence": mean confidence of words
        beside the share of them that is right; "without_language": the error rate of the sound
        alone.
        """
        words = self._reader.heard(outputs, self._reader.codes(outputs, _weights_in(calibration)))
        edits = _edits.of_words(self.told(y), [_spoken(each) for each in words])
        sure = confidences([one for each in words for one in each], curve_in(calibration))
        right = [one for each in edits for one in each.right]
        return {
            "words": _edits.confused(edits),
            "unspelled": int((y == self._reader.speller.unknown).sum()),
            "confidence": {
                "words": len(sure),
                "mean": float(np.mean(sure)) if sure else 0.0,
                "right": float(np.mean(right)) if right else 0.0,
            },
            "without_language": self.score(outputs, y),
        }

    def reading(
        self, logs: NDArray[np.float32], calibration: Calibration, *, before: str = ""
    ) -> list[Word]:
        """Read frames, (F, K) log-probabilities, that go on where others stopped.

        Args:
            logs: of the frames.
            calibration: what `calibrate` gave.
            before: what was said before them.
        """
        weights = _weights_in(calibration)
        if weights.language == 0:
            (codes,) = best(torch.from_numpy(logs)[None])
        else:
            found = Search(self.schema.tokens, self._reader.phrases, weights)(logs, before=before)
            codes = list(found[0].codes)
        return list(
            _transcript(
                words_of(logs, codes, self._reader.speller), curve_in(calibration), 0.5
            ).words
        )

    @property
    def unit(self) -> str:
        return "nats"

    def explained(
        self, outputs: Float[Tensor, "N W"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        """Give the log-probability of a transcript; of a marked word, what it adds to that.

        See `answer_place` for how a word is marked.
        """
        del calibration
        logs = self._reader.logs(outputs)
        said = [self._said[place] for place in which.tolist()]
        whole = self._reader.likely(logs, [text.replace("[", "").replace("]", "") for text in said])
        if not any("[" in text for text in said):
            return whole
        return whole - self._reader.likely(logs, [_unmarked(text) for text in said])

    def chosen(self, outputs: Float[Tensor, "N W"]) -> Int[Tensor, " N"]:
        """Give the transcripts as they are read in use: as calibration has last weighed them."""
        found = [
            " ".join(self._reader.speller.text(e).split())
            for e in self._reader.codes(outputs, self._used)
        ]
        return torch.tensor([self._place(text) for text in found], device=outputs.device)

    def rivals(self, outputs: Float[Tensor, "N W"]) -> Int[Tensor, " N"]:
        return torch.full((len(outputs),), -1, device=outputs.device)

    def answer_name(self, which: int) -> str:
        return self._said[which] or "(nothing)"

    def answer_place(self, name: str) -> int:
        """Find a transcript, "the danger trail", or a word of one, "the [danger] trail".

        Raises:
            BadInputError: if it has no word, or letters that the model cannot spell.
        """
        parts = [normalised(part) for part in name.replace("]", "[").split("[")]
        text = " ".join(part for part in parts if part)
        marked = name.count("[") == 1 and name.count("]") == 1 and len(parts) == 3 and parts[1]
        if ("[" in name and not marked) or not text or self._unspelled(text):
            raise BadInputError(
                given=f"the answer {name!r}",
                needed=f"words spelled with {''.join(self.schema.tokens)!r}",
                remedy='write a transcript, or mark one word of it: "the [danger] trail"',
            )
        if marked:
            text = " ".join(part for part in (parts[0], f"[{parts[1]}]", parts[2]) if part)
        return self._place(text)

    def told(self, y: Int[Tensor, "N L"]) -> list[str]:
        return self._reader.speller.texts(y.cpu().numpy())

    def degenerate(self, outputs: Float[Tensor, "N W"]) -> str | None:
        """Say so if 50 recordings or more are all answered alike."""
        if outputs.isnan().all() or outputs.isinf().any():
            return "the network gives outputs that are not numbers"
        if len(outputs) < 50:
            return None
        texts = {self._reader.speller.text(codes) for codes in best(self._reader.logs(outputs))}
        if len(texts) > 1:
            return None
        said = next(iter(texts))
        return (
            f"the network answers alike, {repr(said) if said else 'with silence'},"
            f" to all {len(outputs)} held-out examples: it has not begun to hear"
        )

    def concern(
        self,
        outputs: Float[Tensor, "N W"],
        y: Int[Tensor, "N L"],
        x: Float[Tensor, "B T"],
        share: float,
    ) -> Trouble | None:
        """Say early why every frame says nothing, if that is so."""
        return None if share > _EARLY else cause(self._reader.logs(outputs), y, x)

    def _given(self, outputs: Tensor, calibration: Calibration) -> list[str]:
        codes = self._reader.codes(outputs, _weights_in(calibration))
        return [" ".join(self._reader.speller.text(each).split()) for each in codes]

    def _place(self, text: str) -> int:
        """Give the number of a transcript; they are numbered as they are met."""
        if text not in self._said:
            self._said.append(text)
        return self._said.index(text)

    def _unspelled(self, text: str) -> bool:
        return self._reader.speller.unknown in self._reader.speller.codes(text)


def _texts(targets: NDArray[Any]) -> list[str]:
    return [normalised(str(each)) for each in targets.tolist()]


def _spoken(words: Sequence[Heard]) -> str:
    return " ".join(word.text for word in words)


def _unmarked(text: str) -> str:
    """Give a transcript without its marked word."""
    before, _, rest = text.partition("[")
    return " ".join((before + rest.partition("]")[2]).split()) if "[" in text else text


def _transcript(words: Sequence[Heard], curve: Sequence[float], level: float) -> Transcript:
    sure = confidences(words, curve)
    found = tuple(
        Word(text=word.text, start=word.start, end=word.end, confidence=each)
        for word, each in zip(words, sure, strict=True)
    )
    return Transcript(text=_spoken(words), words=found, level=level)


def _weights_in(calibration: Calibration) -> Weights:
    given = [calibration.get(name, 0.0) for name in ("language", "letter")]
    if not all(type(each) is float and 0 <= each <= 10 for each in given):
        raise ValueError("the weights of the language are no numbers from 0 to 10")
    return Weights(language=given[0], letter=given[1])


def _ratio(wrong: _scores.Values, counts: _scores.Values, weights: _scores.Values) -> float:
    return float(weights @ wrong) / max(float(weights @ counts), 1e-9)
