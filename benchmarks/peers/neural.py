"""neuralforecast's DLinear, NHITS or PatchTST, as its tutorial on long horizons trains its models.

Up to 1,000 steps, the validation side looked at every 100, ended after three looks without a better
error; the past that is asked for; everything else as it comes. Windows of the test side begin at
every hour, none is dropped; values are scaled by the training side before. On the way, every 10
steps, "seconds error" is printed, of every eighth window of the test side, so that it can be told
when an error was reached.

Source: Nixtla's documentation of neuralforecast, "Long-horizon forecasting with transformer
models" (`cross_validation` with a validation and a test size).
Departs: mean squared error instead of the mean absolute one, since that is what is asked; the clock
stops while test windows are foretold; training ends after the seconds that are allowed, too.
"""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _clock import Clock
from _windows import sides, windows
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import NHITS, DLinear, PatchTST
from pytorch_lightning import Callback, LightningModule, Trainer

MODELS = {"DLinear": DLinear, "NHITS": NHITS, "PatchTST": PatchTST}
STEPS, LOOKS, PATIENCE = 1000, 100, 3
EVERY, SOME = 10, 8  # steps between points of the curve, and of how many windows one is foretold


class Curve(Callback):
    """Prints how wrong the model is on the way, and ends training when the time is up.

    Args:
        clock: that stops meanwhile.
        x: pasts, (N, L, C).
        y: what followed, (N, H, C).
        most: seconds of training, at most.
    """

    def __init__(self, clock: Clock, x: np.ndarray, y: np.ndarray, most: float) -> None:
        self.clock, self.most = clock, most
        pasts, futures = (each.transpose(0, 2, 1).reshape(-1, each.shape[1]) for each in (x, y))
        self.x, self.y = torch.tensor(pasts), torch.tensor(futures)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *given: object
    ) -> None:
        """Look at it every few steps."""
        del given
        if trainer.global_step % EVERY == 0:
            with self.clock.paused():
                error = self._error(pl_module)
            print(f"{self.clock.spent:.2f} {error:.5f}", flush=True)
        if self.clock.spent > self.most:
            trainer.should_stop = True

    def _error(self, module: LightningModule) -> float:
        module.eval()
        squares = 0.0
        with torch.inference_mode():
            for x, y in zip(self.x.split(1024), self.y.split(1024), strict=True):
                nothing = dict.fromkeys(("futr_exog", "hist_exog", "stat_exog"))
                shown = {"insample_y": x[..., None], "insample_mask": torch.ones_like(x)[..., None]}
                found = module({**shown, **nothing})[..., 0]
                squares += float((found - y).square().sum())
        module.train()
        return squares / self.y.numel()


def main() -> None:
    """Learn and test; print the scores as JSON."""
    clock, options = Clock(), _arguments()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    train, valid, test = sides([options.train, options.valid, options.test])
    past, horizon = options.past, options.horizon
    known = np.concatenate([train, valid[past:]])
    pasts, futures = windows(test, past, horizon)
    curve = Curve(clock, pasts[::SOME], futures[::SOME], options.most)
    model = MODELS[options.model](
        h=horizon,
        input_size=past,
        loss=MSE(),
        max_steps=20 if options.smoke else STEPS,
        val_check_steps=10 if options.smoke else LOOKS,
        early_stop_patience_steps=PATIENCE,
        random_seed=options.seed + 1,
        accelerator="cpu",
        enable_progress_bar=False,
        logger=False,
        callbacks=[curve],
    )
    forecasts = NeuralForecast(models=[model], freq="h")
    forecasts.fit(_long(known), val_size=len(valid) - past)
    seconds = clock.spent
    print(json.dumps({**_tested(forecasts, test, past, horizon), "seconds": seconds}))


def _tested(
    forecasts: NeuralForecast, test: np.ndarray, past: int, horizon: int
) -> dict[str, float]:
    """Foretell every window of the test side, one series a window and variable."""
    squares = absolutes = count = 0.0
    x, y = windows(test, past, horizon)
    for start in range(0, len(x), 256):
        some = x[start : start + 256].transpose(0, 2, 1).reshape(-1, past)
        found = forecasts.predict(_rows(some))
        name = next(column for column in found.columns if column not in ("unique_id", "ds"))
        order = found.reset_index().sort_values(["unique_id", "ds"])[name].to_numpy()
        truth = y[start : start + 256].transpose(0, 2, 1).reshape(-1, horizon)
        error = order.reshape(-1, horizon) - truth
        squares += float(np.square(error, dtype=np.float64).sum())
        absolutes += float(np.abs(error, dtype=np.float64).sum())
        count += error.size
    return {"mse": squares / count, "mae": absolutes / count}


def _long(values: np.ndarray) -> pd.DataFrame:
    """Give a side as rows of a series each, as neuralforecast reads them."""
    return _rows(values.T)


def _rows(values: np.ndarray) -> pd.DataFrame:
    """Give series, (N, T), as rows."""
    series, steps = values.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), steps),
            "ds": np.tile(pd.date_range("2016-07-01", periods=steps, freq="h"), series),
            "y": values.reshape(-1),
        }
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for side in ("train", "valid", "test"):
        parser.add_argument(side, type=Path)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--horizon", type=int, required=True)
    parser.add_argument("--past", type=int, default=336)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=float, default=float("inf"), help="seconds of training")
    parser.add_argument("--smoke", action="store_true", help="20 steps")
    return parser.parse_args()


if __name__ == "__main__":
    main()
