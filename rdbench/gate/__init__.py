"""The gate: a run held against a baseline, with a verdict on every curve.

Rows and curves only: nothing here runs a codec or needs torch.
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
    """Hold a run against a baseline; ``rdbench check``.

    Args:
        run: a run directory or CSV file.
        baseline: a CSV file that :func:`update` wrote, or a run directory.
        limits: how much worse a curve may be, and in which metrics.

    Returns:
        The verdicts: ``fine`` is whether no curve is worse, gone, newly failing or not comparable,
        ``curves`` says of each what and why.

    Raises:
        UsageError: where one of them cannot be read, both are the same file, or the baseline lacks
            what the limits ask for.
    """
    _refuse_itself(run, baseline)
    return compare(read_run(run), read_baseline(baseline), limits or Limits())


@dataclass(frozen=True)
class Update:
    """A baseline that was written."""

    path: Path
    rows: int
    report: Report | None
    """The run held against what was there before; None where that was nothing readable."""
    problem: str
    """Why what was there before could not be held against the run; empty where it could."""
    failures: tuple[str, ...]
    """What fails in the new baseline and did not in the old one, curve by curve."""


def update(run: str | Path, baseline: str | Path, limits: Limits | None = None) -> Update:
    """Write the rows of a run as the baseline, also where there is none yet.

    The old file stays whole until the new one is. Rows that failed are written, too, so that
    later runs tell what has always failed from what newly fails; :attr:`Update.failures` names
    those that the old baseline did not have. Times are kept where ``limits`` has a slowdown.
    Raises :class:`UsageError` where the run cannot be read or nothing in it is ok, and where what
    is there is no baseline, such as another run, or cannot be written.
    """
    limits, path = limits or Limits(), Path(baseline)
    _refuse_itself(run, path)
    if path.exists() and not is_ours(path):
        raise UsageError(
            f"{str(path)!r} is there and is no baseline that `update` wrote; name another file"
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
