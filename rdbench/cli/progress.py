"""Progress of a run: a bar on a terminal, otherwise a plain line now and then."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from rdbench.cli.console import say

if TYPE_CHECKING:
    from rdbench.schema import Measurement

EVERY_S: Final = 10.0


class Progress:
    """Shows rate and remaining time on stderr; call it with each row, or :meth:`show`. Use it in
    ``with``."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._failed = 0
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, row: Measurement, done: int, total: int) -> None:
        self._failed += row.status != "ok"
        self.show(done, total, "measured")

    def show(self, done: int, total: int, what: str = "done") -> None:
        """Show that ``done`` of ``total`` are done; calls with rows do this by themselves."""
        if sys.stderr.isatty():
            self._show_bar(done, total)
        elif (now := time.monotonic()) - self._last >= EVERY_S:
            self._last = now
            rate = done / (now - self._start)
            failed = f", {self._failed} failed" if self._failed else ""
            say(
                f"{done}/{total} {what} ({done / total:.0%}){failed}, {rate:.1f}/s, "
                f"{(total - done) / rate:.0f} s left",
                err=True,
            )

    def _show_bar(self, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="", dynamic_ncols=True, leave=False)
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
