"""``rdbench report``: one page with everything in the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.options import (
    JobsOption,
    LabelsOption,
    TimeoutOption,
    a_path,
    names,
    range_of,
)
from rdbench.errors import UsageError


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories or CSV files.")
    ],
    published: Annotated[
        str,
        typer.Option(help="Published curves to show as a layer.", metavar="NAME[,NAME...]"),
    ] = "",
    anchor: Annotated[
        str,
        typer.Option(
            help="The anchor when the page opens: a label or a codec.",
            metavar="NAME",
        ),
    ] = "",
    rates: Annotated[
        list[str] | None,
        typer.Option(
            help="Offer on the page to compare only points within these rates in bit/px; "
            "repeatable.",
            metavar="LOW,HIGH",
        ),
    ] = None,
    qualities: Annotated[
        list[str] | None,
        typer.Option(
            help="Offer on the page BD-rates over this range of a metric; repeatable.",
            metavar="METRIC=LOW,HIGH",
        ),
    ] = None,
    tags: Annotated[
        Path | None,
        typer.Option(
            help="Take the classes of images from this file instead of the runs (columns image "
            "and tags).",
            metavar="FILE",
        ),
    ] = None,
    images: Annotated[
        str,
        typer.Option(
            help="Images for the viewer, or all; their pictures are written to a folder beside "
            "the page.",
            metavar="NAME[,NAME...]|all",
        ),
    ] = "",
    maps: Annotated[
        str,
        typer.Option(
            help="Error maps for the viewer: metrics that have a map.",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    title: Annotated[str, typer.Option(help="Title of the page. [default: the runs' names]")] = "",
    labels: LabelsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=a_path, help="The file.  [default: RUN/report.html]", metavar="FILE.html"
        ),
    ] = None,
    jobs: JobsOption = None,
    timeout: TimeoutOption = 600.0,
) -> None:
    """Write a page with curves, deltas, costs, images and measurements, and print its path. It is
    one file that opens in a browser from disk and needs no network. On the page, you choose metric,
    anchor, convention, image or class, and scale; its address records the choice.

    Examples:

      rdbench report results/runs/kodak

      rdbench report results/runs/kodak --images kodim05,kodim21

      rdbench report RUN --rates 0.1,1 --qualities psnr_db=30,40

      rdbench report old new --anchor jpeg --published lee2019-mse --out both.html
    """
    import rdbench

    over = {}
    for text in qualities or ():
        name, _, ends = text.rpartition("=")
        found = range_of("--qualities", ends)
        if not (name and found):
            raise UsageError(f"--qualities {text!r} is not METRIC=LOW,HIGH")
        if name in over:
            raise UsageError(f"--qualities gives {name} twice; give one range for each metric")
        over[name] = found
    path = rdbench.report(
        runs,
        published=names(published),
        anchor=anchor,
        rates=[found for text in rates or () if (found := range_of("--rates", text))],
        qualities=over,
        tags=tags,
        title=title,
        labels=labels,
        images=names(images),
        maps=names(maps),
        out=out,
        jobs=jobs,
        timeout_s=timeout,
    )
    say(str(path))
