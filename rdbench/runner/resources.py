"""What a worker uses: memory (Linux; elsewhere as far as it goes), and processor time.

``resource`` is imported where it is used: Windows, which has no workers, lacks it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


class PeakMemory:
    """Peak resident memory of this process since :meth:`reset`.

    On Linux the kernel's high-water mark is reset through ``/proc/self/clear_refs`` (proc(5)).
    Where that is not possible it is the peak since the start of the process.
    """

    _status = Path("/proc/self/status")
    _clear_refs = Path("/proc/self/clear_refs")
    _before_mb: float | None = None

    def reset(self) -> None:
        try:
            self._clear_refs.write_text("5")
        except OSError:
            return

    def peak_mb(self) -> float:
        """The peak in MiB, to a tenth."""
        if (peak := self._told_mb("VmHWM:")) is not None:
            return peak
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)

    def begin(self) -> None:
        """Have :meth:`added_mb` begin here. What was freed before is given back to the system
        (malloc_trim(3)), or it would be used again unseen."""
        if _TRIM is not None:
            _TRIM(0)
        self.reset()
        self._before_mb = self._told_mb("VmRSS:")

    def added_mb(self) -> float | None:
        """The peak in MiB over what there was at :meth:`begin`; None where the kernel and the C
        library do not tell it."""
        peak = self._told_mb("VmHWM:")
        if _TRIM is None or self._before_mb is None or peak is None:
            return None
        return max(round(peak - self._before_mb, 1), 0.0)

    def _told_mb(self, name: str) -> float | None:
        with suppress(OSError):
            for line in self._status.read_text().splitlines():
                if line.startswith(name):
                    return round(int(line.split()[1]) / 1024, 1)
        return None


def cpu_time_s() -> float:
    """Processor time in seconds, user and system, of this process and of those it started that
    have ended (getrusage(2))."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def load() -> float | None:
    """The load of the machine over the last minute (getloadavg(3)); None where it is not told."""
    with suppress(OSError):
        return round(os.getloadavg()[0], 2)
    return None
