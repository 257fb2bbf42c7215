"""A bidirectional LSTM under CTC, as tutorials give it, its schedule stretched to the time.

128 mel bands, every other frame by a strided convolution of 32 channels, three residual
convolutions, a bidirectional LSTM of five layers of 512, a dense layer; dropout 0.1; masks of 15
bands and 35 frames; AdamW, one cycle up to 5e-4, batches of 20; the likeliest letter of each frame.

Source: Nguyen 2020, "Building an end-to-end speech recognition model in PyTorch" (AssemblyAI blog;
written anew, from memory of its settings).
Departs: LSTM where it has GRU; the cycle lasts as long as the time and not a number of passes; the
spectrogram is made by torch.stft, since torchaudio is not there.
"""

import argparse
import csv
import json
from pathlib import Path

import jiwer
import soundfile
import torch
from _clock import Clock
from torch import Tensor, nn
from torch.nn import functional as F

LETTERS = "_' abcdefghijklmnopqrstuvwxyz"
BANDS, WIDTH, DEPTH, BATCH, RATE = 128, 512, 5, 20, 5e-4


class Residual(nn.Module):
    """Two convolutions, each behind a norm, added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(BANDS // 2) for _ in range(2))
        self.layers = nn.ModuleList(nn.Conv2d(32, 32, 3, padding=1) for _ in range(2))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for norm, layer in zip(self.norms, self.layers, strict=True):
            h = layer(self.drop(F.gelu(norm(h.transpose(2, 3)).transpose(2, 3))))
        return x + h


class Network(nn.Module):
    """Convolutions over the spectrogram, the memory, and a letter for each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, stride=2, padding=1)
        self.residual = nn.Sequential(*(Residual() for _ in range(3)))
        self.join = nn.Linear(32 * BANDS // 2, WIDTH)
        self.memory = nn.LSTM(
            WIDTH, WIDTH, DEPTH, batch_first=True, bidirectional=True, dropout=0.1
        )
        self.say = nn.Sequential(
            nn.Linear(2 * WIDTH, WIDTH), nn.GELU(), nn.Dropout(0.1), nn.Linear(WIDTH, len(LETTERS))
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.residual(self.first(x[:, None]))
        h = self.join(h.flatten(1, 2).transpose(1, 2))
        return self.say(self.memory(h)[0])


def main() -> None:
    """Train until the time is up; print the error rates of the test side."""
    clock, parser = Clock(), argparse.ArgumentParser()
    parser.add_argument("train", type=Path, help="a table with path and transcript")
    parser.add_argument("test", type=Path, help="the same")
    parser.add_argument("--seconds", type=float, default=600.0, help="from the process's start")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    sounds, texts = read(options.train)
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
    begun = clock.spent
    while clock.spent < options.seconds:
        for some in torch.randperm(len(sounds)).split(BATCH):
            share = (clock.spent - begun) / max(options.seconds - begun, 1e-3)
            if share >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(share / 0.3, (1 - share) / 0.7)
            optimizer.zero_grad()
            loss(
                network, [masked(sounds[at]) for at in some], [texts[at] for at in some]
            ).backward()
            optimizer.step()
    seconds = clock.spent
    print(json.dumps({**tested(network.eval(), options.test), "seconds": seconds}))


def read(table: Path) -> tuple[list[Tensor], list[str]]:
    """Read the spectrogram, (M, F), and the letters of each recording."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    sounds = [spectrogram(table.parent / row["path"]) for row in rows]
    return sounds, [spelled(row["transcript"]) for row in rows]


def spectrogram(path: Path) -> Tensor:
    """Give the mel power of one file; torchaudio's defaults: windows of 400, hops of 200."""
    sound, rate = soundfile.read(path, dtype="float32")
    window = torch.hann_window(400)
    waves = torch.stft(torch.from_numpy(sound), 400, 200, window=window, return_complex=True)
    edges = torch.linspace(0.0, 2595 * torch.log10(torch.tensor(1 + rate / 1400)).item(), BANDS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    at = torch.linspace(0, rate / 2, 201)
    up = (at - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    down = (hertz[2:, None] - at) / (hertz[2:] - hertz[1:-1])[:, None]
    return torch.minimum(up, down).clamp(min=0) @ waves.abs().square()


def spelled(text: str) -> str:
    """Keep the letters that the network knows, in lower case."""
    kept = "".join(letter if letter in LETTERS[1:] else " " for letter in text.lower())
    return " ".join(kept.split())


def masked(sound: Tensor) -> Tensor:
    """Blot out some bands and some frames."""
    sound = sound.clone()
    for axis, most in ((0, 15), (1, 35)):
        width = int(torch.randint(most, ()))
        first = int(torch.randint(max(1, sound.shape[axis] - width), ()))
        sound.narrow(axis, first, min(width, sound.shape[axis] - first)).zero_()
    return sound


def loss(network: Network, sounds: list[Tensor], texts: list[str]) -> Tensor:
    """Give the mean CTC loss of a batch."""
    x = nn.utils.rnn.pad_sequence([each.T for each in sounds], batch_first=True).transpose(1, 2)
    logs = network(x).log_softmax(dim=2).transpose(0, 1)
    codes = [torch.tensor([LETTERS.index(letter) for letter in text]) for text in texts]
    frames = torch.tensor([min(len(logs), each.shape[1] // 2) for each in sounds])
    lengths = torch.tensor([len(each) for each in codes])
    return F.ctc_loss(logs, torch.cat(codes), frames, lengths, zero_infinity=True)


def tested(network: Network, table: Path) -> dict[str, float]:
    """Give the error rates on a table."""
    sounds, texts = read(table)
    with torch.inference_mode():
        heard = [read_off(network(sound[None])[0]) for sound in sounds]
    return {
        "character error rate": jiwer.cer(texts, heard),
        "word error rate": jiwer.wer(texts, heard),
    }


def read_off(outputs: Tensor) -> str:
    """Give the likeliest letter of each frame, held ones once."""
    codes = outputs.argmax(dim=1).unique_consecutive().tolist()
    return " ".join("".join(LETTERS[code] for code in codes if code).split())


if __name__ == "__main__":
    main()
