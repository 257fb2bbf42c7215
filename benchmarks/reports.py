"""How long does the report take, against learning? fashion_mnist and adult, 60 s each.

Whole commands: `pellucid report MODEL --data TEST --out PAGE` over `pellucid fit`, and the same
without test data.
"""

from functools import partial
from pathlib import Path

from benchmarks._pellucid import PACKAGES, Fit, linked, report, scratch
from benchmarks.runner import FailedRunError, Setting, System, Trial, measure


def ask(setting: Setting) -> None:
    """Learn, then report."""
    seconds = 12.0 if setting.smoke else 60.0
    fashion, adult = setting.folder("fashion_mnist"), setting.folder("adult")
    with linked(fashion, "train-*") as train, linked(fashion, "t10k-*") as test, scratch() as place:
        rows = (adult / "adult.test").read_text().splitlines()
        table = place / "adult-test.data"
        table.write_text("".join(row.rstrip(".") + "\n" for row in rows if row.count(",") == 14))
        fits = {
            "fashion_mnist": (Fit(data=train, seconds=seconds), test),
            "adult": (
                Fit(data=adult / "adult.data", seconds=seconds, options=("--target", "15")),
                table,
            ),
        }
        for name, (fit, data) in fits.items():
            system = System("pellucid", partial(_one, fit, data), packages=PACKAGES)
            measure(f"reports {name}", [system], setting)


def _one(fit: Fit, data: Path, seed: int) -> Trial:
    with scratch() as folder:
        done, model = fit.run(seed, folder)
        if done.code != 0:
            raise FailedRunError(f"exit status {done.code} from pellucid fit: {done.messages}")
        page = folder / "page.html"
        scored = report(model, page, "--data", data)
        alone = report(model, page)
        scores = {
            "time against training": scored.seconds / done.seconds,
            "time against training, without data": alone.seconds / done.seconds,
            "page, MiB": page.stat().st_size / 2**20,
        }
    return Trial(scores=scores, seconds=scored.seconds, mebibytes=scored.mebibytes)
