"""Resources of a worker: memory (on Linux; elsewhere as far as possible) and processor time.
``resource`` is imported only where it is used, since Windows lacks it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import Final

from rdbench import processes

_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
WORK_S: Final = 1e-3
"""Processor time by which a process is taken to have worked: one that has sent its answer may need
some more until it rests."""


class PeakMemory:
    """Peak resident memory of this process and of its live descendants, since :meth:`reset`. On
    Linux, the kernel's high-water mark is reset through ``/proc/PID/clear_refs`` (proc(5)).
    Otherwise, it is the peak since the start of the process.
    """

    _before_mb: float | None = None

    def __init__(self) -> None:
        self._worked_s: dict[int, float] = {}
        """Processor time of each process below this one at :meth:`reset`."""

    def reset(self) -> None:
        processes.reset_peak("self")
        self._worked_s = {pid: processes.cpu_time_s([pid]) for pid in processes.below()}
        for pid in self._worked_s:
            processes.reset_peak(pid)

    def peak_mb(self) -> float:
        """The peak in MiB, to a tenth."""
        if (peak := processes.told_mb("self", b"VmHWM:")) is not None:
            return peak
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)

    def below_mb(self) -> float | None:
        """The peak of the largest live descendant that has worked meanwhile, such as a codec's
        server; None if there is none."""
        peaks = [
            processes.told_mb(pid, b"VmHWM:")
            for pid in processes.below()
            if processes.cpu_time_s([pid]) - self._worked_s.get(pid, -WORK_S) >= WORK_S
        ]
        return max(filter(None, peaks), default=None)

    def begin(self) -> None:
        """Have :meth:`added_mb` begin here. What was freed before is given back to the system
        (malloc_trim(3)), or it would be used again unseen."""
        if _TRIM is not None:
            _TRIM(0)
        self.reset()
        self._before_mb = processes.told_mb("self", b"VmRSS:")

    def added_mb(self) -> float | None:
        """The peak in MiB beyond the memory at :meth:`begin`; None if the kernel and the C library
        do not provide it."""
        peak = processes.told_mb("self", b"VmHWM:")
        if _TRIM is None or self._before_mb is None or peak is None:
            return None
        return max(round(peak - self._before_mb, 1), 0.0)


def cpu_time_s() -> float:
    """Processor time in seconds, user and system, of this process, of its children that have ended
    (getrusage(2)), and of its live descendants."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return ended + processes.cpu_time_s(processes.below())


def load() -> float | None:
    """The load of the machine over the last minute (getloadavg(3)); None if unknown."""
    with suppress(OSError):
        return round(os.getloadavg()[0], 2)
    return None
