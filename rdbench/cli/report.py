"""``rdbench report``: one page with all that runs have."""

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
            help="The curve that others are held against at first: a label or a codec.",
            metavar="NAME",
        ),
    ] = "",
    rates: Annotated[
        list[str] | None,
        typer.Option(
            help="Points of these rates in bit/px alone can be compared on the page; repeatable.",
            metavar="LOW,HIGH",
        ),
    ] = None,
    qualities: Annotated[
        list[str] | None,
        typer.Option(
            help="BD-rates over this range of a metric can be chosen on the page; repeatable.",
            metavar="METRIC=LOW,HIGH",
        ),
    ] = None,
    tags: Annotated[
        Path | None,
        typer.Option(
            help="Classes of images in place of those of the runs (columns image and tags).",
            metavar="FILE",
        ),
    ] = None,
    images: Annotated[
        str,
        typer.Option(
            help="Images to look at in a viewer, or all; their pictures are put beside the page.",
            metavar="NAME[,NAME...]|all",
        ),
    ] = "",
    maps: Annotated[
        str,
        typer.Option(
            help="Error maps for the viewer: metrics that have one.",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    title: Annotated[str, typer.Option(help="Of the page.  [default: the runs' names]")] = "",
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
    """Write a page with curves, deltas, costs, images and measurements, and print its path.

    It is one file that opens in a browser from disk and needs no network. Metric, anchor,
    convention, image or class and scale are chosen on the page; its address holds what is chosen.

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
            raise UsageError(f"--qualities names {name} twice; name one range of each metric")
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
