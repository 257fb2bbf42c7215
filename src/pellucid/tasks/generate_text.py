"""What comes next in this text?

Idea: a network that foretells each token from those before it knows the language of its text; what
it foretells, drawn token by token and read again, is new text. How many nats each held-out token
cost says how well it foretells.

Source: Shannon 1951, "Prediction and entropy of printed English" (the score); Guo, Pleiss, Sun &
Weinberger 2017, arXiv:1706.04599 (temperature).
Departs: the temperature is chosen from a few, on every fourth held-out token, and a parabola goes
between them. It makes answers and drawn text honest; scores are those of the network as it is, as
the literature gives them. Intervals are over stretches of at most 256 tokens, because tokens that
follow each other are no independent evidence.

What is kept of N texts of at most L tokens is (N, V + G + 2 L): what the network expects behind the
last token, the mean cost at each temperature, the cost of each token (NaN for the first, which
nothing foretold), and the tokens. Of a network with a control beside it, texts that both made are
kept, too, and compared (`_rivals`).

Letters: B N texts, T L tokens, V codes that a token can have, G temperatures.
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid import registry
from pellucid.data import Schema
from pellucid.data._batches import Supply
from pellucid.data._text_forms import END
from pellucid.errors import BadInputError
from pellucid.registry import task
from pellucid.tasks import Batch, Calibration, Estimate, Task, Trouble, _scores
from pellucid.tasks._conformal import check_level
from pellucid.tasks._drawing import Drawing, drawn
from pellucid.tasks._following import TEMPERATURES, nats_of, read, temperature
from pellucid.tasks._reading import HIGHEST, Lengths, Reading, in_words
from pellucid.tasks._rivals import LENGTH, MAKERS, Rivals, made_beside, rivals_of, verdict
from pellucid.tasks._trouble import trouble

_STRETCH = 256  # tokens of one piece of evidence
_SAMPLE = 8192  # tokens of the text that a guess would write
_SHOWN = 5
_CONTEXTS = (1, 8, 32, 128, 512, 2048, 1 << 62)


@task("generate_text", takes=["text"])
class GenerateText(Task):
    """The tokens that follow, one after the other.

    Batches hold "x", (B, T), codes with 0 behind the end of a shorter text; "y" is not used.
    """

    name = "generate_text"
    metric = "nats_per_token"
    better = "lower"
    needs_targets: ClassVar[bool] = False
    command: ClassVar[str] = "generate {}"
    makes: ClassVar[str] = "text"

    def __init__(self, schema: Schema) -> None:
        if len(schema.cardinalities) != 1:
            raise BadInputError(
                given=f"data of the kind {schema.kind!r}, which is no sequence of tokens",
                needed="a text",
                remedy="name a .txt file, or leave --task out to have it read off the data",
            )
        super().__init__(schema)

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        del targets
        return 0.0

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        del targets
        return {"ahead": 1}

    def encode(self, targets: NDArray[Any]) -> Int[Tensor, " N"]:
        return torch.zeros(len(targets), dtype=torch.int64)

    @property
    def outputs(self) -> int:
        return self.schema.cardinalities[0]

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        x = batch["x"]
        if part != "whole":
            game: Any = network
            found: Tensor = game.turn(part, x, batch.get("y"))
            return found
        tokens = (x[:, 1:] != 0).sum().clamp(min=1)
        return nats_of(network, x).sum(dim=1) * (len(x) / tokens)

    def counts(self, supply: Supply) -> Tensor | None:
        return None if supply.sizes is None else (supply.sizes - 1).clamp(min=1)

    def outcome(self, network: nn.Module, x: Float[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        last, nats, means = read(network, x, self.outputs)
        longer = self.schema.shape[0] - x.shape[1]
        padded = F.pad(nats, (0, longer), value=math.nan), F.pad(x, (0, longer))
        beside = [made_beside(network, x)] if rivals_of(network) else []
        return torch.cat([last, means, *padded, *beside], dim=1)

    def losses(self, outputs: Float[Tensor, "N K"], y: Tensor) -> Float[Tensor, " N"]:
        del y
        return self._nats(outputs).nanmean(dim=1).nan_to_num(0.0)

    def score(self, outputs: Float[Tensor, "N K"], y: Tensor) -> float:
        del y
        found = float(self._nats(outputs).double().nanmean())
        return found if math.isfinite(found) else math.log(self.outputs)

    def calibrate(self, outputs: Float[Tensor, "N K"], y: Tensor) -> dict[str, Any]:
        del y
        means = outputs[:, self.outputs : self.outputs + len(TEMPERATURES)].double()
        counts = (~self._nats(outputs).isnan()).sum(dim=1).double()
        counts = counts * means.isfinite().all(dim=1)
        whole = (means.nan_to_num() * counts[:, None]).sum(dim=0) / counts.sum()
        return {"temperature": temperature(whole)}

    def scores(
        self, outputs: Float[Tensor, "N K"], y: Tensor, calibration: Calibration
    ) -> dict[str, Estimate]:
        del y, calibration
        sums, counts = self._stretches(outputs)
        if not counts.any():
            raise BadInputError(
                given="texts of one token at most",
                needed="a token that follows another",
                remedy="give longer texts",
            )
        found = _scores.estimates({self.metric: partial(_ratio, sums, counts)}, len(sums))
        lengths = Lengths.of(self._texts(outputs), int(counts.sum()))
        return in_words(found[self.metric], lengths)

    def guess(self, y: Tensor) -> dict[str, float]:
        """Score tokens drawn by how frequent they were in training, whatever came before."""
        del y
        shares = self._shares()
        some = shares[shares > 0]
        nats = float(-(some * np.log(some)).sum())
        codes = np.random.default_rng(0).choice(len(shares), _SAMPLE, p=shares)
        lengths = Lengths.of(self._spelled(np.where(codes == END, 0, codes)[None]), _SAMPLE)
        return {name: each.value for name, each in in_words(Estimate(value=nats), lengths).items()}

    def details(
        self, outputs: Float[Tensor, "N K"], y: Tensor, calibration: Calibration
    ) -> dict[str, Any]:
        """Give "by_context" as JSON: what a token cost by how many tokens stood before it.

        One row for each range of counts, "from" and "to", with "tokens" and mean "nats_per_token":
        what memory is worth to the network. Of a network with a control beside it, also how it
        compares: "verdict", a sentence, "control", its figures, and "by_writer", as
        `_rivals.Rivals.rows` gives it.
        """
        del calibration
        nats = self._nats(outputs).double()
        rows = []
        for low, high in itertools.pairwise(_CONTEXTS):
            found = nats[:, low:high]
            known = found[found.isfinite()]
            if len(known):
                last = min(high, nats.shape[1]) - 1
                row = {"from": low, "to": last, "tokens": len(known)}
                rows.append({**row, "nats_per_token": float(known.mean())})
        rivals = self._rivals(outputs)
        if rivals is None:
            return {"by_context": rows}
        compared = rivals.comparison()
        told = {"verdict": verdict(compared), "control": compared.to_json()}
        return {"by_context": rows, "by_writer": rivals.rows(), **told}

    def verdict(self, outputs: Float[Tensor, "N K"], y: Tensor) -> str:
        del y
        rivals = self._rivals(outputs)
        return verdict(rivals.comparison()) if rivals else ""

    def ready(
        self, network: nn.Module, supply: Supply, *, seconds: float | None, seed: int, half: bool
    ) -> str:  # fmt: skip
        """Where time is the limit, let writer and control have as much of it each."""
        del supply, seed, half
        if rivals_of(network) and seconds is not None:
            network.get_buffer("evens").fill_(True)
        return ""

    def trouble(self, network: nn.Module, share: float) -> Trouble | None:
        return trouble(network, share) if rivals_of(network) else None

    def answers(
        self, outputs: Float[Tensor, "N K"], calibration: Calibration, *, level: float
    ) -> Sequence[Reading]:
        check_level(level)
        expected = self._logits(outputs, calibration).softmax(dim=1)
        shares, codes = expected.topk(min(_SHOWN, self.outputs - 1), dim=1)
        names = self._names(codes.cpu().numpy())
        following = [
            dict(zip(some, each, strict=True))
            for some, each in zip(names, shares.tolist(), strict=True)
        ]
        if outputs.shape[1] == self.outputs:
            return [Reading(likeliest=each) for each in following]
        texts = self._texts(outputs)
        rows = zip(following, texts, self._nats(outputs), self._codes(outputs), strict=True)
        return [self._reading(*each) for each in rows]

    def draw(
        self,
        outputs: Float[Tensor, "B V"],
        chances: Float[Tensor, " B"],
        how: Drawing,
        calibration: Calibration,
    ) -> Int[Tensor, " B"]:
        return drawn(self._logits(outputs, calibration), chances, how)

    @property
    def unit(self) -> str:
        return "nats of log-odds"

    def explained(
        self, outputs: Float[Tensor, "N K"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        """Give the calibrated log-odds of one next token against all others together."""
        logits = self._logits(outputs, calibration)
        own = F.one_hot(which, self.outputs).bool()
        return logits[own] - logits.masked_fill(own, -math.inf).logsumexp(dim=1)

    def chosen(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return self._logits(outputs, {}).argmax(dim=1)

    def rivals(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return self._logits(outputs, {}).topk(2, dim=1).indices[:, 1]

    def answer_name(self, which: int) -> str:
        name = self._names(np.array([[which]]))[0][0]
        return name if name.strip() and name.isprintable() else repr(name)

    def answer_place(self, name: str) -> int:
        if len(name) > 2 and name[0] == name[-1] == "'":
            name = name[1:-1].encode().decode("unicode_escape")
        codes = self._kind.steps(name, self.schema).astype(np.int64).tolist()
        if len(codes) != 1:
            raise BadInputError(
                given=f"{name!r}, which the model reads as {len(codes)} tokens",
                needed="the one token that might come next",
                remedy=f"name a token such as {self.answer_name(self.outputs - 1)!r}",
            )
        return int(codes[0])

    def told(self, y: Tensor) -> list[str]:
        return [""] * len(y)

    def degenerate(self, outputs: Float[Tensor, "N K"]) -> str | None:
        """Say so if 50 texts or more are all continued alike."""
        last = outputs[:, : self.outputs]
        nats = self._nats(outputs) if outputs.shape[1] > self.outputs else last
        if not last.isfinite().all() or not nats[~nats.isnan()].isfinite().all():
            return "the network gives outputs that are not numbers"
        rivals = self._rivals(outputs)
        if rivals and rivals.degenerate():
            return rivals.degenerate()
        if len(last) < 50 or last.log_softmax(dim=1).double().std(dim=0).max() > 1e-3:
            return None
        token = self.answer_name(int(last[0, 1:].argmax()) + 1)
        return (
            f"the network answers alike, {token!r} first, to all {len(last)} held-out examples:"
            " it knows how frequent tokens are and no more"
        )

    @property
    def _kind(self) -> Any:
        return registry.kind[self.schema.kind]()

    def _shares(self) -> NDArray[np.float64]:
        shares = np.array(self.schema.shares, np.float64)
        if len(shares) != self.outputs or shares.sum() <= 0:
            shares = np.ones(self.outputs)
            shares[0] = 0.0
        return shares / shares.sum()

    def _logits(self, outputs: Tensor, calibration: Calibration) -> Float[Tensor, "N V"]:
        """Give what is expected next, calibrated; "nothing" never is."""
        logits = outputs[:, : self.outputs] / _temperature_of(calibration)
        # What is no number is no evidence: such a row becomes "all tokens alike".
        logits = logits.float().nan_to_num(0.0, 1e6, -1e6)
        nothing = torch.zeros_like(logits[:, :1]) - math.inf
        return torch.cat([nothing, logits[:, 1:]], dim=1)

    def _nats(self, outputs: Tensor) -> Float[Tensor, "N L"]:
        start = self.outputs + len(TEMPERATURES)
        return outputs[:, start : start + self.schema.shape[0]]

    def _codes(self, outputs: Tensor) -> NDArray[np.int64]:
        start = self.outputs + len(TEMPERATURES) + self.schema.shape[0]
        return self._whole(outputs[:, start : start + self.schema.shape[0]])

    def _whole(self, codes: Tensor) -> NDArray[np.int64]:
        """Read codes; of a row that says nothing, such as zeros, nothing can be spelled."""
        known = codes.nan_to_num().long().clamp(0, self.outputs - 1)
        found: NDArray[np.int64] = known.cpu().numpy()
        return found

    def _rivals(self, outputs: Tensor) -> Rivals | None:
        """Give what writer and control made, where enough of that was kept."""
        made = outputs[:, self.outputs + len(TEMPERATURES) + 2 * self.schema.shape[0] :]
        if made.shape[1] != MAKERS * LENGTH:
            return None
        found = self._whole(made).reshape(len(made), MAKERS, LENGTH)
        rivals = Rivals(self._codes(outputs), found, self.outputs)
        return rivals if rivals.known else None

    def _stretches(self, outputs: Tensor) -> tuple[_scores.Values, _scores.Values]:
        """Give the sum of nats and the number of tokens of each stretch that has any."""
        nats = self._nats(outputs).double().cpu()
        known = ~nats.isnan()
        # A cost that is no number is worse than any other: as if the token had been impossible.
        nats = nats.nan_to_num(0.0, HIGHEST, 0.0)
        pad = (0, -nats.shape[1] % _STRETCH)
        sums = F.pad(nats, pad).view(-1, _STRETCH).sum(dim=1)
        counts = F.pad(known, pad).view(-1, _STRETCH).sum(dim=1)
        there = counts > 0
        return sums[there].numpy(), counts[there].double().numpy()

    def _texts(self, outputs: Tensor) -> list[str]:
        """Give the text of all tokens that were foretold."""
        codes = self._codes(outputs)[:, 1:]
        return self._spelled(np.where(codes == END, 0, codes))

    def _spelled(self, codes: NDArray[np.int64]) -> list[str]:
        kept = codes.astype(np.uint16 if self.outputs <= 1 << 16 else np.int32)
        return [str(text) for text in self._kind.restore(kept, self.schema).raw]

    def _names(self, codes: NDArray[np.int64]) -> list[list[str]]:
        spelled = self._spelled(codes.reshape(-1, 1))
        flat = zip(codes.ravel().tolist(), spelled, strict=True)
        names = iter(["end of text" if code == END else name for code, name in flat])
        return [[next(names) for _ in row] for row in codes]

    def _reading(
        self,
        likeliest: dict[str, float],
        text: str,
        nats: Float[Tensor, " L"],
        codes: NDArray[np.int64],
    ) -> Reading:
        known = ~nats.isnan()
        count = int(known.sum())
        if not count:
            return Reading(likeliest=likeliest, tokens=0)
        costs, places = nats.masked_fill(~known, -math.inf).topk(min(_SHOWN, count))
        names = self._names(codes[places.cpu().numpy()][None])[0]
        whole = float(nats[known].double().sum())
        return Reading(
            likeliest=likeliest,
            tokens=count,
            nats_per_token=whole / count,
            bits_per_byte=whole / math.log(2) / max(1, len(text.encode(errors="replace"))),
            surprising=tuple(zip(names, places.tolist(), costs.tolist(), strict=True)),
        )


def _ratio(sums: _scores.Values, counts: _scores.Values, weights: _scores.Values) -> float:
    return float(weights @ sums / (weights @ counts))


def _temperature_of(calibration: Calibration) -> float:
    given = calibration.get("temperature", 1.0)
    if type(given) is not float or not TEMPERATURES[0] <= given <= TEMPERATURES[-1]:
        raise ValueError(f"the temperature is {given!r}")
    return given
