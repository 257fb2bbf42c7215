"""One file is one architecture: plain torch, numbers in, numbers out.

A network is a `torch.nn.Module` whose `forward` takes x, (B, *schema.shape) float32, and gives
outputs, (B, K). In training mode it may give (B, M, K) instead: M members that are judged one by
one and averaged in eval mode. It knows tensors only: no data, no task.

The end of the file holds its builder:

    @network("name", takes=["image"])
    @recipe(Recipe(sizes=3, passes=5, batch=256, rate=1e-3))
    def build(schema: Schema, outputs: int, *, size: int) -> nn.Module: ...

`size` runs from 1 (fits a budget of seconds) upward, each size dearer than the one before. The
recipe says how the network likes to learn; the loop reads it, so no list elsewhere does.

For text, x holds codes of tokens, (B, T) with T as long as the longest of the batch and at most
`schema.shape[0]`; code 0 is nothing, and follows the end of a shorter text. For series, x is
(B, T, C), scaled, the variables that are asked for (`schema.variables`) first, then those known up
to now (`schema.lagging` of them), then those known ahead; 0 stands for a value that is missing,
too.
Where each series has its own scale (`schema.own_scale`), decorate the builder with `own_scale` from
`_own_scale.py`, and the network need not know of it.

A network that remembers offers, beside `forward`,

    each(x, state=None) -> (outputs (B, T, K) after every step, state)
    step(x_t, state=None) -> (outputs (B, K), state)

where `state` is a tuple of tensors, (B, …) each, and None is the memory of nothing; pushing steps
one by one gives what `each` gives at once. Where `schema.ahead` is not 0 they look back only, and
`forward` is the last of `each`.

A network that makes examples from noise (`schema.latent`) offers

    make(z, y=None) -> x        z (B, latent); y (B,), the class of each, -1 where none is asked for
    eye                         an `Eye` (see _eye.py), in whose features what is made is compared
    sort(batches, seed)         if it wants to see some training examples, a few x at a time, before
                                it learns

and one whose parts are learned in turn, each on a loss of its own, offers

    turns() -> modules by name, in the order in which they take their step
    turn(name, x, y) -> the loss of one of them on one batch, (B,) float32
    settle() -> None            after each whole step: averages of weights, counts

All chance in them comes from torch's own generator, and what they remember lies in buffers, so that
a run that is resumed goes on as one that was never stopped.

A network whose outputs cost much, such as whole sentences, offers `noticed(x) -> (B, E)`: what it
sees of an example as a whole, by which like examples are found.

A module whose products gain from half width on a CPU says so by a class attribute
`half_width = True`; convolutions need not.

A module whose hidden matrices are no linear layers of its own names them by an attribute
`matrices`: the name of each weight, and how many matrices stand on one another in it. Muon changes
them, where the recipe asks for it.

A module of which several can be said in fewer weights offers `joined(members)`, a static method:
modules whose mean gives what the mean of the members gives, in eval mode.

For sound, x holds samples, (B, T), at `schema.rate`; exactly 0 is nothing and follows the end of a
shorter recording. Where what was said is asked (`schema.tokens`), outputs are (B, F, K): a row for
each frame of 20 ms (`FRAME`), the first output being "nothing new"; frames behind the end of a
recording say nothing and are sure of it, so that they change no loss and no answer.

For tables, x holds one column each, a number already standardised or the code of a category from 0
to cardinality - 1 (`schema.cardinalities`), 0 being "never seen in training or missing".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pellucid.data import Schema

Builder = TypeVar("Builder", bound=Callable[..., object])

MEMBERS = 8  # networks of a committee at most: answering takes as many times as long
FRAME = 0.02  # seconds from one answer of a network for transcripts to the next
REFERENCE = 50_000  # examples; the size of data set for which a recipe's passes are meant


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a network likes to learn; what is measured on the day goes before.

    Args:
        sizes: number of sizes the builder offers, from 1 up.
        passes: a larger size is chosen only if the budget lets it see every one of 50,000 examples
            this often; see `wanted` for fewer and more examples.
        most: passes beyond which more were found not to help, as a multiple of `passes`.
        batch: examples a step.
        rate: peak learning rate of AdamW, per step.
        muon: peak learning rate of Muon for hidden matrices and convolutions; 0 for AdamW there.
        decay: decoupled weight decay.
        smoothing: label smoothing at the start of training, for tasks that have labels; it falls
            to zero in a straight line, so that the outputs end honest.
        hardest: share of the examples, those with the largest last loss, that a pass after the
            first keeps; 1 for all.
        beta1: share of the last mean gradient that AdamW keeps at a step.
        beta2: share of the last mean squared gradient that it keeps.
        clip: norm above which the gradient of a step is shortened to it; 0 for never.
        ahead: whether it can be asked what comes next (`schema.ahead`): True if that alone, False
            if only about x itself, None for both.
        alike: whether the examples of a step are of like lengths, where they have lengths.
        makes: whether it makes examples from noise (`schema.latent`).
        contender: False for a network that is there to be beaten and never chosen by itself.
        says: whether it answers after every frame of a recording (see above), for transcripts.
    """

    sizes: int = 1
    passes: float = 5.0
    most: float = math.inf
    batch: int = 256
    rate: float = 1e-3
    muon: float = 0.0
    decay: float = 0.0
    smoothing: float = 0.0
    hardest: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.95
    clip: float = 0.0
    ahead: bool | None = False
    alike: bool = True
    makes: bool = False
    contender: bool = True
    says: bool = False

    def wanted(self, examples: int) -> float:
        """Give the passes that this many examples want.

        Fewer examples are seen more often, by the square root: between the same number of passes
        and the same number of steps.
        """
        return self.passes * math.sqrt(REFERENCE / examples)


def recipe(how: Recipe | Callable[[Schema], Recipe]) -> Callable[[Builder], Builder]:
    """Decorate a builder with the way its network likes to learn.

    Args:
        how: the recipe; or what gives it for a schema, where going on with a text is learned
            otherwise than telling classes of text apart. Sizes are the same for all of them.
    """

    def keep(builder: Builder) -> Builder:
        builder.recipe = how  # type: ignore[attr-defined]
        return builder

    return keep


def recipe_of(builder: object, schema: Schema) -> Recipe:
    """Give a builder's recipe, or a cautious one for a builder (or a module) that has none."""
    how: Recipe | Callable[[Schema], Recipe] = getattr(builder, "recipe", Recipe())
    return how if isinstance(how, Recipe) else how(schema)


def answers(how: Recipe, schema: Schema) -> bool:
    """Tell whether a network of this recipe answers what this schema asks."""
    return (
        how.ahead in (None, schema.ahead != 0)
        and how.makes == (schema.latent > 0)
        and how.says == bool(schema.tokens)
    )
