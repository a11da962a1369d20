"""Whether a codec got slower."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from rdbench.bd import mean_estimate
from rdbench.gate.deltas import signed, verdict_on
from rdbench.gate.pairs import Cell, Shared
from rdbench.gate.report import Finding, Verdict

TIMES: Final = {
    "encoding": {"processor": "encode_cpu_s", "wall": "encode_s"},
    "decoding": {"processor": "decode_cpu_s", "wall": "decode_s"},
}


def judge_times(shared: Sequence[Shared], most: float) -> tuple[list[Finding], list[str]]:
    """What is found about times, and the slowdowns as notes.

    Processor time is judged where both sides have it, wall time elsewhere: other work on the
    machine makes wall times of the same thing three times as long, and no codec worse. Only times
    of one way of timing (isolated, or shared with other work) are held against each other.
    """
    findings, notes = [], []
    before, now = ([getattr(cell, side) for cell in shared] for side in ("old", "new"))
    hosts = [_told(cells, "host") for cells in (before, now)]
    if all(hosts) and len({*hosts[0], *hosts[1]}) > 1:
        then, today = (" and ".join(names) for names in hosts)
        notes.append(f"times are of several machines: {then} in the baseline, {today} in the run")
    for doing, columns in TIMES.items():
        slowdowns = {kind: _slowdown(shared, column) for kind, column in columns.items()}
        judged = next((kind for kind, found in slowdowns.items() if found), None)
        if judged is None:
            ways = [" or ".join(_told(cells, "timing")) or "not known" for cells in (before, now)]
            why = "fewer than two images have them on both sides"
            if ways[0] != ways[1]:
                why = f"they were {ways[0]} in the baseline and are {ways[1]} in the run"
            findings.append(Finding(Verdict.NOT_COMPARABLE, f"times of {doing}: {why}"))
        for kind, slowdown in slowdowns.items():
            if slowdown is None:
                continue
            value, low, high = slowdown
            text = f"{kind} time of {doing} {signed(value, low, high, 1, ' %')}"
            if kind == judged and verdict_on(-high, -low, most) is Verdict.WORSE:
                findings.append(Finding(Verdict.WORSE, f"{text}, the limit is {most:g} %"))
            else:
                notes.append(text)
    return findings, notes


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
