"""How commands print findings: those of the doctors of codecs and metrics, and those of checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from rdbench.cli.console import say, show

if TYPE_CHECKING:
    from rdbench.conforming import CheckResult


class Findings:
    """Findings about ``names``, printed one by one and counted."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(map(len, names))
        self._counts = {"ok": 0, "failed": 0, "missing": 0}

    def show(self, name: str, missing: str, usable: bool, lines: Sequence[str]) -> None:
        """Print what is ``missing`` or else whether it is ``usable``, with ``lines`` of details."""
        state = "missing" if missing else "ok" if usable else "failed"
        self._counts[state] += 1
        head, *rest = [missing] if missing else lines
        say(f"{name:{self._width}}  {state:7}  {head}")
        for line in rest:
            say(f"{'':{self._width}}  {'':7}  {line}")

    def end(self, *, named: bool) -> None:
        """Print the counts. Raises :class:`typer.Exit` with 1 if something failed, or if something
        that was ``named`` is missing."""
        say(", ".join(f"{count} {state}" for state, count in self._counts.items()))
        if self._counts["failed"] or (named and self._counts["missing"]):
            raise typer.Exit(1)


def show_checks(name: str, results: Sequence[CheckResult]) -> None:
    """Print the results of all checks, and whether ``name`` conforms. Raises :class:`typer.Exit`
    with 1 if it does not."""
    from rdbench.conforming import conforms, table

    show(table(name, results))
    if not conforms(results):
        raise typer.Exit(1)
