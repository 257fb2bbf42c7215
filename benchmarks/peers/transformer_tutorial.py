"""nn.Transformer as PyTorch's tutorial of translation sets it, run for given seconds.

Network: tables of 512, three blocks that read and three that write, 8 heads, 512 within a block,
dropout 0.1, no shared tables. Learning: batches of 128 pairs, Adam at a rate of 1e-4 (betas 0.9 and
0.98), weights drawn by Xavier; every word of the training side has a code. Writing: greedy, at most
5 tokens more than the source.

Departs: words are cut by one expression instead of spaCy's rules, which need a download; pairs are
of either direction; there is no end of 18 passes before the time is over, which is in its favour;
what is written is put together again without blanks before marks.
Source: pytorch/tutorials, translation_transformer.py ("Language Translation with nn.Transformer
and torchtext"); the recipe, written anew.
"""

import argparse
import gzip
import json
import math
import re
from collections import Counter
from pathlib import Path

import sacrebleu
import torch
from _clock import Clock
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, HEADS, INNER, BLOCKS, DROPOUT = 512, 8, 512, 3, 0.1
BATCH, RATE = 128, 1e-4
UNKNOWN, NOTHING, BEGIN, END = range(4)
_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


class Translator(nn.Module):
    """Tables, places, nn.Transformer, and a linear layer.

    Args:
        sources: codes that a source word can have.
        targets: codes that a target word can have.
    """

    def __init__(self, sources: int, targets: int) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(sources, WIDTH), nn.Embedding(targets, WIDTH)
        self.drop = nn.Dropout(DROPOUT)
        self.body = nn.Transformer(WIDTH, HEADS, BLOCKS, BLOCKS, INNER, DROPOUT, batch_first=True)
        self.head = nn.Linear(WIDTH, targets)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.xavier_uniform_(weight)

    def placed(self, rows: Tensor) -> Tensor:
        """Add to each word where it stands."""
        pace = torch.exp(-torch.arange(0, WIDTH, 2) * math.log(10_000) / WIDTH)
        angle = torch.arange(rows.shape[1])[:, None] * pace
        waves = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
        return self.drop(rows * math.sqrt(WIDTH) + waves)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(self.write(y, self.read(x), x == NOTHING))

    def read(self, x: Tensor) -> Tensor:
        """Read sources."""
        nothing = x == NOTHING
        return self.body.encoder(self.placed(self.source(x)), src_key_padding_mask=nothing)

    def write(self, y: Tensor, memory: Tensor, nothing: Tensor) -> Tensor:
        """Say what is known after each word of the targets."""
        ahead = torch.ones(y.shape[1], y.shape[1], dtype=torch.bool).triu(1)
        return self.body.decoder(
            self.placed(self.target(y)),
            memory,
            tgt_mask=ahead,
            tgt_key_padding_mask=y == NOTHING,
            memory_key_padding_mask=nothing,
        )


class Words:
    """Codes of the words of one side.

    Args:
        texts: of the training side.
    """

    def __init__(self, texts: list[str]) -> None:
        counts = Counter(word for text in texts for word in _WORD.findall(text))
        self.names = ["<unk>", "<pad>", "<bos>", "<eos>", *counts]
        self.codes = {name: code for code, name in enumerate(self.names)}

    def tensor(self, texts: list[str]) -> Tensor:
        """Give the codes of texts, each between its beginning and its end."""
        rows = [
            [BEGIN, *(self.codes.get(word, UNKNOWN) for word in _WORD.findall(text)), END]
            for text in texts
        ]
        longest = max(map(len, rows))
        return torch.tensor([row + [NOTHING] * (longest - len(row)) for row in rows])

    def text(self, codes: list[int]) -> str:
        """Put words together."""
        words = " ".join(self.names[code] for code in codes)
        return re.sub(r" ([.,;:!?)])", r"\1", words)


@torch.inference_mode()
def translated(model: Translator, x: Tensor) -> list[list[int]]:
    """Write greedily."""
    model.eval()
    memory, nothing = model.read(x), x == NOTHING
    y = torch.full((len(x), 1), BEGIN)
    for _ in range(x.shape[1] + 5):
        known = model.write(y, memory, nothing)[:, -1]
        y = torch.cat([y, model.head(known).argmax(dim=1, keepdim=True)], dim=1)
        if bool((y == END).any(dim=1).all()):
            break
    rows = [row[1:] for row in y.tolist()]
    return [row[: row.index(END)] if END in row else row for row in rows]


def main() -> None:
    """Train for the seconds, translate the test side, print its scores."""
    clock, options = Clock(), _arguments()
    torch.manual_seed(options.seed)
    sources, targets, asked, wanted = (_read(path) for path in options.files)
    one, other = Words(sources), Words(targets)
    x, y = one.tensor(sources), other.tensor(targets)
    model = Translator(len(one.names), len(other.names))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.98), eps=1e-9)
    steps = 0
    while clock.spent < options.seconds:
        for places in torch.randperm(len(x)).split(BATCH):
            _step(model, optimizer, _used(x[places]), _used(y[places]))
            steps += 1
            if clock.spent >= options.seconds:
                break
    seconds = clock.spent
    found = []
    for start in range(0, len(asked), BATCH):
        rows = translated(model, one.tensor(asked[start : start + BATCH]))
        found += [other.text(row) for row in rows]
    scores = {
        "bleu": sacrebleu.corpus_bleu(found, [wanted]).score,
        "bleu_lowercased": sacrebleu.corpus_bleu(found, [wanted], lowercase=True).score,
        "chrf": sacrebleu.corpus_chrf(found, [wanted]).score,
    }
    print(json.dumps({**scores, "passes": steps * BATCH / len(x), "seconds": seconds}))


def _step(model: Translator, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    model.train()
    optimizer.zero_grad()
    logits = model(x, y[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), y[:, 1:].flatten(), ignore_index=NOTHING)
    loss.backward()
    optimizer.step()


def _used(codes: Tensor) -> Tensor:
    return codes[:, : int((codes != NOTHING).sum(dim=1).max())]


def _read(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().rstrip("\n").split("\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", type=Path, nargs=4, help="sources, targets, and those of the test")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
