"""``rdbench codecs``: which codecs there are, and what each of them takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from rdbench.errors import RdbenchError
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.codecs.base import Axis, Option

app = typer.Typer(help="List codecs and show what they take.", no_args_is_help=True)


@app.command("list")
def list_codecs(
    check: Annotated[
        bool, typer.Option("--check", help="Load each codec and say whether it can be used.")
    ] = False,
) -> None:
    """List the codecs that have a name.

    Nothing of a codec is loaded without --check. With it, the exit status is 1 when a codec cannot
    be used.
    """
    from rdbench.codecs import registry

    entries = registry.entries()
    width = max(map(len, entries))
    unusable = False
    for name, entry in sorted(entries.items()):
        line = f"{name:{width}}  {entry.summary}"
        if check:
            try:
                codec = registry.load(name)
                line += f"\n{'':{width}}  ok: {codec.version()}; points: {codec.parameter}"
            except RdbenchError as error:
                unusable = True
                line += f"\n{'':{width}}  not usable: {error}"
        typer.echo(line)
    if unusable:
        raise typer.Exit(1)


@app.command("show")
def show_codec(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[:option=value,...]", help="A codec; NAME may be FILE.py:Class."
        ),
    ],
) -> None:
    """Show a codec's version, rate parameter and options, as they are with the options given."""
    from rdbench import experiment
    from rdbench.codecs import registry

    request = experiment.parse_codec(name)
    codec = registry.load(request.target)
    options = codec.resolve_options(request.options)
    axis = codec.axis(options)
    channels = " and ".join(
        {1: "grey", 3: "colour"}.get(count, str(count)) for count in sorted(codec.channels)
    )
    rows = [
        ("label", codec.label(options)),
        ("version", codec.version() or "not told"),
        ("images", channels),
        ("parameter", f"{axis.parameter}, {_range(axis.low, axis.high)}{_whole(axis)}"),
        ("ladder", " ".join(point_text(point) for point in axis.ladder)),
    ]
    for row, text in rows:
        typer.echo(f"{row:10} {text}")
    if codec.option_table:
        typer.echo("options")
    for option_name, option in codec.option_table.items():
        typer.echo(f"  {option_name}={options[option_name]}  ({_allowed(option)})")
        typer.echo(f"      {option.meaning}")


def _allowed(option: Option) -> str:
    if isinstance(option.default, bool):
        return "true or false"
    if option.choices:
        return ", ".join(map(str, option.choices))
    return _range(option.low, option.high)


def _whole(axis: Axis) -> str:
    return ", whole numbers" if axis.integer else ""


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "any value"
    if math.isinf(high):
        return f"from {point_text(low)}"
    if math.isinf(low):
        return f"up to {point_text(high)}"
    return f"{point_text(low)} to {point_text(high)}"
