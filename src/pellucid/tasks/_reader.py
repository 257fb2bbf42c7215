"""Reads what a network gave for recordings: log-probabilities, codes, words with their times.

Letters: B N recordings, M members, F frames, K tokens, L codes, W = F K numbers that are kept.
"""

import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from pellucid.tasks import _edits
from pellucid.tasks._beam import Search, Weights, weighed
from pellucid.tasks._ctc import best, cost, possible
from pellucid.tasks._phrases import Phrases
from pellucid.tasks._spelling import Speller
from pellucid.tasks._transcript import Heard, words_of

_SURE = -1e3  # nats: log-probability of a letter behind the end of a recording, about
_WEIGHING = 12_000  # frames on which the weight of the language is chosen: four minutes
_FIRST = Weights(language=0.6, letter=0.8)  # while searching what is weighed


class Reader:
    """Reads outputs as transcripts.

    Args:
        tokens: by code; the first is nothing.
        language: how often sequences of letters occur.
    """

    def __init__(self, tokens: Sequence[str], language: Mapping[str, int]) -> None:
        self.tokens = tuple(tokens)
        self._language = language
        self._last: tuple[weakref.ref[Tensor], Weights, list[list[int]]] | None = None

    @cached_property
    def speller(self) -> Speller:
        """Writes and reads codes."""
        return Speller(self.tokens)

    @cached_property
    def phrases(self) -> Phrases | None:
        """The language; None where nothing is known of it."""
        return Phrases(self._language) if self._language else None

    def frames(self, outputs: Tensor) -> Float[Tensor, "B M F K"]:
        """Give log-probabilities, whatever the form in which a network gives its outputs."""
        tokens = len(self.tokens)
        if outputs.ndim == 2:
            outputs = outputs.unflatten(1, (-1, tokens))[:, None]
        elif outputs.ndim == 3 and outputs.shape[2] == tokens:
            outputs = outputs[:, None]
        elif outputs.ndim == 3:
            outputs = outputs.unflatten(2, (-1, tokens))
        return outputs.float().log_softmax(dim=-1)

    def logs(self, outputs: Float[Tensor, "N W"]) -> Float[Tensor, "N F K"]:
        """Give log-probabilities of what was kept; what is no number says nothing."""
        logs = outputs.unflatten(1, (-1, len(self.tokens))).float()
        nothing = torch.full_like(logs[0, 0], _SURE)
        nothing[0] = 0.0
        return torch.where(logs.isfinite().all(dim=2, keepdim=True), logs, nothing).log_softmax(2)

    def likely(self, logs: Float[Tensor, "N F K"], texts: Sequence[str]) -> Float[Tensor, " N"]:
        """Give the log-probability of a text each, no less than that of the impossible."""
        y = torch.from_numpy(self.speller.table(texts)).to(logs.device)
        return -cost(logs, y).clamp(max=-_SURE)

    def weights_for(self, outputs: Float[Tensor, "N W"], y: Int[Tensor, "N L"]) -> Weights:
        """Choose on some minutes of what was held out how much the language counts."""
        logs = self.logs(outputs)
        count = max(1, int((there(logs).cumsum(dim=0) < _WEIGHING).sum()))
        search = Search(self.tokens, self.phrases, _FIRST)
        readings = [search(each) for each in logs[:count].cpu().numpy()]
        wrong = [
            _edits.of_letters([truth] * len(found), [self.speller.text(e.codes) for e in found])
            for truth, found in zip(
                self.speller.texts(y[:count].cpu().numpy()), readings, strict=True
            )
        ]
        return weighed(readings, wrong)

    def codes(self, outputs: Float[Tensor, "N W"], weights: Weights) -> list[list[int]]:
        """Read recordings; what was read last is remembered, for several stages ask for it."""
        last = self._last
        if last is not None and last[0]() is outputs and last[1] == weights:
            return last[2]
        logs = self.logs(outputs)
        if weights.language == 0:
            found = best(logs)
        else:
            search = Search(self.tokens, self.phrases, weights)
            found = [list(search(each)[0].codes) for each in logs.cpu().numpy()]
        self._last = weakref.ref(outputs), weights, found
        return found

    def heard(
        self, outputs: Float[Tensor, "N W"], codes: Sequence[Sequence[int]]
    ) -> list[list[Heard]]:
        """Find when each word of recordings was said."""
        rows: NDArray[np.float32] = self.logs(outputs).cpu().numpy()
        return [words_of(*row, self.speller) for row in zip(rows, codes, strict=True)]


def cost_each(logs: Float[Tensor, "B F K"], y: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Give nats a letter; 0 for transcripts that frames so few cannot say."""
    sayable = possible(there(logs), y)
    # Their gradients are no numbers even where their cost is not asked for.
    nats = torch.where(sayable, cost(logs, y * sayable[:, None]), 0.0)
    return nats / (y > 0).sum(dim=1).clamp(min=1)


def there(logs: Float[Tensor, "B F K"]) -> Int[Tensor, " B"]:
    """Count the frames of each recording: behind its end they are sure to say nothing."""
    return (logs[:, :, 0].detach() < 0).sum(dim=1)
