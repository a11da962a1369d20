"""Whether a codec got slower."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np

from rdbench.bd import mean_estimate
from rdbench.curves.complexity import QUIET
from rdbench.gate.deltas import signed, verdict_on
from rdbench.gate.pairs import Cell, Shared
from rdbench.gate.report import Finding, Verdict

MOST_OTHER_LOAD: Final = 0.25
"""Share by which the load may differ on a busy machine."""
SIDE_BY_SIDE: Final = "measure both in one run, and compare them by their labels"
TIMES: Final = {
    "encoding": {"processor": "encode_cpu_s", "wall": "encode_s"},
    "decoding": {"processor": "decode_cpu_s", "wall": "decode_s"},
}


def judge_times(shared: Sequence[Shared], most: float) -> tuple[list[Finding], list[str]]:
    """Findings about times, and the slowdowns as notes. Processor time is judged if both sides have
    it, otherwise wall time: other work on the machine can triple wall times without any codec being
    worse. Only times taken in the same way (pinned, isolated, or shared with other work) are
    compared. Another machine or load makes processor time longer, too; a slowdown beyond the limit
    is then inconclusive.
    """
    findings = []
    before, now = ([getattr(cell, side) for cell in shared] for side in ("old", "new"))
    notes = [*_other_machine(before, now), *_other_load(before, now)]
    doubts = f"; inconclusive, as {'; '.join(notes)}: {SIDE_BY_SIDE}" if notes else ""
    for doing, columns in TIMES.items():
        slowdowns = {kind: _slowdown(shared, column) for kind, column in columns.items()}
        judged = next((kind for kind, found in slowdowns.items() if found), None)
        if judged is None:
            ways = [" or ".join(_told(cells, "timing")) or "not known" for cells in (before, now)]
            why = "fewer than two images have times on both sides"
            if ways[0] != ways[1]:
                why = f"they were {ways[0]} in the baseline and are {ways[1]} in the run"
            findings.append(Finding(Verdict.NOT_COMPARABLE, f"times of {doing}: {why}"))
        for kind, slowdown in slowdowns.items():
            if slowdown is None:
                continue
            value, low, high = slowdown
            text = f"{kind} time of {doing} {signed(value, low, high, 1, ' %')}"
            if kind == judged and verdict_on(-high, -low, most) is Verdict.WORSE:
                verdict = Verdict.INCONCLUSIVE if doubts else Verdict.WORSE
                findings.append(Finding(verdict, f"{text}, the limit is {most:g} %{doubts}"))
            else:
                notes.append(text)
    return findings, notes


def _other_machine(before: Sequence[Cell], now: Sequence[Cell]) -> list[str]:
    hosts = [_told(cells, "host") for cells in (before, now)]
    if not all(hosts) or len({*hosts[0], *hosts[1]}) == 1:
        return []
    then, today = (" and ".join(names) for names in hosts)
    return [f"times are of several machines: {then} in the baseline, {today} in the run"]


def _other_load(before: Sequence[Cell], now: Sequence[Cell]) -> list[str]:
    loads = [
        [row.load for cell in cells for row in cell.rows if row.load is not None]
        for cells in (before, now)
    ]
    if not all(loads):
        return []
    then, today = map(statistics.median, loads)
    if max(then, today) < QUIET or abs(then - today) <= MOST_OTHER_LOAD * max(then, today):
        return []
    return [f"the load of the machine was {then:.1f} in the baseline and {today:.1f} in the run"]


def _told(cells: Sequence[Cell], column: str) -> list[str]:
    return sorted({getattr(row, column) for cell in cells for row in cell.rows} - {""})


def _slowdown(shared: Sequence[Shared], column: str) -> tuple[float, float, float] | None:
    """How much longer it takes in percent, with the ends of the interval: per image the ratio of
    the sums over its points, the mean of its logarithm over images. None where fewer
    than two images have times on both sides."""
    sums: dict[str, list[float]] = {}
    for cell in shared:
        timing = cell.old.row.timing
        old, new = cell.old.time_s(column, timing), cell.new.time_s(column, timing)
        if old is not None and new is not None:
            both = sums.setdefault(cell.image, [0.0, 0.0])
            both[0] += old
            both[1] += new
    if len(sums) < 2:
        return None
    ratios = np.log([new / old for old, new in sums.values()])
    ends = mean_estimate(ratios).interval()
    value, low, high = (100 * math.expm1(mean) for mean in (ratios.mean(), *ends))
    return value, low, high
