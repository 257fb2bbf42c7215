"""Is it said when a generator of pictures goes astray, in time, and not said when it does not?

Fashion-MNIST, `--network gan`. Brought about on purpose: the critic learns at twenty times its
rate in a run of 900 s, which is looked at for its first tenth; what counts is whether trouble is
named by then, and when. Healthy: whole runs of 60 s with nothing changed; every word of trouble in
them is a false alarm. Ten seeds of each: `python -m benchmarks.run collapse --seeds 10`.
"""

import argparse
import json
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks._pellucid import NAMED, PACKAGES, last_json, linked, module
from benchmarks.runner import Setting, System, Trial, measure

SECONDS, HEALTHY = 900.0, 60.0
TENTH = 0.1
FACTOR = 20.0


class _EnoughError(Exception):
    """What was to be seen was seen."""


def ask(setting: Setting) -> None:
    """Spoil runs, and leave others alone."""
    folder = setting.folder("fashion_mnist")
    spoilt, healthy = (90.0, 20.0) if setting.smoke else (SECONDS, HEALTHY)
    runs = {
        f"the critic's rate x {FACTOR:g}": (spoilt, FACTOR, TENTH),
        "nothing changed": (healthy, 1.0, 1.0),
    }
    with linked(folder, "train-*") as data:
        systems = [
            System(name, partial(_one, data, *how), packages=PACKAGES) for name, how in runs.items()
        ]
        measure("collapse", systems, setting)


def _one(data: Path, seconds: float, factor: float, until: float, seed: int) -> Trial:
    words = [data, "--seconds", f"{seconds:g}", "--factor", f"{factor:g}", "--until", f"{until:g}"]
    done = module("collapse", [*words, "--seed", str(seed)])
    found = last_json(done.output)
    at = found["at"]
    scores = {"trouble is named": float(bool(at))}
    if at:
        scores["share of the run when it is"] = at[0]
    return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


def main() -> None:
    """Learn, and print as JSON at which shares of the budget trouble was named, and how."""
    import pellucid
    from pellucid.training.learner import Learner
    from pellucid.training.progress import Progress

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--factor", type=float, required=True, help="on the critic's rate")
    parser.add_argument("--until", type=float, required=True, help="share of the budget")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    at: list[float] = []
    said: list[str] = []

    def watch(progress: Progress) -> None:
        share = progress.spent / options.seconds
        if NAMED in progress.said:
            at.append(share)
            said.append(progress.said)
        if options.until < 1.0 and (at or share > options.until):
            raise _EnoughError

    begun = Learner.__init__

    def spoilt(self: Learner, *given: object) -> None:
        begun(self, *given)  # type: ignore[arg-type]
        self.balance["critic"] *= options.factor

    if options.factor != 1.0:
        Learner.__init__ = spoilt  # type: ignore[method-assign,assignment]
    with suppress(_EnoughError):
        pellucid.fit(
            options.data,
            task="generate_image",
            network="gan",
            budget=options.seconds,
            seed=options.seed,
            watch=watch,
        )
    print(json.dumps({"at": [share for share in at if share <= options.until], "said": said}))


if __name__ == "__main__":
    main()
