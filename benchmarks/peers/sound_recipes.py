"""Two tutorials for spoken words, their recipes stretched to the time.

m5: PyTorch's "Speech command classification with torchaudio": the wave at 8 kHz padded to one
length, M5, Adam at 0.01 with decay 1e-4, × 0.1 after half of the time (its recipe: after 20 of 40
epochs), batch 256. spectrogram: TensorFlow's "Simple audio recognition": the magnitude of an STFT
of 255 samples each 128, resized to 32 × 32, normalised, two convolutions and a dense layer, Adam at
0.001, batch 64.

Source: pytorch/tutorials, intermediate_source/speech_command_classification_with_torchaudio; Dai et
al. 2017, arXiv:1610.00087 (M5); tensorflow/docs, tutorials/audio/simple_audio (written anew).
"""

import argparse
import json
import wave
from pathlib import Path

import torch
from _clock import Clock
from torch import Tensor, nn
from torch.nn import functional as F

_BATCHES = {"m5": 256, "spectrogram": 64}


def main() -> None:
    """Train until the time is up; print the test accuracy."""
    clock, parser = Clock(), argparse.ArgumentParser()
    parser.add_argument("recipe", choices=_BATCHES)
    parser.add_argument("train", type=Path, help="class folders of WAV files to learn from")
    parser.add_argument("test", type=Path, help="class folders to test on")
    parser.add_argument("--seconds", type=float, default=60.0, help="from the process's start")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    length, rate = _longest(options.train)
    x, y = read(options.train, length)
    model = M5(int(y.max()) + 1, rate) if options.recipe == "m5" else Pictures(int(y.max()) + 1, x)
    rate = 0.01 if options.recipe == "m5" else 0.001
    decay = 1e-4 if options.recipe == "m5" else 0.0
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    epochs = learn(clock, options, model, optimizer, (x, y))
    seconds = clock.spent
    accuracy = tested(model, read(options.test, length))
    print(json.dumps({"accuracy": accuracy, "epochs": epochs, "seconds": seconds}))


class M5(nn.Module):
    """Four convolutions on the wave, the first long and with a large step."""

    def __init__(self, classes: int, rate: int) -> None:
        super().__init__()
        self.thin = max(1, rate // 8_000)  # the tutorial's rate
        layers: list[nn.Module] = []
        width = 1
        for wider, size, step in ((32, 80, 16), (32, 3, 1), (64, 3, 1), (64, 3, 1)):
            layers += [nn.Conv1d(width, wider, size, stride=step), nn.BatchNorm1d(wider), nn.ReLU()]
            layers.append(nn.MaxPool1d(4))
            width = wider
        self.body, self.head = nn.Sequential(*layers), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x[:, None, :: self.thin]).mean(dim=2))


class Pictures(nn.Module):
    """Two convolutions on a small picture of the spectrogram."""

    def __init__(self, classes: int, x: Tensor) -> None:
        super().__init__()
        shown = picture(x[:1024])
        self.mean, self.deviation = float(shown.mean()), float(shown.std())
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * 14 * 14, 128), nn.ReLU()),
            *(nn.Dropout(0.5), nn.Linear(128, classes)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body((picture(x) - self.mean) / self.deviation)


def picture(x: Tensor) -> Tensor:
    """Give the magnitude of the spectrum over time, resized to 32 × 32: (B, 1, 32, 32)."""
    window = torch.hann_window(255)
    waves = torch.stft(x, 256, 128, 255, window, center=False, return_complex=True)
    return F.interpolate(waves.abs()[:, None], (32, 32), mode="bilinear")


def read(folder: Path, length: int) -> tuple[Tensor, Tensor]:
    """Read class folders of 16-bit WAV files: (N, length), cut or padded, and labels."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    pairs = [(path, at) for at, name in enumerate(classes) for path in (folder / name).iterdir()]
    x = torch.zeros(len(pairs), length)
    for place, (path, _) in enumerate(sorted(pairs)):
        with wave.open(str(path)) as file:
            raw = bytearray(file.readframes(length))
        samples = torch.frombuffer(raw, dtype=torch.int16).float() / 32_768
        x[place, : len(samples)] = samples
    return x, torch.tensor([at for _, at in sorted(pairs)])


def learn(
    clock: Clock,
    options: argparse.Namespace,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: tuple[Tensor, Tensor],
) -> int:
    """Train until the time is up, two seconds kept for saving; give the epochs."""
    x, y = data
    longest, epochs, fallen = 0.0, 0, False
    while True:
        for places in torch.randperm(len(x)).split(_BATCHES[options.recipe]):
            before = clock.spent
            if before + longest > options.seconds - 2:
                return epochs
            if options.recipe == "m5" and not fallen and before > options.seconds / 2:
                optimizer.param_groups[0]["lr"] *= 0.1
                fallen = True
            model.train()
            optimizer.zero_grad()
            F.cross_entropy(model(x[places]), y[places]).backward()
            optimizer.step()
            longest = max(longest, clock.spent - before)
        epochs += 1


def tested(model: nn.Module, test: tuple[Tensor, Tensor]) -> float:
    """Give the accuracy."""
    model.eval()
    with torch.inference_mode():
        answers = torch.cat([model(part).argmax(1) for part in test[0].split(100)])
    return float((answers == test[1]).float().mean())


def _longest(folder: Path) -> tuple[int, int]:
    """Give the length that recordings are cut or padded to, samples, and their rate, Hz."""
    with wave.open(str(next(folder.glob("*/*.wav")))) as file:
        rate = file.getframerate()
    return rate, rate  # one second, as both tutorials have it


if __name__ == "__main__":
    main()
