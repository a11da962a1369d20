"""What an interrupted command prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from rdbench.cli.console import say
from rdbench.interrupts import STATUS


@contextmanager
def rows_kept(directory: Callable[[], Path | None]) -> Iterator[None]:
    """On an interrupt, print how many rows are kept in ``directory()``, and exit."""
    try:
        yield
    except KeyboardInterrupt:
        end(directory())


def end(directory: Path | None) -> None:
    """Print how many rows a run directory has, and exit with :data:`STATUS`."""
    from rdbench.errors import RdbenchError
    from rdbench.results import read_rows

    try:
        count = len(read_rows(directory)) if directory else 0
    except RdbenchError:  # there is no table yet
        count = 0
    if count:
        rows = "1 row is" if count == 1 else f"{count} rows are"
        told = f"{rows} kept in {directory}; the same command continues from there"
    else:
        told = "0 rows are kept; nothing was measured"
    say(f"interrupted; {told}", err=True)
    raise typer.Exit(STATUS)
