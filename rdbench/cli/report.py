"""``rdbench report``: one page with all that runs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.options import JobsOption, LabelsOption, TimeoutOption, a_path, names


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
    images: Annotated[
        str,
        typer.Option(
            help="Images to look at in a viewer, or all; their pictures are put beside the page.",
            metavar="NAME[,NAME...]|all",
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

    It is one file that opens in a browser from disk and needs no network. Metric, anchor, image and
    scale are chosen on the page; its address holds what is chosen.

    Examples:

      rdbench report results/runs/kodak

      rdbench report results/runs/kodak --images kodim05,kodim21

      rdbench report old new --anchor jpeg --published lee2019-mse --out both.html
    """
    import rdbench

    path = rdbench.report(
        runs,
        published=names(published),
        anchor=anchor,
        title=title,
        labels=labels,
        images=names(images),
        out=out,
        jobs=jobs,
        timeout_s=timeout,
    )
    say(str(path))
