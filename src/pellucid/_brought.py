"""What answers without a source brought, in figures and in words."""

import math
from dataclasses import dataclass


@dataclass(kw_only=True)
class Brought:
    """What was made, and what it brought.

    Args:
        given: answers without a source that were given.
        usable: those of them that can be learned from: whole, not among the examples, and no more
            than are needed.
        made: examples that were made of them.
        turned: main score of the network that made their sources, on what was held out.
        without: main score of the network that learned from the given examples alone.
        with_made: main score of the one that learned from the made ones, too, in the same time.
        together: main score of both together.
        low: lower end of the 95 % interval of the difference.
        high: upper end.
        answers: which answers: "without", "with" or "together".
    """

    given: int
    usable: int
    made: int = 0
    turned: float = math.nan
    without: float = math.nan
    with_made: float = math.nan
    together: float = math.nan
    low: float = math.nan
    high: float = math.nan
    answers: str = "without"

    @property
    def said(self) -> str:
        """Say what was read."""
        text = f"{self.given:,} unpaired answers"
        if self.usable == self.given:
            return text
        return (
            f"{text}, of which {self.usable:,} can be learned from: the others are known already,"
            " too long, or more than are needed"
        )

    def told(self, metric: str, steps: int | None) -> str:
        """Say what was made and what it brought.

        Args:
            metric: name of the main score.
            steps: that each network took; None for equal time.
        """
        if not self.made:
            return (
                "no example could be made from unpaired answers in the time there was: give a"
                " longer --budget"
            )
        which = {
            "without": "the network without them answers",
            "with": "the network with them answers",
            "together": f"both together have {self.together:.1f} and answer",
        }[self.answers]
        fair = "In equal time (half of the budget each, the making included)"
        if steps is not None:
            fair = f"In {steps:,} steps each"
        return (
            f"{self.made:,} examples were made from unpaired answers, by a network that reaches"
            f" {self.turned:.1f} {metric} the other way round. {fair} {metric} on what was held out"
            f" is {self.with_made:.1f} with them and {self.without:.1f} without: they brought"
            f" {self.with_made - self.without:+.1f} ({self.low:+.1f} to {self.high:+.1f}); {which}"
        )
