"""A small convolutional network on a spectrogram, for single words on small machines.

Idea: a few words need few filters. Under 100,000 weights, and a second of sound is heard in two
thousandths of one on one core: it can listen all the time.

Source: Sainath & Parada 2015, "Convolutional neural networks for small-footprint keyword spotting";
Zhang, Suda, Lai & Chandra 2017, "Hello edge: keyword spotting on microcontrollers",
arXiv:1711.07128 (what fits where).
Departs: the layers of `soundnet.py`, narrow, with blocks where pictures are still large and none
where they would cost most weights.
"""

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._spectrogram import LogMel
from pellucid.networks.soundnet import BANDS, SoundNet
from pellucid.registry import network


@network("keywords", takes=["audio"])
@recipe(
    Recipe(
        sizes=1,
        passes=1.0,
        most=100.0,
        batch=64,
        rate=0.004,
        muon=0.04,
        smoothing=0.1,
        decay=0.02,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> SoundNet:
    """One size only: what is larger is called soundnet."""
    del size
    front = LogMel(schema.rate, bands=BANDS, warp=0.12, masks=(1, 1))
    return SoundNet(front, outputs, widths=(16, 32, 48, 64), depths=(1, 1, 0, 0))
