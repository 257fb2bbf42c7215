"""Why a network for transcripts still says nothing, while there is time to do something.

Idea: under this loss a network first learns that most frames say nothing. Most leave that again
within some hundred steps; those that do not have a reason, which can be seen in the data or is the
learning rate.

Source: Zeyer, Schlüter & Ney 2021, "Why does CTC result in peaky behavior?", arXiv:2105.14849.

Letters: B N recordings, T samples, F frames, K tokens, L codes.
"""

from jaxtyping import Float, Int
from torch import Tensor

from pellucid.tasks import Trouble
from pellucid.tasks._ctc import best, possible
from pellucid.tasks._reader import there

_SILENT = 0.05  # letters heard, as a share of those that are there: less is silence
_SOME = 0.2  # share of the recordings that makes a cause
_QUIET = 0.003  # of full scale: the loudest sample of a recording in which nothing is
_RARE = 10  # times that a token should occur among what is held out


def cause(
    logs: Float[Tensor, "N F K"], y: Int[Tensor, "N L"], x: Float[Tensor, "B T"]
) -> Trouble | None:
    """Say why every frame says nothing, and shorten steps where that may help.

    Args:
        logs: log-probabilities for what is held out.
        y: its transcripts.
        x: some recordings that are learned from.

    Returns:
        None if something is heard.
    """
    letters, tokens = int((y > 0).sum()), logs.shape[2] - 1
    if sum(map(len, best(logs))) >= _SILENT * letters:
        return None
    short = float((~possible(there(logs), y)).float().mean())
    quiet = float((x.abs().amax(dim=1) < _QUIET).float().mean())
    slower = 1.0
    if short > _SOME:
        why = f"{short:.0%} of the transcripts are too long for their recordings; those teach"
        why += " nothing: see whether they belong to them"
    elif quiet > _SOME:
        why = f"{quiet:.0%} of the recordings are silent; see whether the right channel was kept"
    elif letters < _RARE * tokens:
        why = f"{tokens} different tokens are too many for {letters:,} held out; give more of them"
    else:
        why, slower = "its steps may be too large for these recordings: they are halved", 0.5
    sentence = f"the network still says nothing at all: {why}"
    return Trouble(sentence=sentence, balance={"whole": slower})
