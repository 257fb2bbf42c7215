"""A model and its examples as one page that needs nothing else.

    Model + examples ──gather──▶ Facts ──▶ sections ──template──▶ one HTML file

Everything is gathered once (`_facts.py`), told as sections of blocks (`_run_sections.py`,
`_score_sections.py`, `_why_sections.py`), and drawn by a template that knows blocks alone. Nothing
here asks which kind of data or task it is: a section shows what is there, and says why where there
is nothing. The page runs no script and fetches nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.model import Model

__all__ = ["report"]


def report(
    model: "Model",
    examples: Any = None,
    *,
    source: str = "",
    command: str = "",
    seconds: float | None = None,
) -> str:
    """Give one HTML page that says what a model can do, why, and where it must not be used.

    Args:
        model: that is reported on.
        examples: that it has not seen, raw or read with its schema; None to use the held-out
            examples that it has stored, if any.
        source: where the examples come from, in words; a path says it itself.
        command: that asks for this page.
        seconds: for explaining; None for as much as keeps the whole within about a sixteenth of
            what training took, and one second at least.

    Raises:
        BadInputError: if the examples cannot be used.
    """
    from pellucid.reporting._facts import Asked, gather
    from pellucid.reporting._page import page

    where = source or (str(examples) if isinstance(examples, str | Path) else "")
    return page(gather(model, examples, Asked(source=where, command=command, seconds=seconds)))
