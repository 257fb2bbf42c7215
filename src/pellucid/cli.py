"""The command line: each command reads its options and calls one public function.

Results go to standard output, progress and messages to standard error. Exit status: 0 done, 2 the
input was at fault (for `replay`: a decision no longer holds), 130 interrupted with the checkpoint
saved; anything else is a bug.

What is heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import contextlib
import functools
import io
import itertools
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

import pellucid
from pellucid.errors import BadInputError, InterruptedRunError, PellucidError

_INTERRUPTED = 130
_AT_FAULT = 2


class _Commands(TyperGroup):
    """Turns what a user can meet into a sentence and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (InterruptedRunError, KeyboardInterrupt) as stop:
            _tell(f"pellucid: {str(stop) or 'interrupted'}")
            raise SystemExit(_INTERRUPTED) from None
        except PellucidError as error:
            _tell(f"pellucid: {error}")
            raise SystemExit(_AT_FAULT) from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich would take half of the time that --help has
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="A model file.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder or a file of raw data.")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Raw files.")]
Target = Annotated[str | None, typer.Option(help="The column that holds the answer.")]
Group = Annotated[str | None, typer.Option(help="The column whose equal values stay together.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status.

    Args:
        arguments: what stands behind `pellucid`; None for those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name may be no valid text
    app(args=arguments, prog_name="pellucid")


def _version(wanted: bool) -> bool:
    if wanted:
        _print(pellucid.__version__)
        raise typer.Exit
    return wanted


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Raw data in; a network, learned within the time you allow; out, a model that says why."""
    del version


@app.command()
def look(
    data: Data,
    *,
    target: Target = None,
    group: Group = None,
    test: Annotated[str | None, typer.Option(help="Test data, to find what leaks.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draw a sheet of examples: a PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is there, what is broken and what leaks."""
    found = pellucid.look(data, target=target, group=group, test=test)
    if out is not None:
        _save(out, found.sheet())
    _answer(found.to_json() if as_json else str(found))


@app.command()
def fit(  # noqa: PLR0913 - one argument an option
    data: Data,
    *,
    task: Annotated[str | None, typer.Option(help="Default: read off the data.")] = None,
    target: Target = None,
    group: Group = None,
    network: Annotated[str | None, typer.Option(help="Default: chosen by timing.")] = None,
    valid: Annotated[str | None, typer.Option(help="Default: split off DATA.")] = None,
    budget: Annotated[str, typer.Option(help="Time for everything: '60 s', '1.5 h'.")] = "10 min",
    memory: Annotated[str | None, typer.Option(help="Memory to keep to: '4 GiB'.")] = None,
    steps: Annotated[int | None, typer.Option(help="Take exactly this many; no clock.")] = None,
    seed: Annotated[int, typer.Option(help="Start of every random choice.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    no_cases: Annotated[
        bool, typer.Option("--no-cases", help="Keep no training examples in the model.")
    ] = False,
    out: Annotated[str | None, typer.Option(help="Default: DATA.pellucid here.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn a model within a budget; stopped by a signal, the same command goes on."""
    from pellucid.showing import Display, summarise
    from pellucid.training.budget import process_started

    path = out or _named_after(data)
    with Display(quiet=quiet) as watch:
        model = pellucid.fit(
            data,
            task=task,
            target=target,
            group=group,
            network=network,
            valid=valid,
            budget=budget,
            memory=memory,
            steps=steps,
            seed=seed,
            device=device,
            cases=not no_cases,
            out=path,
            watch=watch,
            started=process_started(),
        )
    summary = model.record["summary"]
    _answer(summary if as_json else f"{summarise(summary)}\n\n{_saved(path)}")


@app.command()
def evaluate(model: ModelFile, data: Data, *, as_json: AsJson = False) -> None:
    """Score a model on data that it has not seen, with intervals, beside the guess."""
    result = pellucid.load(model).evaluate(data)
    _answer(result.to_json() if as_json else str(result))


@app.command()
def predict(
    model: ModelFile,
    files: Files,
    *,
    level: Annotated[float, typer.Option(help="How often the set holds the truth.")] = 0.9,
    why: Annotated[
        bool, typer.Option("--why", help="Explain; with --json: for the record.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Answer for each file, in the order given."""
    if why:
        from pellucid.deciding import decisions

        for decision in decisions(pellucid.load(model), files, level=level, path=model):
            _answer(decision.to_json() if as_json else f"{decision}\n", indent=None)
        return
    for answer in pellucid.load(model).predict_many(files, level=level):
        _answer(answer.to_json() if as_json else str(answer), indent=None)


@app.command()
def explain(
    model: ModelFile,
    files: Files,
    *,
    answer: Annotated[str | None, typer.Option(help="Default: the one that is given.")] = None,
    method: Annotated[str | None, typer.Option(help="Default: the best on this model.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .html, .png or .json; for several files a folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why the model answers so, part by part, and how far that can be trusted."""
    from pellucid.explaining._showing import form_of

    folder = out is not None and (out.is_dir() or not out.suffix)
    if out is not None and not folder:
        form_of(out)  # refused before the work
    found = pellucid.load(model).explain_many(files, answer=answer, method=method)
    for place, each in enumerate(found if folder or out is None else _only(found, out), start=1):
        _answer(each.to_json() if as_json else f"{each}\n", indent=None)
        if out is not None:
            _keep(each.explanation, out / _page_name(place, each.name) if folder else out)


@app.command()
def report(
    model: ModelFile,
    *,
    data: Annotated[str | None, typer.Option(help="Data to score on. Default: held out.")] = None,
    out: Annotated[str | None, typer.Option(help="Default: MODEL.html here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the whole account of a model as one HTML page."""
    path = out or f"{Path(model).stem}.html"
    known = pellucid.load(model)
    words = ["pellucid", "report", model, *(["--data", data] if data else []), "--out", path]
    known.report(path, data, command=shlex.join(words))
    summary = known.record.get("summary", {})
    scores, guess = summary.get("scores", {}), summary.get("guess", {})
    said = {"report": path, "scores": scores, "guess": guess}
    _answer(said if as_json else "\n".join([*_headline(scores, guess), f"Saved {path}"]))


@app.command()
def replay(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="From predict --why --json.")],
    *,
    model: Annotated[str | None, typer.Option(help="Default: where the record says.")] = None,
    data: Annotated[str | None, typer.Option(help="Default: where the record says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Repeat decisions on record; status 2 if one of them no longer holds."""
    from pellucid import _records, deciding

    holds = True
    load = functools.cache(pellucid.load)
    for each in _records.read(record):
        path = model or _records.model_path(each)
        result = deciding.replay(each, load(path), source=data, path=path)
        holds = holds and result.holds
        _answer(result.to_json() if as_json else str(result), indent=None)
    if not holds:
        raise typer.Exit(_AT_FAULT)


@app.command(name="list")
def list_(
    what: Annotated[
        Literal["kinds", "tasks", "networks", "explainers"],
        typer.Argument(metavar="kinds|tasks|networks|explainers"),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Name the kinds of data, the tasks, the networks or the explainers there are."""
    from pellucid import registry

    members = getattr(registry, what.removesuffix("s"))
    entries = [
        {"name": name, "takes": list(members.takes(name)), "about": _about(members[name])}
        for name in members
    ]
    lines = [f"{entry['name']:12}  {entry['about']}" for entry in entries]
    _answer(entries if as_json else "\n".join(lines))


@app.command()
def show(
    model: ModelFile,
    *,
    out: Annotated[Path | None, typer.Option(help="Draw the curve of the run: a PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the record of a run: data, choices, clock, scores."""
    from pellucid.showing import curve, describe

    found = pellucid.load(model)
    record = {**found.record, **({"trust": dict(found.trust)} if found.trust else {})}
    if out is not None:
        _save(out, curve(record))
    _answer(record if as_json else describe(record))


def _answer(given: Any, *, indent: int | None = 2) -> None:
    """Print a text as it is, and anything else as JSON."""
    if isinstance(given, str):
        _print(given)
    else:
        _print(json.dumps(_plain(given), indent=indent, allow_nan=False))


def _plain(given: Any) -> Any:
    """Put null where a number is not finite: JSON has no other word for it."""
    if isinstance(given, Mapping):
        return {key: _plain(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_plain(value) for value in given]
    return None if isinstance(given, float) and not math.isfinite(given) else given


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read has read enough; without this the exit would try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _save(path: Path, picture: bytes) -> None:
    from pellucid._archive import write_plain

    write_plain(path, picture)


def _keep(explanation: Any, path: Path) -> None:
    """Save one explanation; an example that could not be used has none."""
    from pellucid.data import Fault

    if isinstance(explanation, Fault):
        return
    with contextlib.suppress(OSError):  # what is wrong with the folder is said when saving
        path.parent.mkdir(parents=True, exist_ok=True)
    explanation.save(path)
    _tell(f"Saved {path}")


def _only(found: Iterator[Any], out: Path) -> list[Any]:
    """Give the only one there is: a file holds one explanation."""
    first = list(itertools.islice(found, 2))
    if len(first) > 1:
        raise BadInputError(
            given=f"several examples, to be explained in one file {str(out)!r}",
            needed="a folder, which gets a page for each",
            remedy=f"`--out {shlex.quote(str(out.with_suffix('')))}`",
        )
    return first


def _page_name(place: int, name: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", Path(name).name).strip("-.")[:80]
    return f"{place:04}-{plain or 'example'}.html"


def _headline(scores: Mapping[str, Any], guess: Mapping[str, Any]) -> list[str]:
    """Say the main score on one line."""
    from pellucid._grid import figure

    for name, score in scores.items():
        low, high = figure(score.get("low")), figure(score.get("high"))
        told = f"{name.replace('_', ' ')} {figure(score['value'])} ({low} to {high}) held out"
        return [f"{told}; a guess reaches {figure(guess.get(name))}"]
    return []


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _named_after(data: str) -> str:
    path = Path(data).resolve()
    return f"{path.name if path.is_dir() else path.name.split('.')[0] or path.name}.pellucid"


def _saved(path: str) -> str:
    return f"Saved {path}; try: pellucid predict {shlex.quote(path)} FILE"


def _about(member: Any) -> str:
    module = sys.modules[member.__module__]
    return (module.__doc__ or "").strip().partition("\n")[0]


if __name__ == "__main__":
    main()
