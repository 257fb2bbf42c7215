"""Small texts, and networks that tell what comes next in them."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Ask
from pellucid.model import Model
from pellucid.tasks.generate_text import GenerateText

FIRST = 18  # code of the first letter: before it are nothing, the end, and halves of bytes
RHYME = "the cat sat on the mat, the dog sat on the log.\nthe frog is naïve.\n" * 40


class Frequencies(nn.Module):
    """Expects the same, whatever was read; a window of the text is all that it looks at."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x):
        return self.logits.expand(len(x), -1)

    def each(self, x, state=None):
        return self.logits.expand(*x.shape, -1), (x[:, -1:],)


class Follows(nn.Module):
    """Expects, after each code, what a table says: it remembers the last code alone."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Embedding.from_pretrained(table)

    def each(self, x, state=None):
        return self.table(x.long()), (x[:, -1],)

    def step(self, x, state=None):
        return self.table(x.long()), (x,)

    def forward(self, x):
        last = (x != 0).sum(dim=1).clamp(min=1) - 1
        return self.table(x[torch.arange(len(x)), last].long())


class Reader(nn.Module):
    """A recurrent network with random weights; `step` can be taken away."""

    def __init__(self, codes, units=16):
        super().__init__()
        self.rows = nn.Embedding(codes, 8)
        self.cell = nn.GRUCell(8, units)
        self.head = nn.Linear(units, codes)
        nn.init.constant_(self.head.bias[:FIRST], -50.0)

    def step(self, x, state=None):
        state = self.cell(self.rows(x.long()), None if state is None else state[0])
        return self.head(state), (state,)

    def each(self, x, state=None):
        outputs = []
        for token in x.unbind(dim=1):
            output, state = self.step(token, state)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state

    def forward(self, x):
        return self.each(x)[0][:, -1]


class Windowed(nn.Module):
    """The same without a memory that can be carried."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def each(self, x, state=None):
        return self.inner.each(x)

    def forward(self, x):
        return self.inner(x)


def stream_schema(text=RHYME):
    """The schema of a text that is to be continued."""
    kind = registry.kind["text"]()
    examples = kind.read([text], Ask(task="generate_text", whole=True))
    return replace(kind.describe(examples), **GenerateText.describe(None))


def writer(network=None, *, text=RHYME, calibration=None):
    """A model that writes; its network is random unless one is given, as a function of V."""
    torch.manual_seed(0)
    schema = stream_schema(text)
    task = GenerateText(schema)
    made = (network or Reader)(task.outputs)
    return Model(
        network=made.eval(),
        task=task,
        kind=registry.kind["text"](),
        built={"network": "own", "size": 1},
        calibration=calibration or {},
    )


def codes_of(model, text):
    """The codes of a text, (1, T)."""
    return torch.from_numpy(np.asarray(model.kind.steps(text, model.schema)))[None]


def table(*pairs, text=RHYME):
    """Logits that make each letter be followed by another one for sure."""
    kind, schema = registry.kind["text"](), stream_schema(text)
    rows = torch.zeros(schema.cardinalities[0], schema.cardinalities[0])
    for pair in pairs:
        first, second = kind.steps(pair, schema).astype(int)
        rows[first, second] = 50.0
    return rows
