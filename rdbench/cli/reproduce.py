"""``rdbench reproduce``: reproduce figures and tables of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say, show
from rdbench.cli.interrupted import end, rows_kept
from rdbench.cli.options import CacheOption, a_path
from rdbench.cli.progress import Progress
from rdbench.errors import UsageError
from rdbench.places import REPORTS, RUNS


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="What to reproduce (see --list), or a recipe FILE.toml."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=a_path, help=f"Folder of figures and numbers. [default: {REPORTS}/NAME]"
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help=f"The run directory; an existing one is resumed. [default: {RUNS}/NAME]"),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Measure nothing, and use published points only.")
    ] = False,
    kept: Annotated[
        bool,
        typer.Option(
            "--kept",
            help="Measure nothing: use what the run directory holds, and published points for "
            "the rest.",
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Let published points replace curves that the report has measured.",
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Worker processes, one thread each. [default: the cores that this process may use]"
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time limit for one measurement.")
    ] = 600.0,
    cache: CacheOption = None,
    list_: Annotated[bool, typer.Option("--list", help="Show what can be reproduced.")] = False,
) -> None:
    """Reproduce a figure or table of a paper, measuring as much as possible on this machine. A
    codec or dataset that is missing is replaced by its published points, as the page says and the
    figures show. Measurements are kept: the same command continues where it stopped.

    Examples:

      rdbench reproduce lee2019-table --published

      rdbench reproduce dumas2018-fig5

      rdbench reproduce dumas2018-fig5 --run results/dumas2018-fig5 --kept
    """
    if list_:
        from rdbench import reproducing

        for known, path in reproducing.shipped().items():
            say(f"{known:24} {reproducing.read(path).title}")
        return
    if name is None:
        raise UsageError("nothing to reproduce: name something (see `rdbench reproduce --list`)")
    with rows_kept(lambda: run), Progress() as progress:
        import rdbench
        from rdbench import reproducing
        from rdbench.tables import terminal

        made = rdbench.reproduce(
            name,
            out=out,
            run=run,
            published=published,
            kept=kept,
            replace=replace,
            jobs=jobs,
            timeout_s=timeout,
            cache=cache,
            progress=progress,
            say=lambda line: say(f"rdbench: {line}", err=True),
        )
    if made.interrupted:
        end(made.run)
    if made.claims:
        show(terminal(reproducing.claim_table(made.claims)))
    if made.deltas:
        show("\n\n".join(map(terminal, reproducing.delta_tables(made.deltas))))
    for path in made.files:
        say(path)
    if made.failures:
        say(
            f"rdbench: {len(made.failures)} measurements failed: see "
            f"{made.run / 'measurements.csv'}",
            err=True,
        )
        raise typer.Exit(1)
