"""``rdbench match``: what curves cost at equal quality, or give at equal rate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import show
from rdbench.cli.options import LabelsOption
from rdbench.errors import UsageError


def match(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run directories or CSV files.")
    ],
    anchor: Annotated[
        str, typer.Option(help="The curve to compare with: its label or its codec.", metavar="NAME")
    ],
    at: Annotated[
        list[str],
        typer.Option(
            metavar="METRIC=A/B|bpp=A/B",
            help="Values of a metric or of the rate at which curves are matched; repeatable.",
        ),
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    labels: LabelsOption = None,
) -> None:
    """Print how much rate and time curves need at equal quality, and how much quality they gain at
    equal rate, against an anchor and image by image.

    Points by target (rdbench run --points METRIC:A/B) are compared as measured if both curves have
    them. Other points are interpolated, and never extrapolated.

    Examples:

      rdbench match mine --anchor jpeg --at psnr_db=32/36

      rdbench match mine --anchor jpeg --at bpp=0.25/0.5 --markdown
    """
    if csv and markdown:
        raise UsageError("--csv and --markdown exclude each other; give one of them")
    from rdbench.curves import match_table, match_text

    rows = match_table(runs, anchor=anchor, at=at, labels=labels)
    text = match_text(rows, "csv" if csv else "markdown" if markdown else "terminal")
    show(text)
