"""How long a codec takes: measured once, or as often as a time for publication needs. Such times
come from a process that is alone and pinned to a core. They are medians of as many runs as it takes
until their 95 % interval is narrow. The interval of a median is that of order statistics (Conover,
Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2): it assumes nothing about the
distribution, which is skewed for times, and it exists for at least :data:`FEWEST` runs.
"""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from rdbench import programs
from rdbench.runner.resources import cpu_time_s
from rdbench.stages import synchronize, timing_transforms

NARROW: Final = 0.02
"""Largest width of a narrow interval, as a share of the median."""
FEWEST: Final = 6
"""The fewest runs that give a 95 % interval."""
MOST: Final = 50
LONGEST_S: Final = 60.0
"""Total wall time after which no further run is begun."""

T = TypeVar("T")


@dataclass(frozen=True)
class Times:
    """How long encoding, or decoding, takes: the medians of some runs."""

    wall_s: float
    cpu_s: float
    transform_s: float | None
    """Wall time of the transforms; None if the codec does not mark them."""
    runs: int = 1
    spread: float | None = None
    """Width of the 95 % interval of the wall time, as a share of it; None for fewer than
    :data:`FEWEST` runs."""

    @classmethod
    def of(cls, runs: Sequence[tuple[float, float, float | None]]) -> Times:
        """Of the wall, processor and transform times of runs in seconds."""
        walls, processor, transforms = zip(*runs, strict=True)
        known = [seconds for seconds in transforms if seconds is not None]
        median = statistics.median(walls)
        ends = interval_of_median(walls)
        return cls(
            median,
            statistics.median(processor),
            statistics.median(known) if len(known) == len(runs) else None,
            len(runs),
            (ends[1] - ends[0]) / median if ends and median > 0 else None,
        )

    def columns(self, doing: str, accounted: bool = True) -> dict[str, Any]:
        """The columns of a row whose names begin with ``doing``; without processor time unless it
        is ``accounted`` for."""
        return {
            f"{doing}_s": self.wall_s,
            f"{doing}_cpu_s": self.cpu_s if accounted else None,
            f"{doing}_transform_s": self.transform_s,
            f"{doing}_runs": self.runs,
            f"{doing}_spread": self.spread,
        }


class Timer:
    """Times calls, once or, ``repeating``, until the interval of the median is narrow.
    ``more_time`` gives each further run the time of a measurement."""

    def __init__(self, *, repeating: bool, more_time: Callable[[], None]) -> None:
        self._repeating, self._more_time = repeating, more_time

    def timed(self, call: Callable[[], T], again: Callable[[T, T], None]) -> tuple[T, Times]:
        """The first result of ``call``, and how long it takes. ``again`` gets that and each further
        result, and raises if they cannot both be right."""
        first, run = _run(call)
        runs = [run]
        while self._repeating and not self._enough(runs):
            self._more_time()
            result, run = _run(call)
            again(first, result)
            runs.append(run)
        if self._repeating:
            self._more_time()
        return first, Times.of(runs)

    def _enough(self, runs: Sequence[tuple[float, float, float | None]]) -> bool:
        if len(runs) >= MOST or sum(wall for wall, _, _ in runs) >= LONGEST_S:
            return True
        spread = Times.of(runs).spread
        return spread is not None and spread <= NARROW


def _run(call: Callable[[], T]) -> tuple[T, tuple[float, float, float | None]]:
    programs.prepare()
    synchronize()
    with timing_transforms() as transforms:
        cpu_s, start = cpu_time_s(), time.perf_counter()
        result = call()
        synchronize()
        wall_s = time.perf_counter() - start
        cpu_s = cpu_time_s() - cpu_s
    return result, (wall_s, cpu_s, sum(transforms) if transforms else None)


def interval_of_median(values: Sequence[float]) -> tuple[float, float] | None:
    """The ends of an interval that holds the median with at least 95 % confidence: two of the
    values. None for fewer than :data:`FEWEST` values."""
    count, below, rank = len(values), 0.0, 0
    for successes in range(count):
        below += math.comb(count, successes) / 2**count
        if below > 0.025:
            break
        rank = successes + 1
    if not rank:
        return None
    ordered = sorted(values)
    return ordered[rank - 1], ordered[count - rank]


def cores_for(threads: int) -> tuple[int, ...]:
    """As many of the cores that this process may use as there are ``threads``: the last ones, as
    the first serve most interrupts. Empty if processes cannot be pinned."""
    if not hasattr(os, "sched_setaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0))[-threads:])


def pin(cores: Sequence[int]) -> None:
    """Pin this process, and what it starts, to ``cores``, if there are any."""
    if cores:
        os.sched_setaffinity(0, cores)


def frequency_mhz(core: int) -> float | None:
    """The current clock of a core, if the kernel provides it."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path(_CPUFREQ.format(core), "scaling_cur_freq").read_text()) / 1000
    with contextlib.suppress(OSError, ValueError, IndexError):
        for part in Path("/proc/cpuinfo").read_text().split("\n\n"):
            fields = dict(line.split(":", 1) for line in part.splitlines() if ":" in line)
            named = {name.strip(): value.strip() for name, value in fields.items()}
            if named.get("processor") == str(core) and "cpu MHz" in named:
                return round(float(named["cpu MHz"]), 1)
    return None


def clock_policy(core: int) -> dict[str, str]:
    """The settings that decide the clock of a core (governor, driver, boost), if the kernel
    provides them."""
    files = {
        "governor": Path(_CPUFREQ.format(core), "scaling_governor"),
        "driver": Path(_CPUFREQ.format(core), "scaling_driver"),
        "boost": Path("/sys/devices/system/cpu/cpufreq/boost"),
        "no_turbo": Path("/sys/devices/system/cpu/intel_pstate/no_turbo"),
    }
    found = {}
    for name, file in files.items():
        with contextlib.suppress(OSError):
            found[name] = file.read_text().strip()
    return found


_CPUFREQ: Final = "/sys/devices/system/cpu/cpu{}/cpufreq"
