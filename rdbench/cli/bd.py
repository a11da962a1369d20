"""``rdbench bd``: Bjøntegaard deltas of a run's curves against an anchor."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.options import Averaging, AveragingOption, names
from rdbench.errors import UsageError


class Method(StrEnum):
    """Interpolations."""

    pchip = "pchip"
    akima = "akima"
    cubic = "cubic"


def bd(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories or CSV files.")
    ],
    anchor: Annotated[
        str,
        typer.Option(
            help="Curve to compare with: its label, its codec, or published:NAME.", metavar="NAME"
        ),
    ],
    metric: Annotated[
        str, typer.Option(help="Quality columns, joined by commas.", metavar="NAME[,NAME...]")
    ] = "psnr_db",
    published: Annotated[
        str, typer.Option(help="Published curves to compare as well.", metavar="NAME[,NAME...]")
    ] = "",
    method: Annotated[Method, typer.Option(help="Interpolation of the curves.")] = Method.pchip,
    averaging: AveragingOption = Averaging.mean,
    bootstrap: Annotated[
        int, typer.Option(help="Resamples of the images for 95 % intervals; 0 for none.", min=0)
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.", min=0)] = 0,
    min_overlap: Annotated[
        float,
        typer.Option(help="Overlap in percent below which there is no value.", min=0, max=100),
    ] = 0.0,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX (booktabs).")] = False,
) -> None:
    """How much rate the curves of a run save against an anchor, and how much quality they gain.

    Prints a table; of a single run directory the values are also kept in its bd.csv.

    Example:

      rdbench bd results/runs/kodak --anchor jpeg --metric psnr_db,ms_ssim_db
    """
    if csv + markdown + latex > 1:
        raise UsageError("--csv, --markdown and --latex exclude each other; name one of them")
    from rdbench.curves import (
        Settings,
        comparisons,
        find_anchor,
        load_curves,
        published_beside,
        tables,
    )
    from rdbench.metrics import METRICS, check
    from rdbench.results import csv_text, write_atomically

    metrics = check(names(metric))
    for name in metrics:
        if not METRICS[name].higher_is_better:
            raise UsageError(
                f"metric {name!r} falls with quality; name one of which more is better"
            )
    curves = load_curves(runs)
    curves += [published_beside(name, curves) for name in names(published)]
    anchors = find_anchor(curves, anchor)
    rows = []
    for name in metrics:
        settings = Settings(
            metric=name,
            averaging=averaging.value,
            method=method.value,
            min_overlap=min_overlap,
            resamples=bootstrap,
            seed=seed,
        )
        rows += comparisons(curves, anchor, settings)
    if not rows:
        raise UsageError(f"the anchor {anchor!r} is the only curve; add a run with another one")

    records = tables.records(rows)
    text = csv_text(
        [tables.RECORD_COLUMNS, *([row[c] for c in tables.RECORD_COLUMNS] for row in records)]
    )
    if len(runs) == 1 and runs[0].is_dir():
        write_atomically(runs[0] / "bd.csv", text)
    if csv:
        typer.echo(text, nl=False)
    else:
        render = tables.markdown if markdown else tables.latex if latex else tables.terminal
        typer.echo("\n\n".join(render(table) for table in tables.tables(rows)))
    for curve in {id(curve): curve for curve in (*curves, *anchors.values())}.values():
        if curve.known_issue:
            typer.echo(f"warning: {curve.title}: {curve.known_issue}", err=True)
    for warning in tables.warnings(rows):
        typer.echo(f"warning: {warning}", err=True)
