"""The command line: each command reads its options and calls one public function.

Results go to standard output, progress and messages to standard error. Exit status: 0 done, 2 the
input was at fault, 130 interrupted with the checkpoint saved; anything else is a bug.

What is heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import io
import json
import math
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

import pellucid
from pellucid.errors import InterruptedRunError, PellucidError, SavingError

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
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Raw files.")],
    *,
    level: Annotated[float, typer.Option(help="How often the set holds the truth.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Answer for each file, in the order given."""
    for answer in pellucid.load(model).predict_many(files, level=level):
        _answer(answer.to_json() if as_json else str(answer), indent=None)


@app.command(name="list")
def list_(
    what: Annotated[
        Literal["kinds", "tasks", "networks"], typer.Argument(metavar="kinds|tasks|networks")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Name the kinds of data, the tasks or the networks there are."""
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

    record = pellucid.load(model).record
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
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise SavingError(
            given=f"{path} could not be written: {error.strerror}",
            needed="a folder that is there, can be written to and has room",
            remedy="name another file with --out",
        ) from error


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
