"""From what the user gave to clips of one form, with their classes or numbers.

Letters: N clips.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import Ask, Examples, Fault, Finding, Schema
from pellucid.data._cache import cache_folder
from pellucid.data._found import Found
from pellucid.data._video_arrays import in_arrays
from pellucid.data._video_cache import MAPPED, Tally, decoded
from pellucid.data._video_clips import Clips, Form
from pellucid.data._video_decoding import probe
from pellucid.data._video_form import Probed, working_form
from pellucid.data._video_refitting import fitted
from pellucid.data._video_sources import found_in
from pellucid.errors import BadInputError

_PROBED = 24  # headers read to learn sizes and numbers of frames


def read_source(source: Any, ask: Ask) -> Examples:
    """Read clips from wherever they are.

    Raises:
        BadInputError: if none can be used, or what the user named is not there.
    """
    if not isinstance(source, str | Path | list):
        return _from_arrays(source, ask)
    found = found_in(source, ask)
    form = _form_of(found, ask) if ask.schema is None else form_of_schema(ask.schema)
    pixels, tally = decoded(found.paths, found.names, _strata(found), form, ask)
    faults = (
        *found.faults,
        *(Fault(name=found.names[place], reason=reason) for place, reason in sorted(tally.faults)),
    )
    if not tally.places:
        raise _nothing(faults)
    return _examples(found, pixels, tally, faults, ask)


def form_of_schema(schema: Schema) -> Form:
    """Give the form that a trained model needs."""
    _, frames, height, width = schema.shape
    return Form(frames=frames, height=height, width=width)


def _from_arrays(source: Any, ask: Ask) -> Examples:
    examples = in_arrays(source)
    raw: Clips = examples.raw
    form = raw.form
    if ask.schema is not None:
        wanted = form_of_schema(ask.schema)
    else:
        probed = [Probed(form.width, form.height, form.frames)]
        wanted = working_form(probed, len(examples), ask.seconds)
    return examples.replace(raw=replace(raw, pixels=fitted(raw, wanted)))


def _form_of(found: Found, ask: Ask) -> Form:
    step = max(1, -(-len(found.paths) // _PROBED))
    probed = [one for path in found.paths[::step] if (one := probe(path)) is not None]
    return working_form(probed, len(found.paths), ask.seconds)


def _examples(
    found: Found, pixels: Any, tally: Tally, faults: Sequence[Fault], ask: Ask
) -> Examples:
    order = np.argsort(np.array(tally.places, np.int64))
    kept = np.array(tally.places, np.int64)[order]
    held = Clips(
        pixels=pixels,
        facts=tally.facts(np.arange(len(order))),
        most=ask.memory // MAPPED,
        folder=cache_folder(ask.cache),
    )
    return Examples(
        kind="video",
        names=[found.names[place] for place in kept.tolist()],
        raw=held if (np.diff(order) == 1).all() else held.take(order),
        target=found.target,
        targets=None if found.targets is None else found.targets[kept],
        groups=None if found.groups is None else found.groups[kept],
        sides=None if found.sides is None else found.sides[kept],
        faults=tuple(faults),
        notes=(*found.notes, *_sampled(len(tally.seen), len(found.paths), ask)),
    )


def _strata(found: Found) -> list[Any]:
    count = len(found.paths)
    sides = [""] * count if found.sides is None else found.sides.tolist()
    if found.targets is None or found.targets.dtype.kind == "f":
        return sides
    return [*zip(sides, found.targets.tolist(), strict=True)]


def _sampled(seen: int, count: int, ask: Ask) -> tuple[Finding, ...]:
    if seen == count:
        return ()
    text = (
        f"{seen:,} of {count:,} clips were decoded in the {ask.reading:.0f} s that reading may"
        " take, the same share of every class; the same command again continues where this one"
        " stopped"
    )
    return (Finding(what="a sample", level="warning", text=text),)


def _nothing(faults: Sequence[Fault]) -> BadInputError:
    shown = "; ".join(f"{fault.name} {fault.reason}" for fault in faults[:3])
    more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
    return BadInputError(
        given=f"none of {len(faults):,} clips can be used: {shown}{more}",
        needed="at least one whole MP4, MKV, WebM, AVI or MOV, or a folder of numbered pictures",
        remedy="play one of them; if that fails too, fetch them again",
    )
