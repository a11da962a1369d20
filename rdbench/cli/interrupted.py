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
    """On an interrupt, print how many rows are kept in ``directory()``, which is None before it is
    known, and exit."""
    counted = False
    try:
        # What counts them is imported beforehand, since NumPy cannot be imported again after an
        # interrupt within its import.
        import rdbench.results  # noqa: F401

        counted = True
        yield
    except KeyboardInterrupt:
        end(directory() if counted else None)


def end(directory: Path | None) -> None:
    """Print how many rows a run directory has, if it is known, and exit with :data:`STATUS`."""
    if directory is None:
        told = "nothing was measured, and rows of earlier runs are kept"
    elif count := _count(directory):
        rows = "1 row is" if count == 1 else f"{count} rows are"
        told = f"{rows} kept in {directory}; the same command continues from there"
    else:
        told = "0 rows are kept; nothing was measured"
    say(f"interrupted; {told}", err=True)
    raise typer.Exit(STATUS)


def _count(directory: Path) -> int:
    from rdbench.errors import RdbenchError
    from rdbench.results import read_rows

    try:
        return len(read_rows(directory))
    except RdbenchError:  # there is no table yet
        return 0
