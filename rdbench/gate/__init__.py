"""The gate: compares a run with a baseline, with a verdict on every curve. It uses rows and curves
only; nothing here runs a codec or needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rdbench.errors import UsageError
from rdbench.gate.baseline import (
    Table,
    is_ours,
    read_baseline,
    read_run,
    write_baseline,
    write_file,
)
from rdbench.gate.report import (
    FAILURES,
    CurveVerdict,
    Delta,
    Finding,
    Limits,
    Report,
    Verdict,
)
from rdbench.gate.side_by_side import check_labels
from rdbench.gate.verdicts import compare

__all__ = [
    "FAILURES",
    "CurveVerdict",
    "Delta",
    "Finding",
    "Limits",
    "Report",
    "Table",
    "Update",
    "Verdict",
    "check",
    "check_labels",
    "compare",
    "read_baseline",
    "read_run",
    "update",
    "write_baseline",
    "write_file",
]


def check(run: str | Path, baseline: str | Path, limits: Limits | None = None) -> Report:
    """Compare a run with a baseline; ``rdbench check``.

    Args:
        run: a run directory or CSV file.
        baseline: a CSV file that :func:`update` wrote, or a run directory.
        limits: how much worse a curve may become, and in which metrics.

    Returns:
        The verdicts: ``fine`` tells whether no curve is worse, gone, newly failing, not comparable
        or inconclusive; ``curves`` has the verdict on each, with the reasons.

    Raises:
        UsageError: if one of them cannot be read, if both are the same file, or if the baseline
            lacks what the limits need.
    """
    _refuse_itself(run, baseline)
    return compare(read_run(run), read_baseline(baseline), limits or Limits())


@dataclass(frozen=True)
class Update:
    """A baseline that was written."""

    path: Path
    rows: int
    report: Report | None
    """The run compared with the previous baseline; None if that could not be read."""
    problem: str
    """Why the run could not be compared with the previous baseline; empty if it could."""
    failures: tuple[str, ...]
    """Failures in the new baseline that the old one did not have, curve by curve."""


def update(run: str | Path, baseline: str | Path, limits: Limits | None = None) -> Update:
    """Write the rows of a run as the baseline, which need not exist yet. The file is replaced
    atomically. Failed rows are written, too, so that later checks can tell old failures from new
    ones; :attr:`Update.failures` lists those that the old baseline did not have. Times are kept if
    ``limits`` has a slowdown. Raises :class:`UsageError` if the run cannot be read or has no ok
    row, and if the existing file is not a baseline (such as another run) or cannot be written.
    """
    limits, path = limits or Limits(), Path(baseline)
    _refuse_itself(run, path)
    if path.exists() and not is_ours(path):
        raise UsageError(
            f"{str(path)!r} exists and is not a baseline that `update` wrote; name another file"
        )
    table = read_run(run)
    report, problem = None, ""
    if path.exists():
        try:
            report = compare(table, read_baseline(path), limits)
        except UsageError as error:
            problem = str(error)
    against = report or compare(table, Table("nothing", ()), Limits())
    rows = write_baseline(path, table, times=limits.max_slowdown is not None)
    failures = tuple(
        f"{curve.title} ({curve.dataset}): {finding.text}"
        for curve in against.curves
        for finding in curve.findings
        if finding.verdict is Verdict.NEWLY_FAILING
    )
    return Update(path, rows, report, problem, failures)


def _refuse_itself(run: str | Path, baseline: str | Path) -> None:
    from rdbench.results import MEASUREMENTS

    files = [path / MEASUREMENTS if path.is_dir() else path for path in (Path(run), Path(baseline))]
    if files[0].resolve() == files[1].resolve():
        raise UsageError(f"{str(run)!r} is the baseline itself; name another file with `baseline`")
