"""The command line: each command reads its options and calls one public function.

Results go to standard output, progress and messages to standard error. Exit status: 0 done, 2 the
input was at fault (for `replay`: a decision no longer holds), 130 interrupted with the checkpoint
saved; anything else is a bug.

What is heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import functools
import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

import pellucid
from pellucid import _shell

app = typer.Typer(
    cls=_shell.Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich would take half of the time that --help has
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="A model file.")]
Sources = Annotated[
    list[str], typer.Argument(metavar="DATA...", help="A folder or files of raw data.")
]
Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder or a file of raw data.")]
Files = Annotated[list[str] | None, typer.Argument(metavar="FILE...", help="Raw files.")]
Texts = Annotated[list[str] | None, typer.Option("--text", help="Some words instead of files.")]
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
        _shell.say(pellucid.__version__)
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
def look(  # noqa: PLR0913 - one argument an option
    data: Data,
    *,
    target: Target = None,
    group: Group = None,
    task: Annotated[str | None, typer.Option(help="Such as forecast, for times.")] = None,
    test: Annotated[str | None, typer.Option(help="Test data, to find what leaks.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draw a sheet of examples: a PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is there, what is broken and what leaks."""
    found = pellucid.look(data, target=target, group=group, task=task, test=test)
    if out is not None:
        _shell.save(out, found.sheet())
    _shell.answer(found.to_json() if as_json else str(found))


@app.command()
def fit(  # noqa: PLR0913 - one argument an option
    data: Sources,
    *,
    task: Annotated[str | None, typer.Option(help="Default: read off the data.")] = None,
    target: Target = None,
    group: Group = None,
    network: Annotated[str | None, typer.Option(help="Default: chosen by timing.")] = None,
    valid: Annotated[
        list[str] | None, typer.Option(help="Default: split off DATA. Once for each file of it.")
    ] = None,
    horizon: Annotated[int | None, typer.Option(help="Steps that a forecast shall reach.")] = None,
    past: Annotated[int | None, typer.Option(help="Steps that it may look back at.")] = None,
    unpaired: Annotated[
        list[Path] | None, typer.Option(help="Text of the target language alone, to learn from.")
    ] = None,
    budget: Annotated[str, typer.Option(help="Time for everything: '60 s', '1.5 h'.")] = "10 min",
    memory: Annotated[str | None, typer.Option(help="Memory to keep to: '4 GiB'.")] = None,
    steps: Annotated[int | None, typer.Option(help="Take exactly this many; no clock.")] = None,
    seed: Annotated[int, typer.Option(help="Start of every random choice.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    no_cases: Annotated[
        bool, typer.Option("--no-cases", help="Keep no training examples in the model.")
    ] = False,
    out: Annotated[str | None, typer.Option(help="Default: DATA.pellucid here.")] = None,
    drawn: Annotated[
        Path | None, typer.Option("--watch", help="A PNG that is drawn anew while it learns.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn a model within a budget; stopped by a signal, the same command goes on."""
    from pellucid.showing import Display, summarise
    from pellucid.training.budget import process_started

    path = out or _shell.named_after(data[0])
    with Display(quiet=quiet, drawn=drawn) as watch:
        model = pellucid.fit(
            _shell.one_or_all(data),
            task=task,
            target=target,
            group=group,
            network=network,
            valid=_shell.one_or_all(valid) if valid else None,
            horizon=horizon,
            past=past,
            unpaired=unpaired or None,
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
    _shell.answer(
        summary if as_json else f"{summarise(summary)}\n\n{_shell.saved(path, summary['task'])}"
    )


@app.command()
def evaluate(model: ModelFile, data: Sources, *, as_json: AsJson = False) -> None:
    """Score a model on data that it has not seen, with intervals, beside the guess."""
    result = pellucid.load(model).evaluate(_shell.one_or_all(data))
    _shell.answer(result.to_json() if as_json else str(result))


@app.command()
def predict(  # noqa: PLR0913 - one argument an option
    model: ModelFile,
    files: Files = None,
    *,
    text: Texts = None,
    level: Annotated[float, typer.Option(help="How often the set holds the truth.")] = 0.9,
    why: Annotated[
        bool, typer.Option("--why", help="Explain; with --json: for the record.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Words as they come; a file that grows, or -.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Answer for each file, or each text, in the order given."""
    if stream:
        _shell.listen(pellucid.load(model), files or ["-"], as_json=as_json)
        return
    source = _shell.given(files or [], text or [])
    if why:
        from pellucid.deciding import decisions

        for decision in decisions(pellucid.load(model), source, level=level, path=model):
            _shell.answer(decision.to_json() if as_json else f"{decision}\n", indent=None)
        return
    for answer in pellucid.load(model).predict_many(source, level=level, say=_shell.tell):
        _shell.answer(answer.to_json() if as_json else str(answer), indent=None)


@app.command()
def explain(  # noqa: PLR0913 - one argument an option
    model: ModelFile,
    files: Files = None,
    *,
    text: Texts = None,
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
    source = _shell.given(files or [], text or [])
    found = pellucid.load(model).explain_many(source, answer=answer, method=method)
    kept = found if folder or out is None else _shell.only(found, out)
    for place, each in enumerate(kept, start=1):
        _shell.answer(each.to_json() if as_json else f"{each}\n", indent=None)
        if out is not None:
            name = _shell.page_name(place, each.name)
            _shell.keep(each.explanation, out / name if folder else out)


@app.command()
def generate(  # noqa: PLR0913 - one argument an option
    model: ModelFile,
    *,
    prompt: Annotated[str | None, typer.Option(help="What stands before a text.")] = None,
    length: Annotated[int | None, typer.Option(help="Characters, at most. Default: 400.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 is cautious, 1 as learned. Default: 0.8.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw among so many likeliest.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw among this much chance.")] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="What all shall show. Default: of each some.")
    ] = None,
    between: Annotated[
        tuple[int, int] | None, typer.Option(help="A walk between two samples, by number.")
    ] = None,
    directions: Annotated[
        int | None, typer.Option(help="What changes this sample most, as strips.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Start of every random choice.")] = 0,
    count: Annotated[
        int | None, typer.Option(help="How many. Default: 1 text, 64 pictures.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A file; for pictures .png, .gif, .npz or a folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make more of what was learned: write on from a prompt, or draw new pictures."""
    from pellucid._shell_generate import generate

    options = {
        "prompt": prompt,
        "length": length,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "class": class_,
        "between": between,
        "directions": directions,
        "seed": seed,
        "count": count,
    }
    generate(pellucid.load(model), model, options, out, as_json=as_json)


@app.command()
def translate(
    model: ModelFile,
    *,
    keep: Annotated[
        list[str] | None, typer.Option(help="A name that must not be changed; many times.")
    ] = None,
) -> None:
    """Translate the lines of standard input, in their order, as they come."""
    from pellucid.translating import translate as lines_of

    given = lines_of(pellucid.load(model), _shell.lines(), keep=keep or (), say=_shell.tell)
    for line in given:
        _shell.say(line)


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
    lines = [*_shell.headline(scores, guess), f"Saved {path}"]
    _shell.answer(said if as_json else "\n".join(lines))


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
        _shell.answer(result.to_json() if as_json else str(result), indent=None)
    if not holds:
        raise typer.Exit(_shell.AT_FAULT)


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
        {"name": name, "takes": list(members.takes(name)), "about": _shell.about(members[name])}
        for name in members
    ]
    lines = [f"{entry['name']:12}  {entry['about']}" for entry in entries]
    _shell.answer(entries if as_json else "\n".join(lines))


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
        _shell.save(out, curve(record))
    _shell.answer(record if as_json else describe(record))


if __name__ == "__main__":
    main()
