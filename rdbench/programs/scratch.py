"""Temporary folders for programs: in RAM if there is room, removed afterwards."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

RAM_VARIABLE: Final = "RDBENCH_RAM"
"""Names the folder in RAM that a worker uses; it is set by the pool, which clears it away."""
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  a tmpfs on Linux (shm_overview(7))
LEAST_ROOM: Final = 256 * 2**20
NEED_FACTOR: Final = 16
PREFIX: Final = "rdbench-"


OWN: Final[dict[str, str]] = {}
"""Mark and folders of this process, where it is no worker and has a janitor for what it runs itself
(:func:`rdbench.programs.janitor.swept`); a worker has them in its environment."""


@contextlib.contextmanager
def scratch(image_bytes: int) -> Iterator[Path]:
    """A new folder that is removed at the end, with its content. It is in RAM if that leaves room
    for sixteen images of ``image_bytes`` and at least 256 MiB, else with other temporary files
    (``TMPDIR``).
    """
    ram = ram_folder()
    roomy = ram and room(ram) >= max(LEAST_ROOM, NEED_FACTOR * image_bytes)
    place = ram if roomy else OWN.get("TMPDIR")
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    try:
        yield folder
    finally:
        remove(folder)


def ram_folder() -> Path | None:
    """The folder for temporary files in RAM, where the system has one."""
    folder = Path(OWN.get(RAM_VARIABLE) or os.environ.get(RAM_VARIABLE) or SHARED_MEMORY)
    return folder if os.access(folder, os.W_OK | os.X_OK) and folder.is_dir() else None


def room(folder: Path) -> int:
    """Bytes that may be written to ``folder``; on a tmpfs, half of the memory that is free."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if not folder.is_relative_to(SHARED_MEMORY):
        return free
    return min(free, _available_memory(int(time.monotonic())) // 2)


@functools.lru_cache(maxsize=1)
def _available_memory(_second: int) -> int:
    """Free memory in bytes, looked up once in a second."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        _, _, rest = Path("/proc/meminfo").read_bytes().partition(b"MemAvailable:")
        return int(rest.split(None, 1)[0]) * 1024
    return 0


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, also where something took permissions away."""
    with contextlib.suppress(OSError):  # as it is nearly always: a few files and nothing else
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()
        return
    opened: set[Path] = set()

    def open_up(_action: object, path: str | Path, _error: object) -> None:
        for locked in (Path(path), Path(path).parent):
            if locked.is_relative_to(folder) and locked not in opened:
                with contextlib.suppress(OSError):
                    if not locked.is_symlink():
                        locked.chmod(locked.stat().st_mode | stat.S_IRWXU)
                        opened.add(locked)

    before = -1
    while before < len(opened):  # what was opened may have locked folders in it
        before = len(opened)
        shutil.rmtree(folder, onerror=open_up)
