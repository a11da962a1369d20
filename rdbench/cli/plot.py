"""``rdbench plot``: figures of a run's curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.options import (
    Averaging,
    AveragingOption,
    LabelsOption,
    a_path,
    names,
    pair_of,
    range_of,
    warnings_said,
)


def plot(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN", help="Run directories or CSV files.")
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics, by column or as FILE.py:Class or FILE.toml; one figure each.",
            metavar="NAME[,NAME...]",
        ),
    ] = "psnr_db,ms_ssim_db",
    published: Annotated[
        str,
        typer.Option(
            help="Published curves to draw with those of the runs, or alone.",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    anchor: Annotated[
        str,
        typer.Option(
            help="Also draw the savings against this curve, and their cost: a label, a codec, or "
            "published:NAME.",
            metavar="NAME",
        ),
    ] = "",
    averaging: AveragingOption = Averaging.mean,
    rates: Annotated[
        str,
        typer.Option(
            help="With --anchor: compare only points within these rates in bit/px.",
            metavar="LOW,HIGH",
        ),
    ] = "",
    qualities: Annotated[
        str,
        typer.Option(
            help="With --anchor: the range of quality over which BD-rates are integrated, for "
            "one metric.",
            metavar="LOW,HIGH",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="Folder of the figures. [default: RUN/plots]"),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="png, pdf, svg.", metavar="NAME[,NAME...]")
    ] = "png",
    xlim: Annotated[
        str, typer.Option(help="Range of the rate in bit/px.", metavar="LOW,HIGH")
    ] = "",
    ylim: Annotated[str, typer.Option(help="Range of the quality.", metavar="LOW,HIGH")] = "",
    log_rate: Annotated[bool, typer.Option("--log-rate", help="Logarithmic rate axis.")] = False,
    title: Annotated[
        str | None,
        typer.Option(
            help="Title of the figures, instead of the dataset; '' for none.", metavar="TEXT"
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="Size of the figures in inches.  [default: as needed]", metavar="WIDTH,HEIGHT"
        ),
    ] = "",
    labels: LabelsOption = None,
    order: Annotated[
        str,
        typer.Option(
            help="Curves to put first in legends and rows, named as for --anchor.",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    highlight: Annotated[
        str,
        typer.Option(
            help="Curves to draw with a wider line and a bold name, named as for --anchor.",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    notes: Annotated[
        bool,
        typer.Option(
            "--notes/--no-notes",
            help="Put the notes below each figure, or into a text file beside it.",
        ),
    ] = True,
) -> None:
    """Draw quality over rate, one figure for each dataset and metric, and print their paths.

    With --anchor, four more figures: the rate saved over quality (_saving), BD-rates with their
    intervals (_bd), BD-rates of single images (_images), and BD-rates over times and memory
    (_complexity). If a codec was measured at several efforts, a fifth one shows BD-rates at equal
    encoding time (_efforts).

    Examples:

      rdbench plot results/runs/kodak --published lee2019-mse --anchor jpeg --format png,pdf

      rdbench plot results/runs/kodak --size 3.5,2.6 --title '' --labels names.toml --no-notes
    """
    import rdbench

    with warnings_said():
        paths = rdbench.plot_rd(
            runs or [],
            metrics=names(metrics),
            published=names(published),
            anchor=anchor or None,
            averaging=averaging.value,
            rates=range_of("--rates", rates),
            qualities=range_of("--qualities", qualities),
            out=out,
            formats=names(formats),
            x_limits=range_of("--xlim", xlim),
            y_limits=range_of("--ylim", ylim),
            log_rate=log_rate,
            title=title,
            size=pair_of("--size", size, "WIDTH,HEIGHT") if size else None,
            labels=labels,
            order=names(order),
            highlight=names(highlight),
            notes=notes,
        )
    for path in paths:
        say(str(path))
