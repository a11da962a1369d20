"""Live descendants of a process and what they use, from the kernel's accounts (proc(5)). A process
that has ended is in the account of the one that waited for it (getrusage(2)). A live one, such as a
server that a codec started, is only in its own. Only Linux provides this.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_LINUX: Final = sys.platform == "linux"
_CPUCLOCK_SCHED: Final = 2
_left_out: Final[set[int]] = set()


def leave_out(pid: int) -> None:
    """Exclude a process of rdbench's own, which does no work of a codec, and its descendants from
    :func:`below`."""
    _left_out.add(pid)


def take_in(pid: int) -> None:
    """The opposite of :func:`leave_out`."""
    _left_out.discard(pid)


def below(pid: int | None = None) -> list[int]:
    """The descendants of a process, by default this one."""
    if not _LINUX:
        return []
    found = [child for child in _children(pid or os.getpid()) if child not in _left_out]
    for child in found:  # which grows meanwhile
        found += _children(child)
    return found


def _children(pid: int) -> Iterator[int]:
    """The children of each of its threads."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - it is called while clocks run
            with contextlib.suppress(OSError):
                listed = _read(f"/proc/{pid}/task/{thread}/children")
                yield from map(int, listed.split())


def cpu_time_s(pids: Iterable[int]) -> float:
    """Processor time in seconds, user and system, of live processes with all their threads, and of
    the children that they have waited for; the latter in hundredths of a second."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            # What clock_getcpuclockid(3) makes of a process, whose clock counts nanoseconds.
            total += time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
            fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return total


def reset_peak(pid: int | str) -> bool:
    """Reset the memory peak of a process; returns whether that is possible."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def told_mb(pid: int | str, name: bytes) -> float | None:
    """An amount of memory of a process in MiB, to a tenth, that the kernel calls ``name``."""
    with contextlib.suppress(OSError):
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(name):
                return round(int(line.split()[1]) / 1024, 1)
    return None


def is_below(number: int) -> bool:
    """Whether a process with this ``number``, perhaps in its own namespace, is a descendant of this
    one."""
    for pid in below():
        with contextlib.suppress(OSError):
            for line in _read(f"/proc/{pid}/status").splitlines():
                if line.startswith(b"NSpid:") and int(line.split()[-1]) == number:
                    return True
    return False


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)
