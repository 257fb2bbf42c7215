"""What does this sentence say in the other language?

Idea: a network that foretells each token of a translation from the source and the tokens before it
can be asked for the likeliest whole sentence. How likely it finds its own translation says, once
that is compared with what people wrote, how good it is.

Source: Sutskever, Vinyals & Le 2014, arXiv:1409.3215 (one network reads, one writes); Szegedy et
al. 2016, arXiv:1512.00567 (label smoothing); Wu et al. 2016, arXiv:1609.08144 (length
normalisation).
Departs: the power of the length by which sentences are compared is chosen on the held-out side; the
learning rate falls to zero, which does what averaging checkpoints does (Sandler et al. 2023,
arXiv:2301.02312), so none are averaged; batches hold sentences of like lengths, as many of short
ones as of long ones.

What is kept of N sentences is (N, 2 W L + S): the W likeliest translations, L codes each, the
log-probability of each of their tokens, and the source. A network that is asked gives the first
two; see `networks/_translating.py`.

Letters: B N sentences, W translations, L tokens of one at most, S of a source, T of a right answer.
"""

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data import Parts, Schema
from pellucid.data._batches import Supply
from pellucid.data._targets import are_texts
from pellucid.data._text_forms import END, Form, learned_from
from pellucid.errors import BadInputError
from pellucid.networks._beam import Found, scored
from pellucid.networks._translating import WIDTH, Translator, found_in, row, translated
from pellucid.registry import task
from pellucid.tasks import (
    Answer,
    Batch,
    Calibration,
    Estimate,
    Task,
    Trouble,
    _scores,
    _translate_words,
)
from pellucid.tasks._conformal import check_level
from pellucid.tasks._targets import known
from pellucid.tasks._translate_answer import Translation, joined
from pellucid.tasks._translate_confidence import foretold, learned
from pellucid.tasks._translate_copying import copied
from pellucid.tasks._translate_faults import strange
from pellucid.tasks._translate_scores import bleu, chrfs, scores, signatures
from pellucid.tasks._translate_turned import TurnedTranslate

_POWERS = (0.6, 0.8, 1.0, 1.2, 1.4)  # of the length, that are tried
_GLANCED = 200  # sentences that a look during training is content with
_SETTLED = 0.4  # of the run, after which answers that are all alike are worth a word
_SHOWN = 5
_LEVEL = 0.9  # of the chrF that is promised for each sentence
_MOST = 4096  # codes of an answer
WHOLE = "the translation"


@task("translate", takes=["pairs"])
class Translate(Task):
    """The same sentence in the other language.

    Batches hold "x", (B, S), codes of the sources, and "y", (B, T), codes of right translations,
    each with its end, 0 behind it.
    """

    name = "translate"
    metric = "bleu"
    better = "higher"
    command: ClassVar[str] = "translate {} < FILE"
    made: ClassVar[bool] = True
    says: ClassVar[bool] = True
    glanced: ClassVar[int | None] = _GLANCED

    def __init__(self, schema: Schema) -> None:
        longest = schema.details.get("longest")
        if len(schema.cardinalities) != 1 or type(longest) is not int or not 0 < longest < _MOST:
            raise BadInputError(
                given=f"data of the kind {schema.kind!r}, which are no pairs of sentences",
                needed="sentences and their translations",
                remedy="name two files that go line by line: `pellucid fit train.en train.de`",
            )
        super().__init__(schema)

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        return 0.9 if targets is not None and are_texts(targets) else 0.0

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        if targets is None or not len(targets) or not known(targets).any():
            raise BadInputError(
                given="sources without a single translation",
                needed="a translation of each",
                remedy="name the file with the translations, too",
            )
        return {}

    def encode(self, targets: NDArray[Any]) -> Int[Tensor, "N T"]:
        lost = int((~known(targets)).sum())
        if lost:
            raise BadInputError(
                given=f"{lost} of {len(targets)} targets are missing",
                needed="a translation of every source",
                remedy="leave those pairs out",
            )
        codes = self._form.many([str(target) for target in targets])
        longest = max([self._longest, *(len(some) + 1 for some in codes)])
        y = np.zeros((len(codes), longest), np.int64)
        for line, some in zip(y, codes, strict=True):
            line[: len(some)] = some
            line[len(some)] = END
        return torch.from_numpy(y)

    @property
    def outputs(self) -> int:
        return 2 * WIDTH * self._longest

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        del part
        nats = _translators(network)[0].taught(batch["x"], batch["y"])
        counts = (batch["y"] != 0).sum(dim=1)
        return nats.float().sum(dim=1) * (len(nats) / counts.sum())

    def sizes(self, supply: Supply) -> Int[Tensor, " N"] | None:
        read, written = supply.sizes, (supply.y != 0).sum(dim=1).cpu()
        if read is None:
            return written
        # Both sides are filled up to the longest of the batch: the longer of them counts most.
        return torch.maximum(read, written) * _MOST + read + written

    def counts(self, supply: Supply) -> Int[Tensor, " N"]:
        return (supply.y != 0).sum(dim=1).clamp(min=1).cpu()

    def outcome(self, network: nn.Module, x: Float[Tensor, "B S"]) -> Float[Tensor, "B K"]:
        rows = row(translated(_translators(network), x))
        return torch.cat([rows, F.pad(x, (0, self.schema.shape[0] - x.shape[1]))], dim=1)

    def losses(self, outputs: Float[Tensor, "N K"], y: Int[Tensor, "N T"]) -> Float[Tensor, " N"]:
        """Give what each translation lacks of the right one: 1 less its chrF."""
        found = chrfs(self._best(outputs, {}), self.told(y))
        return torch.from_numpy(1 - found / 100).float()

    def score(self, outputs: Float[Tensor, "N K"], y: Int[Tensor, "N T"]) -> float:
        return bleu(self._best(outputs, {}), self.told(y))

    def calibrate(self, outputs: Float[Tensor, "N K"], y: Int[Tensor, "N T"]) -> dict[str, Any]:
        wanted = self.told(y)
        reached = {power: bleu(self._best(outputs, {"power": power}), wanted) for power in _POWERS}
        power = max(reached, key=lambda each: (reached[each], -abs(each - 1.0)))
        found = self._best(outputs, {"power": power})
        quality = chrfs(found, wanted) / 100
        return {"power": power, "confidence": learned(self._means(outputs, power), quality)}

    def scores(
        self, outputs: Float[Tensor, "N K"], y: Int[Tensor, "N T"], calibration: Calibration
    ) -> dict[str, Estimate]:
        return scores(self._best(outputs, calibration), self.told(y))

    def guess(self, y: Int[Tensor, "N T"]) -> dict[str, float]:
        """Score the most usual sentence of training, given for everything."""
        usual = str(self.schema.details.get("usual", ""))
        found = scores([usual] * len(y), self.told(y))
        return {name: each.value for name, each in found.items()}

    def details(
        self, outputs: Float[Tensor, "N K"], y: Int[Tensor, "N T"], calibration: Calibration
    ) -> dict[str, Any]:
        """Give as JSON the signatures of the scores, and the worst and most doubtful sentences."""
        found, wanted = self._best(outputs, calibration), self.told(y)
        quality = chrfs(found, wanted)
        expected, least = self._expected(outputs, calibration, _LEVEL)
        sources = self._sources(outputs)
        gap = float(np.abs(expected - quality / 100).mean()) if len(quality) else 0.0

        def rows(order: NDArray[np.int64]) -> list[dict[str, Any]]:
            return [
                {
                    "place": place,
                    "source": sources[place],
                    "translation": found[place],
                    "wanted": wanted[place],
                    "chrf": float(quality[place]),
                    "confidence": float(expected[place]),
                }
                for place in order[:_SHOWN].tolist()
            ]

        return {
            "signatures": signatures(),
            "confidence": {"mean": float(np.mean(expected)), "mean_gap": gap},
            "agreement": _scores.agreement(100 * expected, quality) if len(quality) else [],
            "agreement_of": "chrF of a sentence",
            "coverage": {
                "level": _LEVEL,
                "share": float((quality / 100 >= least).mean()) if len(quality) else 0.0,
                "bounds": "chrF",
            },
            "worst": rows(np.argsort(quality, kind="stable")),
            "doubtful": rows(np.argsort(expected, kind="stable")),
        }

    def answers(
        self, outputs: Float[Tensor, "N K"], calibration: Calibration, *, level: float
    ) -> Sequence[Translation]:
        check_level(level)
        found = found_in(outputs, self._longest)
        order, shares = self._ordered(found, calibration)
        expected, least = self._expected(outputs, calibration, level)
        sources = self._sources(outputs)
        texts = self._spelled(found.codes.flatten(0, 1)) if len(outputs) else []
        made = []
        for place, source in enumerate(sources):
            first, *others = order[place].tolist()
            text, lost = copied(source, texts[place * WIDTH + first])
            more = [(texts[place * WIDTH + at], float(shares[place, at])) for at in others]
            made.append(
                Translation(
                    text=text,
                    confidence=float(expected[place]),
                    at_least=float(least[place]),
                    others=tuple((other, share) for other, share in more if other),
                    log_probability=float(found.logs[place, first].double().sum().nan_to_num()),
                    lost=lost,
                )
            )
        return made

    def joined(
        self, answers: Sequence[Answer], owners: NDArray[np.int64], between: Sequence[str]
    ) -> Sequence[Answer]:
        edges = [*np.flatnonzero(np.diff(owners, prepend=-1)).tolist(), len(answers)]
        told = [each for each in answers if isinstance(each, Translation)]
        return [
            joined(told[start:end], between[start:end]) for start, end in itertools.pairwise(edges)
        ]

    def turned(self) -> TurnedTranslate:
        return TurnedTranslate(self.schema, task=Translate, translators=_translators)

    def posed(self, network: nn.Module, x: Float[Tensor, "B S"]) -> Float[Tensor, "B R"]:
        """Put the likeliest translation of each behind its source, to be weighed and explained."""
        found = translated(_translators(network), x)
        best = scored(found, 1.0).argmax(dim=1)
        return self._behind(x, found.codes[torch.arange(len(x)), best])

    def answered(self, x: Float[Tensor, "B S"], texts: Sequence[str]) -> Float[Tensor, "B R"]:
        """Put translations behind their sources, as `posed` does with the network's own."""
        y = self.encode(np.array([*texts, None], object)[:-1])
        return self._behind(x, y[:, : self._longest].to(x.device))

    def divided(self, parts: Parts, x: Float[Tensor, " R"], which: int) -> Parts:
        return _translate_words.widened(parts, x, self._codes, self._form, which)

    def illustrated(self, x: Float[Tensor, " R"], parts: Parts, ask: Any) -> bytes:
        from pellucid.tasks._translate_alignment import picture

        return picture(x, parts, ask, self.words)

    @property
    def words(self) -> _translate_words.Words:
        """What tells the words of translations."""
        return _translate_words.Words(self._form, self._codes)

    @property
    def unit(self) -> str:
        return "nats of log-probability"

    def explained(
        self, outputs: Float[Tensor, "N K"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        """Give the log-probability of the translation, or of one of its words."""
        del calibration
        found = found_in(outputs, self._longest)
        codes, logs = found.codes[:, 0], found.logs[:, 0]
        places = self._word_places(codes, which).to(logs.device)
        return (logs * places).sum(dim=1)

    def chosen(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return torch.zeros(len(outputs), dtype=torch.int64, device=outputs.device)

    def rivals(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return torch.full((len(outputs),), -1, device=outputs.device)

    def answer_name(self, which: int) -> str:
        return WHOLE if which == 0 else f"word {which} of the translation"

    def answer_place(self, name: str) -> int:
        digits = name.removeprefix("word ").removesuffix(" of the translation").strip()
        if name == WHOLE:
            return 0
        if not digits.isdecimal() or not 0 < int(digits) <= self._longest:
            raise BadInputError(
                given=f"{name!r} as what shall be explained",
                needed="the number of a word of the translation, such as 3",
                remedy="leave --answer out to have the whole translation explained",
            )
        return int(digits)

    def told(self, y: Int[Tensor, "N T"]) -> list[str]:
        return self._spelled(y)

    def degenerate(self, outputs: Float[Tensor, "N K"]) -> str | None:
        if not outputs.isfinite().all():
            return "the network gives outputs that are not numbers"
        return strange(self._sources(outputs), self._best(outputs, {}))

    def concern(self, outputs: Tensor, y: Tensor, x: Tensor, share: float) -> Trouble | None:
        """Say what is degenerate once the network should have learned better."""
        del y, x
        found = self.degenerate(outputs) if share > _SETTLED else None
        return Trouble(sentence=f"{found} (so far)") if found else None

    @property
    def _form(self) -> Form:
        return learned_from(self.schema.details)

    @property
    def _codes(self) -> int:
        return self.schema.cardinalities[0]

    @property
    def _longest(self) -> int:
        return int(self.schema.details["longest"])

    def _behind(self, x: Float[Tensor, "B S"], codes: Int[Tensor, "B T"]) -> Tensor:
        return torch.cat([x, (codes + self._codes) * (codes != 0)], dim=1)

    def _ordered(self, found: Found, calibration: Calibration) -> tuple[Tensor, Tensor]:
        """Order translations by their score; and give the share of each in the chance of all."""
        given = scored(found, _power_of(calibration)).nan_to_num(-1e9)
        shares = found.logs.double().sum(dim=2).nan_to_num(-1e9)
        shares = shares.masked_fill(~(found.codes != 0).any(dim=2), -1e9).softmax(dim=1)
        return given.argsort(dim=1, descending=True, stable=True), shares

    def _best(self, outputs: Tensor, calibration: Calibration) -> list[str]:
        found = found_in(outputs, self._longest)
        order, _ = self._ordered(found, calibration)
        return self._spelled(found.codes[torch.arange(len(order)), order[:, 0]])

    def _means(self, outputs: Tensor, power: float) -> NDArray[np.float64]:
        found = found_in(outputs, self._longest)
        best = self._ordered(found, {"power": power})[0][:, 0]
        rows = torch.arange(len(best))
        counts = (found.codes[rows, best] != 0).sum(dim=1).clamp(min=1)
        return (found.logs[rows, best].double().sum(dim=1) / counts).detach().cpu().numpy()

    def _expected(
        self, outputs: Tensor, calibration: Calibration, level: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        means = self._means(outputs, _power_of(calibration))
        return foretold(means, calibration.get("confidence", {}), level)

    def _sources(self, outputs: Tensor) -> list[str]:
        codes = outputs[:, self.outputs :].nan_to_num().long()
        return self._spelled(codes) if codes.shape[1] else [""] * len(outputs)

    def _spelled(self, codes: Tensor) -> list[str]:
        plain = codes.cpu().numpy().clip(0, self._codes - 1)
        return [self._form.text(some[some > END].astype(np.int32)).strip() for some in plain]

    def _word_places(self, codes: Int[Tensor, "N L"], which: Int[Tensor, " N"]) -> Tensor:
        words = self.words
        return torch.stack(
            [words.places(some, place) for some, place in zip(codes, which.tolist(), strict=True)]
        )


def _translators(network: nn.Module) -> list[Translator]:
    """Give the networks that write together."""
    members: Sequence[nn.Module] = getattr(network, "members", [network])
    found = [each for each in members if isinstance(each, Translator)]
    if len(found) != len(members):
        raise BadInputError(
            given=f"a network of the class {type(network).__name__}",
            needed="one that reads a sentence and writes another",
            remedy="derive it from pellucid.networks._translating.Translator, or leave it out",
        )
    return found


def _power_of(calibration: Calibration) -> float:
    given = calibration.get("power", 1.0)
    if type(given) is not float or given not in _POWERS:
        raise ValueError(f"the power of the length is {given!r}")
    return given
