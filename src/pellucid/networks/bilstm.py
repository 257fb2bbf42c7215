"""Convolution and long short-term memory in both directions, for what was said.

Idea: what a sound is depends on those before and after it, so each step is read in the light of all
that was said; what comes out, step by step, are letters or silence.

Source: Graves, Fernández, Gomez & Schmidhuber 2006, "Connectionist temporal classification:
labelling unsegmented sequence data with recurrent neural networks", ICML (a bidirectional LSTM
under this loss); Amodei et al. 2015, "Deep Speech 2", arXiv:1512.02595 (convolutions below).
Departs: layers after the first add to what came in; dropout by one mask for all steps; matrices of
the gates learn by steps that are made orthogonal, as in `rnn`.

Letters: B batch, T samples, F frames, K outputs.
"""

from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._frames import Front, Saying
from pellucid.networks.rnn import Layers
from pellucid.registry import network

SIZES = ((2, 128), (3, 192), (3, 256), (4, 320))  # layers, and units in each direction


class BiLSTM(nn.Module):
    """Says what was said, frame by frame, having heard all of it.

    Args:
        front: from sound to steps.
        layers: the memory, in both directions.
        outputs: K.
    """

    half_width = True

    def __init__(self, front: Front, layers: Layers, outputs: int) -> None:
        super().__init__()
        self.front = front
        self.layers = layers
        self.say = Saying(layers.width, outputs)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B F K"]:
        steps, count = self.front(x)
        heard, _ = self.layers(steps, None, count)
        return self.say(heard, count)


@network("bilstm", takes=["audio"])
@recipe(
    Recipe(
        sizes=len(SIZES),
        passes=10.0,
        batch=16,
        rate=1e-3,
        muon=0.05,
        decay=0.02,
        clip=1.0,
        says=True,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> BiLSTM:
    """Widen and deepen: from two layers of 128 units in each direction to four of 320."""
    count, units = SIZES[size - 1]
    front = Front(schema.rate, 2 * units)
    layers = Layers("lstm", 2 * units, units, layers=count, dropout=0.3, backwards=True)
    return BiLSTM(front, layers, outputs)
