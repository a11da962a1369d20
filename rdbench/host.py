"""The machine that measures, and the share of it that this process may use."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")


def processor() -> str:
    """The processor's name, if the system provides it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def cores(root: Path = ROOT) -> int:
    """The number of cores that this process may use: those it may run on, as set by ``taskset`` and
    batch systems (sched_getaffinity(2)), limited by the quotas of its control groups, as containers
    set them, rounded down. ``root`` is where ``/proc`` and ``/sys`` are."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quotas: list[float] = [count]
    for group in _groups("cpu", root):
        told = _numbers(group / "cpu.max") or (
            *_numbers(group / "cpu.cfs_quota_us"),
            *_numbers(group / "cpu.cfs_period_us"),
        )
        if len(told) == 2 and min(told) > 0:
            quotas.append(told[0] / told[1])
    return max(1, int(min(quotas)))


def memory_mb(root: Path = ROOT) -> int:
    """The memory that this process may use in MiB: that of the machine, limited by its control
    groups."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for group in _groups("memory", root):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            limits += [int(limit) for limit in _numbers(group / name) if limit > 0]
    return min(limits) // 2**20


def _numbers(file: Path) -> tuple[float, ...]:
    """The numbers in a file of a control group; none where there is no such file, or no limit:
    ``max``."""
    with suppress(OSError, ValueError):
        return tuple(map(float, file.read_text().split()))
    return ()


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the control groups of this process that have ``controller``, of version 1 or 2
    (cgroups(7)), from its own up to that which is mounted: each may have a limit."""
    try:
        own = (root / "proc/self/cgroup").read_text().splitlines()
        mounted = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    for line in own:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for mount in mounted:
            before, _, after = mount.partition(" - ")
            inside, place = map(_unescaped, before.split()[3:5])
            kind, _, options = after.split(" ", 2)
            if controllers:
                wanted = kind == "cgroup" and controller in options.split(",")
            else:
                wanted = kind == "cgroup2"
            if wanted:
                top = root / place.lstrip("/")
                below = os.path.relpath(path, inside)
                # What a container is shown may be another part of the tree than its path says.
                group = top if below.startswith("..") else top / below
                while group != top:
                    yield group
                    group = group.parent
                yield top


def _unescaped(path: str) -> str:
    r"""A path as mountinfo has it, in which blanks are ``\040`` (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


@functools.cache
def package_digest() -> str:
    """A digest of the code of this rdbench: 16 hexadecimal digits."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
