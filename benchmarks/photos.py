"""What is learned from a small folder of photos in 120 s, from scratch, beside a ResNet-18?

flowers5 (800 photos, train/ → test/) and hymenoptera (244 photos, train/ → val/). Each system gets
120 s from the start of its process for everything but the test: reading, learning, and, for
pellucid, choosing a network, calibrating and saving. Peers: a ResNet-18 at two sizes of picture
(the better one counts) and the network of pytorch/examples with its recipe stretched to the time.
No weights learned elsewhere.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, trial
from benchmarks.runner import Setting, System, Trial, measure

SETS = (("flowers5", "train", "test"), ("hymenoptera", "train", "val"))
SECONDS = 120.0
PEERS = (
    ("ResNet-18 from scratch, 64 pixels", "resnet18", 64),
    ("ResNet-18 from scratch, 96 pixels", "resnet18", 96),
    ("pytorch/examples mnist", "pytorch_photos", 64),
)


def ask(setting: Setting) -> None:
    """Measure each folder of photos."""
    seconds = 20.0 if setting.smoke else SECONDS
    for name, train, test in SETS:
        folder = setting.folder(name)
        sides = (folder / train, folder / test)
        systems = [System("pellucid", partial(_own, *sides, seconds), packages=PACKAGES)]
        systems += [
            System(peer, partial(_peer, script, (*sides, "--side", str(side)), seconds))
            for peer, script, side in PEERS
        ]
        measure(f"photos {name}", systems, setting)


def _own(train: Path, test: Path, seconds: float, seed: int) -> Trial:
    return trial(Fit(data=train, seconds=seconds), test, seed, ("accuracy",))


def _peer(script: str, words: Sequence[str | Path], seconds: float, seed: int) -> Trial:
    timed = ["--seconds", f"{seconds:g}", "--seed", str(seed)]
    done = _peers.script(script, "torch", [*words, *timed])
    scores = _peers.scores(done.output)
    return Trial(
        scores={"accuracy": scores["accuracy"]},
        seconds=scores["seconds"],
        mebibytes=done.mebibytes,
    )
