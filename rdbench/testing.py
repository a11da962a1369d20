"""Assertions for projects that test their codecs with pytest or any other test runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec

__all__ = ["assert_conforms", "assert_no_regression"]


def assert_conforms(
    codec: str | type[Codec],
    options: Mapping[str, Any] | None = None,
    *,
    points: Sequence[Any] = (),
    timeout_s: float = 120.0,
) -> None:
    """Raise :class:`AssertionError` unless a codec conforms to the contract. The message is the
    table of failed checks.

    Args:
        codec: as :func:`rdbench.conformance`.
        options: as :func:`rdbench.conformance`.
        points: as :func:`rdbench.conformance`.
        timeout_s: as :func:`rdbench.conformance`.

    Returns:
        Nothing.

    Raises:
        AssertionError: if a check failed, or all were skipped.
        UsageError: for a codec, an option or a point that does not exist.
    """
    from rdbench.conforming import conforms, run_checks, table

    __tracebackhide__ = True
    results = run_checks(codec, options, points=points, timeout_s=timeout_s)
    if not conforms(results):
        name = codec if isinstance(codec, str) else codec.__qualname__
        raise AssertionError("\n" + table(name, results, only_failures=True))


def assert_no_regression(run: str | Path, baseline: str | Path, **limits: Any) -> None:
    """Raise :class:`AssertionError` unless every curve of the baseline is in the run and no worse.
    The message is the table of the curves that are not.

    Args:
        run: a run directory or CSV file.
        baseline: a CSV file that ``rdbench check RUN --baseline FILE --update`` wrote, or a run
            directory.
        limits: fields of :class:`rdbench.gate.Limits`: ``max_bd_rate`` (percent, 0.5 by default),
            ``max_bd_psnr`` (dB), ``max_slowdown`` (percent) and ``metrics``.

    Returns:
        Nothing.

    Raises:
        AssertionError: if a curve is worse, gone, newly failing or not comparable.
        RdbenchError: if the run or the baseline does not exist or cannot be read.
    """
    from rdbench.gate import Limits, check
    from rdbench.gate.outputs import table

    __tracebackhide__ = True
    report = check(run, baseline, Limits(**limits))
    if not report.fine:
        raise AssertionError("\n" + table(report, only_failures=True))
