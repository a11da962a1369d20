"""For projects that gate their codecs in pytest, or in any other test runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rdbench.gate import Limits, check
from rdbench.gate.outputs import table

__all__ = ["assert_no_regression"]


def assert_no_regression(run: str | Path, baseline: str | Path, **limits: Any) -> None:
    """Raise :class:`AssertionError` unless every curve of the baseline is there and no worse.

    ``run`` and ``baseline`` are run directories or CSV files; ``rdbench check RUN --baseline FILE
    --update`` writes a baseline. ``limits`` are the fields of :class:`rdbench.gate.Limits`:
    ``max_bd_rate`` (percent, 0.5 by default), ``max_bd_psnr`` (dB), ``max_slowdown`` (percent)
    and ``metrics``. The message is the table of what is not fine.

    Raises :class:`rdbench.RdbenchError` where there is nothing to be checked: no such run or
    baseline, or one that cannot be read.
    """
    __tracebackhide__ = True
    report = check(run, baseline, Limits(**limits))
    if not report.fine:
        raise AssertionError("\n" + table(report, only_failures=True))
