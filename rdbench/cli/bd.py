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
        bool, typer.Option("--matrix", help="Compare every curve with every other.")
    ] = False,
    of_images: Annotated[
        bool,
        typer.Option(
            "--of-images",
            help="With --matrix: geometric means of the deltas of images instead of the deltas "
            "of mean curves.",
        ),
    ] = False,
    per_image: Annotated[
        bool, typer.Option("--per-image", help="Print the deltas of every single image.")
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
            help="Published curves to compare with those of the runs, or with each other.",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    convention: Annotated[
        str,
        typer.Option(
            help="A convention of a standards group: jpeg-ai or aom. It sets metrics, points, "
            "interpolation and the mean over images, and refuses options that contradict "
            "it.",
            metavar="NAME",
        ),
    ] = "",
    rates: Annotated[
        str,
        typer.Option(
            help="Use only points within these rates in bit/px, image by image.",
            metavar="LOW,HIGH",
        ),
    ] = "",
    qualities: Annotated[
        str,
        typer.Option(
            help="The range of quality over which BD-rates are integrated, in the unit of the "
            "one metric. A curve that does not cover all of it has no value.",
            metavar="LOW,HIGH",
        ),
    ] = "",
    method: Annotated[
        Method, typer.Option(help="Interpolation of the curves; all shows them side by side.")
    ] = Method.pchip,
    averaging: AveragingOption = Averaging.mean,
    interval: Annotated[
        IntervalKind,
        typer.Option(
            help="95 % intervals over images: jackknife, bootstrap (percentiles, too narrow for "
            "few images) or none."
        ),
    ] = IntervalKind.jackknife,
    resamples: Annotated[int, typer.Option(help="Bootstrap draws of the images.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0)] = 0,
    cap: Annotated[
        float | None,
        typer.Option(
            help="Upper limit of values in dB, as AOM (100) and Netflix (60) cap PSNR. Without "
            "it, images with an infinite PSNR are left out.",
            metavar="DB",
            min=0,
        ),
    ] = None,
    min_overlap: Annotated[
        float,
        typer.Option(
            help="Smallest overlap in percent; below it, no value is given.", min=0, max=100
        ),
    ] = 0.0,
    complexity: Annotated[
        bool,
        typer.Option(
            "--complexity",
            help="Also show times and memory, and compare codecs that have several efforts at "
            "equal encoding time.",
        ),
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    latex: Annotated[
        bool,
        typer.Option(
            "--latex",
            help="Print LaTeX (booktabs); with --anchor, one table of datasets and metrics.",
        ),
    ] = False,
    labels: LabelsOption = None,
    classes: Annotated[
        bool,
        typer.Option(
            "--classes",
            help="Also compare over each class of images: those that share a tag in the "
            "dataset's tags.csv.",
        ),
    ] = False,
    tags: Annotated[
        Path | None,
        typer.Option(
            help="Take tags from this file instead (columns image and tags).", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Print how much rate curves save against an anchor, and how much quality they gain.

    There is one table for each dataset and metric. For a single run directory, the values are also
    written to its bd.csv. A value with ? rests on less than 75 % overlap. A value with ! is not
    settled by its points: interpolations disagree by more than 1 point, or other points may move it
    by more than 1 point and by more than other images would. A value with @ is the difference at
    the only point of a curve.

    Examples:

      rdbench bd results/runs/kodak --anchor jpeg --metrics psnr_db,ms_ssim_db

      rdbench bd results/runs/kodak --matrix --published lee2019-mse --markdown

      rdbench bd --published lee2019-mse --anchor published:bpg_444_x265_ycbcr --method all

      rdbench bd RUN --anchor vtm --metrics psnr_db,ms_ssim_db --averaging literature --latex

      rdbench bd RUN --anchor vtm --convention jpeg-ai
    """
    if csv + markdown + latex > 1:
        raise UsageError("--csv, --markdown and --latex exclude each other; give one of them")
    if matrix == bool(anchor):
        raise UsageError("give either --anchor NAME, the curve to compare with, or --matrix")
    if of_images and (per_image or not matrix):
        raise UsageError("--of-images needs --matrix, and excludes --per-image")
    if of_images and convention:
        raise UsageError(
            "--of-images takes geometric means, but --convention sets its own mean; "
            "leave one of them out"
        )
    if complexity and per_image:
        raise UsageError("--complexity describes curves, not single images; leave out --per-image")
    if (classes or tags) and (per_image or matrix):
        raise UsageError("--classes needs --anchor, and excludes --per-image")
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
            reason = getattr(error.__cause__, "strerror", None) or error
            say(f"warning: {str(runs[0] / 'bd.csv')!r} was not written: {reason}", err=True)
    if csv:  # the other forms have them below their tables
        for warning in warnings(rows):
            say(f"warning: {warning}", err=True)
