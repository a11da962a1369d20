"""``rdbench score``: the same table for images that some other program decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.options import names


def score(
    originals: Annotated[str, typer.Argument(help="A known dataset, folder, file or glob.")],
    decoded: Annotated[
        Path,
        typer.Argument(
            help="Folder of decoded images named as the originals; or a folder for each point, "
            "its name ending with the point's number (q50)."
        ),
    ],
    streams: Annotated[
        Path | None,
        typer.Option(help="Folder of the streams, laid out as DECODED; their sizes give bpp."),
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Name of the program. [default: DECODED's name]")
    ] = None,
    parameter: Annotated[str, typer.Option(help="What a point is.")] = "quality",
    point: Annotated[float | None, typer.Option(help="The point of a folder without any.")] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...", help="psnr_db, psnr_y_db, ssim, ms_ssim_db. [default: all]"
        ),
    ] = None,
    color: Annotated[str, typer.Option(help="rgb, or luma: BT.601 limited range.")] = "rgb",
    out: Annotated[
        Path | None, typer.Option(help="The run directory. [default: results/runs/score-CODEC]")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what the run directory holds.")
    ] = False,
) -> None:
    """Score images that some other program decoded, into a run directory.

    Example:

      rdbench score kodak decoded/ --streams streams/ --codec mine
    """
    from rdbench import experiment, images
    from rdbench import metrics as metric_table
    from rdbench.cli import run as run_command
    from rdbench.curves import write_summary
    from rdbench.errors import unknown
    from rdbench.runner import score as scoring

    if color not in experiment.COLORS:
        raise unknown("color", color, experiment.COLORS)
    checked = metric_table.check(names(metrics)) if metrics else metric_table.DEFAULT_METRICS
    dataset = images.resolve(originals, color=color)
    points = scoring.find_points(decoded, streams, point)
    name = codec or decoded.absolute().name
    directory = out or run_command.RUNS / f"score-{name}"
    outcome = scoring.score(
        dataset,
        points,
        directory,
        codec=name,
        parameter=parameter,
        metrics=checked,
        color=color,
        fresh=fresh,
    )
    write_summary(outcome.path, outcome.rows)
    run_command.report(outcome, directory)
    if outcome.failures:
        raise typer.Exit(1)
