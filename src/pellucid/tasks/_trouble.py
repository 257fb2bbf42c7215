"""When a writer that learns from a critic goes astray, told by its texts of the last steps.

Idea: a writer that has collapsed has few different pairs of tokens in many texts; one that goes
round in a circle has the same pair again and again in one text; a critic that is always right has
nothing left to teach. None of these is seen in a loss.
"""

from typing import Any

from pellucid.tasks import Trouble

COLLAPSED = 0.6  # of what real texts cost one another, below which made ones are too alike
REPEATING = 0.2  # share of texts that repeat themselves, at least, that is trouble,
USUAL = 3.0  # and as many times what real ones do
_EARLY = 0.08  # of the run, in which a writer is still learning the first words
_AGAIN = 0.1  # of the run until trouble is spoken of once more
_VARIOUS = 0.4  # of the different pairs of real texts, below which a writer has collapsed
_WON = 0.97  # of the tokens of which a critic knows where they are from when it has won
_SLOWER = 0.5  # factor on the rate of the part that runs away


def trouble(network: Any, share: float) -> Trouble | None:
    """Tell whether a writer goes astray, and what is done.

    Args:
        network: has buffers `signs` and `told`, as networks/textgan.py explains them.
        share: of the run that is done.
    """
    told = float(network.told)
    if share < _EARLY or (told and share - told < _AGAIN):
        return None
    various, recurring, usual, right = network.signs.tolist()
    found = None
    if various < _VARIOUS:
        found = Trouble(
            sentence=f"the writer is collapsing: its last texts have {various:.0%} of the different"
            " pairs of tokens that as many real ones have; it learns at half its rate from now on",
            balance={"writer": _SLOWER},
        )
    elif recurring > max(2 * REPEATING, USUAL * usual):
        found = Trouble(
            sentence=f"the writer repeats itself: a pair of tokens recurs in {recurring:.0%} of its"
            f" last texts, and in {usual:.0%} of real ones; it learns at half its rate from now on",
            balance={"writer": _SLOWER},
        )
    elif right > _WON:
        found = Trouble(
            sentence=f"the critic has won: it knows of {right:.0%} of the tokens whether they are"
            " real, which leaves the writer little to learn from; the critic learns at half its"
            " rate from now on",
            balance={"critic": _SLOWER},
        )
    if found is not None:
        network.told.fill_(share)
    return found
