"""From what the user gave to clips of one form, with their classes or numbers.

Letters: N clips.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Schema
from pellucid.data._cache import MAPPED, cache_folder
from pellucid.data._found import Found
from pellucid.data._media_decoded import examples_of, strata
from pellucid.data._video_arrays import in_arrays
from pellucid.data._video_cache import decoded, facts
from pellucid.data._video_clips import Clips, Form
from pellucid.data._video_decoding import probe
from pellucid.data._video_form import Probed, working_form
from pellucid.data._video_refitting import fitted
from pellucid.data._video_sources import MEDIUM, found_in

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
    pixels, tally = decoded(found.paths, found.names, strata(found), form, ask)

    def raw(order: NDArray[np.int64]) -> Clips:
        held = Clips(
            pixels=pixels,
            facts=facts(tally, np.arange(len(order))),
            most=ask.memory // MAPPED,
            folder=cache_folder(ask.cache),
        )
        return held if (np.diff(order) == 1).all() else held.take(order)

    return examples_of("video", MEDIUM, found, tally, ask, raw)


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
