"""``rdbench bd``: Bjøntegaard deltas of curves against an anchor, or against each other."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say, show
from rdbench.cli.options import (
    Averaging,
    AveragingOption,
    LabelsOption,
    names,
    range_of,
    warnings_said,
)
from rdbench.errors import RdbenchError, UsageError


class IntervalKind(StrEnum):
    """Intervals over images."""

    jackknife = "jackknife"
    bootstrap = "bootstrap"
    none = "none"


class Method(StrEnum):
    """Interpolations."""

    pchip = "pchip"
    akima = "akima"
    cubic = "cubic"
    all = "all"


def bd(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN", help="Run directories or CSV files.")
    ] = None,
    anchor: Annotated[
        str,
        typer.Option(
            help="Curve to compare with: its label, its codec, or published:NAME.", metavar="NAME"
        ),
    ] = "",
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Compare each curve with each other one.")
    ] = False,
    of_images: Annotated[
        bool,
        typer.Option(
            "--of-images",
            help="In a matrix, the geometric means of the deltas of images, not those of mean "
            "curves.",
        ),
    ] = False,
    per_image: Annotated[
        bool, typer.Option("--per-image", help="Print the deltas of each image alone.")
    ] = False,
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics, by column or as FILE.py:Class or FILE.toml. [default: psnr_db]",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    published: Annotated[
        str,
        typer.Option(
            help="Published curves to compare as well, or alone.", metavar="NAME[,NAME...]"
        ),
    ] = "",
    convention: Annotated[
        str,
        typer.Option(
            help="What others have agreed on: jpeg-ai or aom. It sets metrics, points, "
            "interpolation and the mean of images, and refuses what says something else.",
            metavar="NAME",
        ),
    ] = "",
    rates: Annotated[
        str,
        typer.Option(
            help="Only points of these rates in bit/px count, of each image its own.",
            metavar="LOW,HIGH",
        ),
    ] = "",
    qualities: Annotated[
        str,
        typer.Option(
            help="What BD-rates are integrated over, in the unit of the one metric; none where a "
            "curve does not reach all of it.",
            metavar="LOW,HIGH",
        ),
    ] = "",
    method: Annotated[
        Method, typer.Option(help="Interpolation of the curves; all: side by side.")
    ] = Method.pchip,
    averaging: AveragingOption = Averaging.mean,
    interval: Annotated[
        IntervalKind,
        typer.Option(
            help="95 % intervals over images: jackknife, bootstrap (percentiles, too narrow for "
            "few images) or none."
        ),
    ] = IntervalKind.jackknife,
    resamples: Annotated[int, typer.Option(help="Of the images, for the bootstrap.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap's draws.", min=0)] = 0,
    cap: Annotated[
        float | None,
        typer.Option(
            help="What decibels count as at most, as AOM (100) and Netflix (60) cap PSNR; without "
            "it, images whose PSNR is infinite are left out.",
            metavar="DB",
            min=0,
        ),
    ] = None,
    min_overlap: Annotated[
        float,
        typer.Option(help="Overlap in percent below which there is no value.", min=0, max=100),
    ] = 0.0,
    complexity: Annotated[
        bool,
        typer.Option(
            "--complexity",
            help="Show times and memory beside, and codecs of several efforts at equal encoding "
            "time.",
        ),
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    latex: Annotated[
        bool,
        typer.Option(
            "--latex",
            help="Print LaTeX (booktabs), with --anchor one table by datasets and metrics.",
        ),
    ] = False,
    labels: LabelsOption = None,
    classes: Annotated[
        bool,
        typer.Option(
            "--classes",
            help="Also compare over each class of images: those that share a tag, of tags.csv "
            "beside them.",
        ),
    ] = False,
    tags: Annotated[
        Path | None,
        typer.Option(help="Tags to take instead (columns image and tags).", metavar="FILE"),
    ] = None,
) -> None:
    """How much rate curves save against an anchor, and how much quality they gain.

    Prints tables, one for each dataset and metric; of a single run directory the values are also
    kept in its bd.csv. Values with ? rest on less than 75 % overlap; those with ! are not settled
    by their points: interpolations disagree by more than 1 point, or other points may move them by
    more than that, and by more than other images; those with @ are differences at the only point of
    a curve.

    Examples:

      rdbench bd results/runs/kodak --anchor jpeg --metrics psnr_db,ms_ssim_db

      rdbench bd results/runs/kodak --matrix --published lee2019-mse --markdown

      rdbench bd --published lee2019-mse --anchor published:bpg_444_x265_ycbcr --method all

      rdbench bd RUN --anchor vtm --metrics psnr_db,ms_ssim_db --averaging literature --latex

      rdbench bd RUN --anchor vtm --convention jpeg-ai
    """
    if csv + markdown + latex > 1:
        raise UsageError("--csv, --markdown and --latex exclude each other; name one of them")
    if matrix == bool(anchor):
        raise UsageError("name either a curve to compare with by --anchor, or --matrix")
    if of_images and (per_image or not matrix):
        raise UsageError("--of-images is of a matrix: name --matrix, and leave out --per-image")
    if of_images and convention:
        raise UsageError("--of-images is of geometric means; --convention has its own mean")
    if complexity and per_image:
        raise UsageError("--complexity is of curves, not of images; leave out --per-image")
    if (classes or tags) and (per_image or matrix):
        raise UsageError("--classes is of curves against one: name --anchor, without --per-image")
    from rdbench.curves import bd_csv, bd_table, bd_text, read_labels
    from rdbench.curves.notes import warnings
    from rdbench.files import write_atomically

    runs = runs or []
    called = read_labels(labels)
    with warnings_said():
        rows = bd_table(
            runs,
            anchor=anchor or None,
            metrics=names(metrics) or None,
            published=names(published),
            convention=convention or None,
            method=method.value,
            averaging=averaging.value,
            min_overlap=min_overlap,
            interval=interval.value,
            resamples=resamples,
            seed=seed,
            cap_db=cap,
            rates=range_of("--rates", rates),
            qualities=range_of("--qualities", qualities),
            labels=called,
            classes=classes,
            tags=tags,
        )
    text = bd_text(
        rows,
        "csv" if csv else "markdown" if markdown else "latex" if latex else "terminal",
        "images" if per_image else "matrix" if matrix else "list",
        complexity=complexity,
        of_images=of_images,
        labels=called,
    )
    show(text)
    if len(runs) == 1 and runs[0].is_dir():
        try:
            write_atomically(runs[0] / "bd.csv", bd_csv(rows))
        except RdbenchError as error:
            say(f"warning: the table is not kept: {error}", err=True)
    if csv:  # the other forms have them below their tables
        for warning in warnings(rows):
            say(f"warning: {warning}", err=True)
