"""``rdbench plot``: figures of a run's curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.options import Averaging, AveragingOption, names
from rdbench.errors import UsageError, unknown


def plot(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories or CSV files.")
    ],
    metric: Annotated[
        str, typer.Option(help="Quality columns, one figure each.", metavar="NAME[,NAME...]")
    ] = "psnr_db,ms_ssim_db",
    published: Annotated[
        str, typer.Option(help="Published curves to draw beside.", metavar="NAME[,NAME...]")
    ] = "",
    anchor: Annotated[
        str,
        typer.Option(
            help="Also draw the rate saved against this curve: a label, a codec, or "
            "published:NAME.",
            metavar="NAME",
        ),
    ] = "",
    averaging: AveragingOption = Averaging.mean,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the figures.  [default: RUN/plots]")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="png, pdf, svg.", metavar="NAME[,NAME...]")
    ] = "png",
    xlim: Annotated[
        str, typer.Option(help="Range of the rate in bit/px.", metavar="LOW,HIGH")
    ] = "",
    ylim: Annotated[str, typer.Option(help="Range of the quality.", metavar="LOW,HIGH")] = "",
    log_rate: Annotated[bool, typer.Option("--log-rate", help="Logarithmic rate axis.")] = False,
) -> None:
    """Draw quality over rate, one figure for each dataset and metric, and print their paths.

    Example:

      rdbench plot results/runs/kodak --published lee2019-mse --format png,pdf
    """
    from rdbench import plots
    from rdbench.curves import PREFIX, find_anchor, load_curves, published_beside
    from rdbench.metrics import check

    metrics, kinds = check(names(metric)), names(formats)
    for kind in kinds:
        if kind not in plots.FORMATS:
            raise unknown("format", kind, plots.FORMATS)
    limits = {"x_limits": _range("--xlim", xlim), "y_limits": _range("--ylim", ylim)}
    if limits["y_limits"] and len(metrics) > 1:
        raise UsageError("--ylim is for one metric; name it with --metric")
    if out is None and (len(runs) > 1 or not runs[0].is_dir()):
        raise UsageError("name the folder of the figures with --out")
    folder = out or runs[0] / "plots"

    curves = load_curves(runs)
    beside = {name: published_beside(name, curves) for name in names(published)}
    if anchor.startswith(PREFIX):
        name = anchor.removeprefix(PREFIX)
        reference = beside.setdefault(name, published_beside(name, curves))
        anchors = {reference.dataset: reference}
    else:
        anchors = find_anchor(curves, anchor) if anchor else {}
    curves += beside.values()
    drawn = []
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        for name in metrics:
            view = plots.scene(curves, dataset, name, averaging.value)
            if view is None:
                typer.echo(f"warning: no curve of {dataset!r} has {name}", err=True)
                continue
            figures = [plots.rate_distortion(view, log_rate=log_rate, **limits)]
            if dataset in anchors and anchors[dataset] in view.curves:
                figures.append(plots.rate_saving(view, anchors[dataset]))
            for figure in figures:
                drawn += plots.save(figure, folder, kinds)
    if not drawn:
        raise UsageError("nothing to draw; see the warnings above")
    for path in drawn:
        typer.echo(str(path))


def _range(option: str, text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text!r} is not LOW,HIGH") from None
    if not low < high:
        raise UsageError(f"{option} {text!r}: {low:g} is not below {high:g}")
    return low, high
