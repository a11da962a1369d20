"""``rdbench compare``: one image as several codecs decode it, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.options import JobsOption, TimeoutOption, a_path, names
from rdbench.errors import UsageError


def compare(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    image: Annotated[str, typer.Option(help="Name of the image.", metavar="NAME")],
    bpp: Annotated[
        float | None, typer.Option(help="Rate in bit/px; each codec is shown at its nearest point.")
    ] = None,
    at: Annotated[
        str,
        typer.Option(help="A value of a metric, instead of a rate.", metavar="METRIC=VALUE"),
    ] = "",
    codecs: Annotated[
        str,
        typer.Option(help="Labels of curves, or codecs.  [default: all]", metavar="NAME[,NAME...]"),
    ] = "",
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Code the image again to meet the target, instead of taking the nearest point.",
        ),
    ] = False,
    tolerance: Annotated[
        str | None,
        typer.Option(
            help="How close --exact must come to the target.  [default: 2% of a rate]", metavar="T"
        ),
    ] = None,
    crop: Annotated[
        str,
        typer.Option(
            help="The part to show, or worst: where two codecs differ most.",
            metavar="X,Y,WIDTH,HEIGHT|worst",
        ),
    ] = "",
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics to print below each image, measured in the run or not.  [default: "
            "those of the run]",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    map_: Annotated[
        str,
        typer.Option(
            "--map",
            help="Draw an error map below each image: difference, or a metric that has a map.",
            metavar="NAME",
        ),
    ] = "",
    title: Annotated[
        str | None, typer.Option(help="Title of the figure; '' for none.", metavar="TEXT")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="png, pdf, svg.", metavar="NAME[,NAME...]")
    ] = "png,pdf",
    out: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="Folder of the figures. [default: RUN/plots]"),
    ] = None,
    jobs: JobsOption = None,
    timeout: TimeoutOption = 600.0,
) -> None:
    """Draw an image and its decoded versions at one rate, with their scores. Decoded images are
    those that the run kept; otherwise kept streams are decoded, or the codecs are run again. A
    decoded image is shown only if it is the one that was measured. With --exact, the codecs of the
    run code the image again, at the setting that meets the target.

    Examples:

      rdbench compare results/runs/kodak --image kodim21 --bpp 0.15 --codecs jpeg,jpeg2000,avif

      rdbench compare results/runs/kodak --image kodim21 --at psnr_db=32 --crop worst

      rdbench compare results/runs/kodak --image kodim21 --bpp 0.15 --exact --map ssim_y
    """
    import rdbench

    paths = rdbench.compare(
        run,
        image,
        at=_asked(bpp, at),
        codecs=names(codecs),
        exact=exact,
        tolerance=tolerance,
        crop=_crop(crop),
        metrics=names(metrics),
        error_map=map_,
        title=title,
        out=out,
        formats=names(formats),
        jobs=jobs,
        timeout_s=timeout,
    )
    for path in paths:
        say(str(path))


def _asked(bpp: float | None, at: str) -> dict[str, float]:
    if (bpp is None) == (not at):
        raise UsageError("give either --bpp RATE or --at METRIC=VALUE")
    if bpp is not None:
        return {"bpp": bpp}
    metric, _, value = at.rpartition("=")
    try:
        return {metric: float(value)}
    except ValueError:
        raise UsageError(f"--at {at!r} is not METRIC=VALUE") from None


def _crop(text: str) -> tuple[int, int, int, int] | str | None:
    if not text or text == "worst":
        return text or None
    try:
        left, top, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--crop {text!r} is neither X,Y,WIDTH,HEIGHT nor worst") from None
    return left, top, width, height
