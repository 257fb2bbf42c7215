"""An explanation as HTML: a page of its own that needs nothing else, or a piece of a notebook.

Every word that comes from data is escaped; the page may load nothing but the picture and the sound
that it holds.
"""

import base64
from collections.abc import Sequence
from html import escape

from pellucid.explaining._evidence import Explanation, Neighbour, Part
from pellucid.explaining._showing import (
    STRONGEST,
    account,
    aside,
    changed,
    clean,
    heading,
    instead,
    length,
    place_of,
    pushes,
    rest,
    score,
    signed,
    strongest,
    verdict,
)

_STYLE = """
.pellucid-why { --for: #e2711d; --against: #2868ac; --line: #88889944; --good: #2c8a57;
  --poor: #b3362b;
  max-width: 46rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
.pellucid-why h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
.pellucid-why h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.pellucid-why p { margin: .4rem 0; }
.pellucid-why .verdict { border-left: .3rem solid var(--poor); padding: .1rem 0 .1rem .8rem; }
.pellucid-why .reliable { border-color: var(--good); }
.pellucid-why img { display: block; max-width: 100%; height: auto; margin: 1rem 0 0;
  background: #fff; border-radius: .5rem; }
.pellucid-why audio { display: block; width: 100%; margin: .6rem 0 0; }
.pellucid-why .wide { overflow-x: auto; }
.pellucid-why table { border-collapse: collapse; width: 100%; margin: .3rem 0; }
.pellucid-why th, .pellucid-why td { text-align: left; vertical-align: top; font-weight: normal;
  padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); background: none; }
.pellucid-why thead th { font-weight: 600; }
.pellucid-why tbody th { overflow-wrap: anywhere; }
.pellucid-why .number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.pellucid-why .push { white-space: nowrap; }
.pellucid-why .bar { width: 30%; min-width: 5rem; vertical-align: middle; }
.pellucid-why .bar span { display: block; height: .8rem; min-width: 1px; background: var(--for);
  border-radius: .1rem; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.pellucid-why .bar .against { background: repeating-linear-gradient(135deg,
  var(--against) 0 3px, transparent 3px 6px); }
.pellucid-why summary { cursor: pointer; margin: .6rem 0; }
.pellucid-why ul { margin: .3rem 0; padding-left: 1.2rem; }
"""
_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 1.5rem 1.1rem 3rem; background: #fff; color: #2b3440; }
.pellucid-why { margin: 0 auto; }
footer { margin-top: 2.5rem; font-size: .9rem; color: #5b6675; }
@media (prefers-color-scheme: dark) {
  body { background: #14181d; color: #e6e9ee; }
  .pellucid-why { --for: #f0924a; --against: #7db6ee; --good: #5cc28b; --poor: #ef8379; }
  footer { color: #a3adba; }
}
@media print { body { padding: 0; } details::details-content { content-visibility: visible;
  block-size: auto; } }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; media-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main class="pellucid-why">
{body}
<footer>Shares speak for the answer where the bar is full and against it where it is hatched. An
explanation that is not reliable must not be taken for the reasons of the network.</footer>
</main>
</body>
</html>
"""


def page(why: Explanation) -> str:
    """Give one page that needs no other file and no network."""
    body = [
        f"<h1>{_words(str(why.answer))}</h1><p>{_words(why.name)}</p>",
        _verdict(why),
        _picture(why),
        _sound(why),
        _shares(why, whole=True),
        _neighbours(why.neighbours),
        _contrast(why),
        _measured(why),
        _notes(why),
    ]
    title = _words(f"{why.name}: {why.answer}")
    return _PAGE.format(title=title, style=_STYLE + _PAGE_STYLE, body="\n".join(filter(None, body)))


def fragment(why: Explanation) -> str:
    """Give what a notebook shows: the answer, how reliable, the picture, the strongest parts."""
    body = [
        f"<p><strong>{_words(str(why.answer))}</strong> {_words(why.name)}</p>",
        _verdict(why),
        _picture(why),
        _sound(why),
        _shares(why, whole=False),
        _notes(why),
    ]
    return f'<style>{_STYLE}</style><div class="pellucid-why">{"".join(filter(None, body))}</div>'


def _verdict(why: Explanation) -> str:
    style = "verdict reliable" if why.reliable else "verdict"
    head, _, tail = verdict(why).partition(":")
    others = "".join(f"<p>{_words(sentence)}</p>" for sentence in [score(why), *aside(why)])
    return f'<div class="{style}"><p><strong>{head}:</strong>{_words(tail)}</p>{others}</div>'


def _picture(why: Explanation) -> str:
    if not why.picture:
        return ""
    most = ", ".join(part.name for part in strongest(why.parts)[:3] if part.share > 0) or "none"
    told = f"{why.name}, each part coloured by its share; most speak for the answer: {most}"
    data = base64.b64encode(why.picture).decode("ascii")
    return f'<img alt="{_words(told)}" src="data:image/png;base64,{data}">'


def _sound(why: Explanation) -> str:
    if not why.sound:
        return ""
    data = base64.b64encode(why.sound).decode("ascii")
    told = _words(f"{why.name}, to be heard")
    return f'<audio controls aria-label="{told}" src="data:audio/wav;base64,{data}"></audio>'


def _shares(why: Explanation, *, whole: bool) -> str:
    shown = strongest(why.parts)
    if not whole:
        others = "".join(f"<p>{_words(line.strip())}</p>" for line in rest(why))
        return f"<p>{_words(heading(why))}</p>{_table(why.parts, shown)}{others}"
    placed = any(part.where != part.name for part in why.parts)
    table = _table(why.parts, shown, placed=placed)
    told = f"<h2>Parts</h2><p>{_words(heading(why))}</p>{table}"
    if len(why.parts) > STRONGEST:
        told += (
            f"<details><summary>All {len(why.parts)} parts, the largest share first</summary>"
            f"{_table(why.parts, why.parts, placed=placed)}</details>"
        )
    return told


def _table(everything: Sequence[Part], shown: Sequence[Part], *, placed: bool = False) -> str:
    """Set some of the parts as rows, with where they are if that is wanted."""
    head = ["part", "share", "", *(["where"] if placed else [])]
    rows = []
    for part, share in zip(shown, signed([part.share for part in shown]), strict=True):
        style = "for" if part.share > 0 else "against"
        wide = 100 * length(part.share, everything)
        bar = f'<span class="{style}" style="width:{wide:.1f}%"></span>' if wide else ""
        rows.append(
            f'<th scope="row">{_words(part.name)}</th><td class="number">{share}</td>'
            f'<td class="bar" aria-hidden="true">{bar}</td>'
            + (f"<td>{_words(place_of(part.where))}</td>" if placed else "")
        )
    return _grid(head, rows, "Parts and their shares")


def _neighbours(neighbours: Sequence[Neighbour]) -> str:
    if not neighbours:
        return ""
    rows = [
        f'<th scope="row">{_words(one.name)}</th><td>{_words(one.target)}</td>'
        f'<td class="push">{pushes(one)}</td><td class="number">{one.similarity:.2f}</td>'
        for one in neighbours
    ]
    head = ["example", "its answer", "speaks", "alike"]
    about = (
        "<p>Those that the network finds most alike (1 is equal), and those that speak most for "
        "and against this answer, as a share of the strongest push of any stored example.</p>"
    )
    return f"<h2>Training examples</h2>{about}{_grid(head, rows, 'Training examples')}"


def _contrast(why: Explanation) -> str:
    if why.contrast is None:
        return ""
    sentence = instead(why.contrast)[0]
    changes = "".join(f"<li>{_words(changed(one))}</li>" for one in why.contrast.changes)
    return f"<h2>What would change it</h2><p>{_words(sentence)}</p>" + (
        f"<ul>{changes}</ul>" if changes else ""
    )


def _measured(why: Explanation) -> str:
    checks = why.faithfulness.checks
    rows = [
        f'<th scope="row">{_words(name.replace("_", " "))}</th><td class="number">{value:.3f}</td>'
        for name, value in checks.items()
    ]
    table = _grid(["check", "measured"], rows, "What was measured") if rows else ""
    return f"<h2>How it was measured</h2><p>{_words(account(why))}</p>{table}"


def _notes(why: Explanation) -> str:
    return "".join(f"<p>Note: {_words(note)}</p>" for note in why.notes)


def _grid(head: Sequence[str], rows: Sequence[str], label: str) -> str:
    """Set rows as a table that can be moved sideways by keyboard where the screen is narrow."""
    numbers = {"share", "alike", "measured"}
    cells = "".join(
        f'<th scope="col"{" class=number" if word in numbers else ""}>{word}</th>'
        if word
        else '<td aria-hidden="true"></td>'
        for word in head
    )
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{label}"><table>'
        f"<thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _words(given: str) -> str:
    return escape(clean(given))
