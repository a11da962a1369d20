"""``rdbench merge``: several runs of one plan joined."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.options import a_path


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    out: Annotated[
        Path, typer.Option(parser=a_path, help="The run directory to create; it must not exist.")
    ],
) -> None:
    """Join runs of one plan, for example from several machines, into one run directory.

    Runs that contradict each other (other images, versions, programs, sources, weights or metrics,
    or two results of one measurement) are refused.

    Example:

      rdbench merge results/runs/kodak-a results/runs/kodak-b --out results/runs/kodak
    """
    import rdbench
    from rdbench.results import read_table

    rdbench.merge(runs, out)
    say(f"{len(read_table(out))} rows of {len(runs)} runs: {out / 'measurements.csv'}")
