"""A run whose times are for publication: what it measures again, and its notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rdbench.errors import UsageError
from rdbench.experiment import CodecPlan, Task
from rdbench.results import RunDirectory
from rdbench.runner.timing import FEWEST, LONGEST_S, MOST, NARROW, clock_policy
from rdbench.schema import OK, PINNED, Measurement, MeasurementKey


def one_at_a_time(jobs: int | None, scheduler: str | None = None) -> int:
    """The number of jobs in such a run, which is one. Raises :class:`UsageError` for several, and
    for workers of a scheduler."""
    if jobs not in (None, 1):
        raise UsageError(
            f"`timing` measures one task at a time, but `jobs` is {jobs}; leave one of them out"
        )
    if scheduler is not None:
        raise UsageError(
            "`timing` measures on this machine only, but `scheduler` names others; leave one of "
            "them out"
        )
    return 1


def most_threads(codecs: Iterable[CodecPlan]) -> int:
    """The largest number of threads of a codec, by its option ``threads``."""
    return max((int(codec.resolved().get("threads", 1)) for codec in codecs), default=1)


def untimed(
    directory: RunDirectory, tasks: Sequence[Task]
) -> dict[MeasurementKey, tuple[str, str]]:
    """The good rows without such times, each with its curve and the reason why it is measured
    again."""
    rows = directory.rows
    timings = rows.table.texts["timing"]
    placed = ((task, rows.place(task.key)) for task in tasks)
    return {
        task.key: (
            task.codec.label,
            f"its times are {timings[place] or 'of unknown kind'}, not {PINNED}",
        )
        for task, place in placed
        if place is not None and rows.ok[place] and timings[place] != PINNED
    }


def timing_record(cores: Sequence[int]) -> dict[str, Any]:
    """How times are taken, for ``run.json``."""
    return {
        "cores": list(cores),
        "narrow": NARROW,
        "fewest_runs": FEWEST,
        "most_runs": MOST,
        "longest_s": LONGEST_S,
        "clock": clock_policy(cores[0]),
    }


def wide_intervals(rows: Iterable[Measurement]) -> list[str]:
    """A line for each curve that has times without a narrow interval."""
    wide: dict[str, list[float | None]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        if row.status == OK and row.timing == PINNED:
            counts[row.label] = counts.get(row.label, 0) + 2
            for spread in (row.encode_spread, row.decode_spread):
                if spread is None or spread > NARROW:
                    wide.setdefault(row.label, []).append(spread)
    said = []
    for label, spreads in wide.items():
        known = [spread for spread in spreads if spread is not None]
        worst = f", the widest {max(known):.1%}" if known else ""
        few = len(spreads) - len(known)
        worst += f", {few} of fewer than {FEWEST} runs" if few else ""
        said.append(
            f"{label}: {len(spreads)} of {counts[label]} times have a 95 % interval of more than "
            f"{NARROW:.0%} after {MOST} runs or {LONGEST_S:g} s{worst}"
        )
    return said
