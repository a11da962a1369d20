"""``rdbench codecs``: the codecs, and what each of them takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdbench.cli.console import say, show
from rdbench.cli.findings import Findings
from rdbench.cli.options import a_path
from rdbench.errors import MissingBackendError, RdbenchError, file_notes
from rdbench.schema import point_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rdbench.codecs.base import Axis, Codec, Option
    from rdbench.runner.doctor import Diagnosis

app = typer.Typer(help="List codecs, and show their parameters and options.", no_args_is_help=True)


@app.command("list")
def list_codecs() -> None:
    """List all codecs by name, without loading any of them."""
    from rdbench.codecs import registry

    entries = registry.entries()
    width = max(map(len, entries))
    for name, entry in sorted(entries.items()):
        say(f"{name:{width}}  {entry.summary}")


@app.command("doctor")
def doctor(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Codecs; NAME may be FILE.py:Class or FILE.toml."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Worker processes. [default: the cores that this process may use]"),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time limit for one codec.")
    ] = 120.0,
) -> None:
    """Show which codecs work on this machine, with version, path, and one photograph coded and
    decoded; and what to install for the others. The exit status is 1 if an installed codec fails,
    or if a codec that was named is missing.
    """
    from rdbench.codecs import registry
    from rdbench.runner import Limits, LocalPool
    from rdbench.runner.doctor import diagnose

    asked = list(dict.fromkeys(names or sorted(registry.entries())))
    findings = Findings(asked)
    there: dict[str, Diagnosis] = {}
    waiting = list(asked)
    with LocalPool(Limits.of_machine(jobs, timeout)) as pool:
        for answer in diagnose(asked, pool):
            there[answer.name] = answer
            while waiting and waiting[0] in there:  # shown in order, as soon as may be
                found = there.pop(waiting.pop(0))
                findings.show(found.name, found.missing, found.usable, _told(found))
    findings.end(named=bool(names))


def _told(found: Diagnosis) -> list[str]:
    """What was found of a codec, line by line."""
    if found.row is None:
        return []
    row = found.row
    if not found.usable:
        return [found.version, *found.places, f"{row.status}: {row.message}"]
    quality = "lossless" if row.scores["mse"] == 0 else f"{row.scores['psnr_db']:.2f} dB"
    trip = (
        f"{row.parameter} {point_text(row.point)}: {row.bpp:.3f} bpp, {quality}, "
        f"{row.encode_s:.3f} s + {row.decode_s:.3f} s"
    )
    return [trip, found.version, *found.places]


@app.command("show")
def show_codec(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[:option=value,...]",
            help="A codec; NAME may be FILE.py:Class or FILE.toml.",
        ),
    ],
) -> None:
    """Show a codec's version, rate parameter and options, with the options given."""
    from rdbench.codecs import registry
    from rdbench.codecs.request import parse_codec

    request = parse_codec(name)
    codec = registry.load(request.target)
    options = codec.resolve_options(request.options)
    codec = codec.configured(options)
    axis = codec.axis(options)
    rows = [
        ("label", codec.label(options)),
        ("version", _version(codec, options)),
        ("images", " and ".join(form.words for form in sorted(codec.takes(options)))),
        ("parameter", f"{axis.parameter}, {_points(axis)}"),
        ("ladder", " ".join(point_text(point) for point in axis.ladder)),
        ("conversion", _conversion(codec, options, axis.ladder[0])),
    ]
    rows += _commands(codec, options, axis.ladder[0])
    if definition := getattr(codec, "definition", None):
        rows.append(("file", str(definition.path)))
    else:
        rows += _notes(codec, options, axis.ladder[0])
    for row, text in rows:
        say(f"{row:10} {text}")
    if codec.option_table:
        say("options")
    for option_name, option in codec.option_table.items():
        say(f"  {option_name}={options[option_name]}  ({_allowed(option)})")
        say(f"      {option.meaning}")


@app.command("form")
def show_form() -> None:
    """Print the form of a program codec: a TOML file with every key, explained."""
    from rdbench.codecs.registry import FORM

    show(FORM.read_text(encoding="utf-8"))


@app.command("worker")
def show_worker() -> None:
    """Print the worker for another environment: one Python file that needs only NumPy, for a
    container or another machine. Where the path of a Python is enough, you do not need it."""
    from rdbench.environments import WORKER

    show(WORKER.read_text(encoding="utf-8"))


@app.command("protocol")
def show_protocol() -> None:
    """Print the protocol between rdbench and a worker in another environment, to write one in any
    language."""
    from rdbench.environments import PROTOCOL_TEXT

    show(PROTOCOL_TEXT.read_text(encoding="utf-8"))


@app.command("try")
def try_codec(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[:option=value,...]", help="A program codec; NAME may be FILE.toml."
        ),
    ],
    image: Annotated[
        str, typer.Option(metavar="FILE", help="An image. [default: a photograph of 256×192]")
    ] = "",
    point: Annotated[
        float | None,
        typer.Option(help="A point. [default: one in the middle of the ladder]"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=a_path,
            metavar="DIR",
            help="Folder for the files. [default: a new temporary folder]",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Time limit for the encoder, and for the decoder."),
    ] = 120.0,
) -> None:
    """Code and decode one image, and show the command lines, everything that the programs print and
    write, times, and quality. The exit status is 1 if any step fails.
    """
    import tempfile

    from rdbench.codecs.request import parse_codec
    from rdbench.conforming.trial import Trial

    keep = keep or Path(tempfile.mkdtemp(prefix="try-"))
    if not Trial(parse_codec(name), point, keep, show).run(image, timeout):
        raise typer.Exit(1)


def _version(codec: type[Codec], options: Mapping[str, Any]) -> str:
    try:
        codec.require(options)
    except MissingBackendError as error:
        return f"not known: {error}"
    return codec.version() or "not told"


def _notes(codec: type[Codec], options: Mapping[str, Any], point: float) -> list[tuple[str, str]]:
    """What is said of files that options name, once they are read."""
    if not any(option.path and options.get(name) for name, option in codec.option_table.items()):
        return []
    notes: list[str] = []
    try:
        with file_notes(notes):
            codec(point, **options).close()
    except RdbenchError as error:
        notes.append(str(error))
    return [("note", text) for text in notes]


def _commands(
    codec: type[Codec], options: Mapping[str, Any], point: float
) -> list[tuple[str, str]]:
    """The command lines of a program codec, for color where it takes color."""
    try:
        told = codec.provenance(options, (point,)).get("commands", {})
    except MissingBackendError:
        return []
    lines = told.get(str(max(codec.channels)), {})
    return [(kind, line) for kind, by_point in lines.items() for line in by_point.values()]


def _conversion(codec: type[Codec], options: Mapping[str, Any], point: float) -> str:
    """What the conversions of colors and formats cost, for photographs that rdbench ships."""
    from rdbench.codecs.base import Codec
    from rdbench.conforming.conversion import conversion_db
    from rdbench.conforming.material import photograph

    if codec.converted is Codec.converted:
        return "by the codec itself"
    instance = codec(point, **options)
    found = {
        form.words: conversion_db(instance, photograph(form.channels))
        for form in sorted(codec.takes(options))
    }
    told = [f"{words} {db:.2f} dB" for words, db in found.items() if db is not None]
    if not told:
        return "by the codec itself"
    return f"alone, on a photograph: {', '.join(told)}".replace("inf dB", "without loss")


def _allowed(option: Option) -> str:
    if isinstance(option.default, bool):
        return "true or false"
    if option.choices:
        return ", ".join(map(str, option.choices))
    if option.path:
        return "a path"
    return _range(option.low, option.high)


def _points(axis: Axis) -> str:
    if axis.closed:
        return "those of the ladder"
    return _range(axis.low, axis.high) + ", whole numbers" * axis.integer


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "any value"
    if math.isinf(high):
        return f"from {point_text(low)}"
    if math.isinf(low):
        return f"up to {point_text(high)}"
    return f"{point_text(low)} to {point_text(high)}"
