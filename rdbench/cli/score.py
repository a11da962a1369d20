"""``rdbench score``: score images that another program decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.interrupted import rows_kept
from rdbench.cli.options import (
    JobsOption,
    MemoryOption,
    MetricsOption,
    TimeoutOption,
    a_path,
    names,
)
from rdbench.places import RUNS


def score(
    originals: Annotated[str, typer.Argument(help="A known dataset, folder, file or glob.")],
    decoded: Annotated[
        Path,
        typer.Argument(
            help="Folder of decoded images named like the originals, or a folder of folders, one "
            "for each point, whose names end with the number of the point (q50). A folder "
            "that --keep-decoded wrote works, too."
        ),
    ],
    streams: Annotated[
        Path | None,
        typer.Option(help="Folder of the streams, laid out like DECODED; their sizes give bpp."),
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Name of the codec. [default: DECODED's name]")
    ] = None,
    parameter: Annotated[
        str, typer.Option(help="The rate parameter, of which a point is a value.")
    ] = "quality",
    point: Annotated[
        float | None, typer.Option(help="The point, for a folder that does not name it.")
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="Names of the images below DECODED, if they differ from the originals: "
            "'rec_{image}_q{point}', '{image}/{point}'. Everything outside braces is "
            "literal; the suffix may be left out.",
        ),
    ] = "",
    stream_name: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="The same for streams: '{image}_q{point}.bin', or '{image}.{part}.bin' for "
            "streams in numbered parts. [default: as --name, with any suffix]",
        ),
    ] = "",
    metrics: MetricsOption = None,
    color: Annotated[str, typer.Option(help="rgb, or luma: BT.601 limited range.")] = "rgb",
    out: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="The run directory. [default: results/runs/score-CODEC]"),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard what the run directory holds.")
    ] = False,
    jobs: JobsOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
) -> None:
    """Score images that another program decoded, into a run directory.

    Examples:

      rdbench score kodak decoded/ --streams streams/ --codec mine

      rdbench score kodak vtm/ --streams vtm/ --name '{image}_q{point}' --parameter qp
    """
    import rdbench
    from rdbench.cli.run import report

    with rows_kept(lambda: out or RUNS / f"score-{codec or decoded.absolute().name}"):
        outcome = rdbench.score(
            originals,
            decoded,
            streams=streams,
            codec=codec,
            parameter=parameter,
            point=point,
            name=name,
            stream_name=stream_name,
            metrics=names(metrics),
            color=color,
            out=out,
            fresh=fresh,
            jobs=jobs,
            timeout_s=timeout,
            memory_mb=memory,
        )
    report(outcome, out or outcome.path)
    if outcome.failures:
        raise typer.Exit(1)
