"""The page: sections in their order, set by the template and the style beside this file."""

import math
from importlib.resources import files
from pathlib import PurePath

from pellucid.reporting import (
    _answers,
    _made_sections,
    _picked_sections,
    _run_sections,
    _score_sections,
    _why_sections,
)
from pellucid.reporting._blocks import Section
from pellucid.reporting._facts import Facts
from pellucid.reporting._limits import Caveat, limits
from pellucid.reporting._verdict import verdict


def page(facts: Facts) -> str:
    """Set everything that is known as one HTML page."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    caveats = limits(facts)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_file("page.html"))
    return template.render(
        title=_title(facts),
        about=_about(facts),
        verdict=verdict(facts, caveats),
        sections=_sections(facts, caveats),
        style=Markup(_file("page.css")),
        date=facts.part("machine").get("date", ""),
    )


def _sections(facts: Facts, caveats: list[Caveat]) -> list[Section]:
    found = [
        _run_sections.asked(facts),
        _run_sections.data(facts),
        _run_sections.choice(facts),
        _run_sections.curve(facts),
        _made_sections.making(facts),
        _score_sections.scores(facts),
        _made_sections.likeness(facts),
        _score_sections.calibration(facts),
        _score_sections.confusion(facts),
        _answers.answers(facts),
        _why_sections.mistakes(facts),
        _picked_sections.picked(facts),
        _why_sections.reliance(facts),
        _score_sections.groups(facts),
        _why_sections.suspects(facts),
        _why_sections.trust(facts),
        _why_sections.limits(caveats),
        _run_sections.repeat(facts),
    ]
    return [section for section in found if section is not None]


def _title(facts: Facts) -> str:
    saved = facts.summary.get("model")
    return f"Report on {PurePath(saved).name}" if saved else "Report on a model"


def _about(facts: Facts) -> str:
    summary, built = facts.summary, facts.model.built
    target = summary.get("target") or facts.model.schema.target
    words = [
        f"{facts.model.task.name.replace('_', ' ')} {target}".rstrip(),
        facts.model.schema.kind,
        " ".join(str(value) for value in built.values()),
    ]
    if summary.get("n_train"):
        words.append(f"{summary['n_train']:,} training examples")
    seconds = summary.get("seconds")
    if seconds and math.isfinite(seconds):
        words.append(f"made in {_run_sections.duration(seconds)}")
    return " · ".join(words)


def _file(name: str) -> str:
    return files("pellucid.reporting").joinpath(name).read_text(encoding="utf-8")
