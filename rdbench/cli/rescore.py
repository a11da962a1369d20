"""``rdbench rescore``: add metrics to a run from what it kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.interrupted import end, rows_kept
from rdbench.cli.options import JobsOption, MemoryOption, TimeoutOption, names
from rdbench.cli.progress import Progress


def rescore(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Metrics: names of `rdbench metrics`, FILE.py:Class or FILE.toml.",
        ),
    ],
    jobs: JobsOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
) -> None:
    """Add metrics to a run from the decoded images or streams that it kept. Nothing is encoded. If
    a kept file is gone, damaged or not the one that was measured, its row stays without the metric,
    and the exit status is 1.

    Example:

      rdbench rescore results/runs/kodak --metrics ssim,mine.py:Mine
    """
    import rdbench
    from rdbench.cli.run import report

    chosen = names(metrics)
    with rows_kept(lambda: run), Progress() as progress:
        outcome = rdbench.rescore(
            run, chosen, jobs=jobs, timeout_s=timeout, memory_mb=memory, progress=progress
        )
    if outcome.interrupted:
        end(run)
    report(outcome, run)
    if outcome.unscored:
        for line in outcome.unscored[:20]:
            say(line, err=True)
        raise typer.Exit(1)
