"""Results of checks: passed, failed or skipped, with the measured value or the reason."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rdbench.schema import one_line

_MOST_FAULTS: Final = 3


class Status(enum.StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; ``detail`` is what was measured, what failed, or why skipped."""

    check: str
    status: Status
    detail: str = ""


Verdict = tuple[Status, str]
"""Status and detail of a check."""


def skipped(reason: str) -> Verdict:
    return Status.SKIPPED, reason


def judged(faults: Iterable[str], detail: str = "") -> Verdict:
    """Failed with the first faults named, or passed with ``detail``."""
    listed = list(faults)
    if not listed:
        return Status.PASSED, detail
    more = f" (and {len(listed) - _MOST_FAULTS} more)" if len(listed) > _MOST_FAULTS else ""
    return Status.FAILED, "; ".join(one_line(text, 200) for text in listed[:_MOST_FAULTS]) + more


def conforms(results: Sequence[CheckResult]) -> bool:
    """Whether nothing failed and something passed. Skipping everything does not count as
    conforming."""
    statuses = [result.status for result in results]
    return Status.FAILED not in statuses and Status.PASSED in statuses


def table(name: str, results: Sequence[CheckResult], *, only_failures: bool = False) -> str:
    """A line for each check, and finally whether ``name`` conforms, with the counts."""
    shown = [r for r in results if r.status is Status.FAILED or not only_failures]
    width = max((len(result.check) for result in shown), default=0)
    lines = [f"{r.check:{width}}  {r.status.value:7}  {r.detail}".rstrip() for r in shown]
    counts = [f"{sum(r.status is status for r in results)} {status.value}" for status in Status]
    verdict = "conforms" if conforms(results) else "does not conform"
    return "\n".join([*lines, f"{name}: {verdict} ({', '.join(counts)})"])
