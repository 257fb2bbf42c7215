"""A small decoder transformer in nanoGPT's documented setting for a CPU, run for given seconds.

Network: 4 layers, 4 heads, 128 wide, context 64, no dropout, no biases, learned places, tied
tables, GELU. Learning: batches of 12 random crops, AdamW at 1e-3 with beta2 0.99 and decay 0.1 on
matrices, 100 steps of warm-up, cosine down to 1e-4, gradients cut to norm 1.

Departs: 2,000 steps are the recipe's; more fit into the time, so the cosine ends where the time
does. Judged with at least 48 characters before each judged one (the recipe's own blocks of 64 give
1 to 63), which is in its favour.
Source: karpathy/nanoGPT, README and config/train_shakespeare_char.py (written anew from the
description).
"""

import math

import torch
from _characters import arguments, read, tell, train
from _clock import Clock
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
WARM, LOWEST, JUDGED = 100, 0.1, 16


class Block(nn.Module):
    """Attention to what came before, then a perceptron, each added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerNorm(WIDTH, bias=False)
        self.mixing = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.joining = nn.Linear(WIDTH, WIDTH, bias=False)
        self.second = nn.LayerNorm(WIDTH, bias=False)
        self.widening = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.narrowing = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, _ = x.shape
        parts = self.mixing(self.first(x)).view(batch, steps, 3, HEADS, WIDTH // HEADS)
        question, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(question, key, value, is_causal=True)
        x = x + self.joining(seen.transpose(1, 2).reshape(batch, steps, WIDTH))
        return x + self.narrowing(F.gelu(self.widening(self.second(x))))


class GPT(nn.Module):
    """The decoder; gives logits after each step.

    Args:
        codes: characters there are.
    """

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.rows = nn.Embedding(codes, WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.last = nn.LayerNorm(WIDTH, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                into_stream = name.endswith(("joining.weight", "narrowing.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) ** into_stream)

    def forward(self, x: Tensor) -> Tensor:
        h = self.rows(x) + self.places.weight[: x.shape[1]]
        return F.linear(self.last(self.blocks(h)), self.rows.weight)


@torch.inference_mode()
def judge(model: GPT, test: Tensor) -> float:
    """Give nats per character: only the last 16 of each window of 64, windows 16 apart."""
    model.eval()
    windows = test.unfold(0, CONTEXT + 1, JUDGED)
    total = 0.0
    for part in windows.split(256):
        logits = model(part[:, :-1])[:, -JUDGED:]
        wanted = part[:, -JUDGED:]
        total += float(F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum"))
    return total / (len(windows) * JUDGED)


def main() -> None:
    """Train for the seconds; print the test loss."""
    clock, options = Clock(), arguments(__doc__)
    torch.manual_seed(options.seed)
    text = read(options.train, options.test)
    model = GPT(text.codes)
    groups = [
        {"params": [w for w in model.parameters() if w.ndim == 2], "weight_decay": 0.1},
        {"params": [w for w in model.parameters() if w.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))

    def loss() -> Tensor:
        at = torch.randint(len(text.train) - CONTEXT, (BATCH, 1))
        crops = text.train[at + torch.arange(CONTEXT + 1)]
        logits = model(crops[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), crops[:, 1:].flatten())

    def rate(steps: int, share: float) -> float:
        falling = LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * min(1.0, share))) / 2
        return min(1.0, (steps + 1) / WARM) * falling

    steps = train(model, loss, optimizer, options, clock, rate=rate)
    seconds = clock.spent
    tell(judge(model, text.test), steps, seconds)


if __name__ == "__main__":
    main()
