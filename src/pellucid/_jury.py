"""How much of what was held out there is time to judge by: all of it, or a fair sample.

Idea: a machine that is busy, or a network that is slow to read what was held out, may need longer
for judging than the whole run has. A score on a fair sample has a wider interval; one of a network
that had no time to learn is worth nothing.
"""

SHARE = 0.25  # of the time that is left when training begins, which judging may take at most


class Jury:
    """Decides by how much of the held-out and the test side a network is judged.

    Args:
        seconds: that judging after training may take; infinite where the clock plays no part.

    Attributes:
        share: of those sides that is judged by.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = max(0.0, seconds)
        self.share = 1.0
        self.whole = 0.0  # seconds that a look at all of it took when last measured

    def fitted(self, looking: float, needed: float) -> float:
        """Choose the share anew and give the seconds that one look takes from now on.

        Args:
            looking: seconds that a look took at the share so far.
            needed: looks that judging after training takes as long as.
        """
        self.whole = looking / self.share
        self.share = min(1.0, max(1e-6, self.seconds / max(self.whole * needed, 1e-9)))
        return self.whole * self.share

    def says(self, judged: int, held: int) -> str:
        """Say so if not all that was held out was judged by; "" if it was."""
        if judged == held:
            return ""
        return (
            f"judged by {judged:,} of {held:,} held-out examples, a fair sample: all of them would"
            " have taken too much of the time from learning"
        )
