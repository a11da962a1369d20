"""Temporary folders for programs: in RAM if there is room, removed afterwards."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rdbench.errors import RdbenchError
from rdbench.programs.strays import MARK

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
    # A worker has its own folder, also while that is full, and tempfile goes on to another one.
    own = OWN.get("TMPDIR") or (os.environ.get("TMPDIR") if MARK in os.environ else None)
    place = Path((ram if roomy else own) or tempfile.gettempdir())
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        yield folder
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RdbenchError(
            f"cannot write to {str(place_of(place))!r}: {error.strerror}; make room there, or have "
            "$TMPDIR name another folder"
        ) from error
    finally:
        if folder:
            remove(folder)


def place_of(folder: Path) -> Path:
    """Where a folder for temporary files is, without those of run, worker and program."""
    own = [up for up in (folder, *folder.parents[:2]) if up.name.startswith(PREFIX)]
    return own[-1].parent if own else folder


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
    """Remove a folder with all that is in it, also where something took permissions away, and
    however deep folders lie in each other."""
    with contextlib.suppress(OSError):  # as it is nearly always: a few files and nothing else
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        return
    names = itertools.count()
    done = True
    while done:  # the next level comes up to this one, so that no path gets long
        done = False
        _open_up(folder)
        for entry in _entries(folder):
            if not entry.is_dir(follow_symlinks=False):
                done |= _tried(os.unlink, entry.path)
                continue
            _open_up(entry.path)
            for inner in _entries(entry.path):
                if inner.is_dir(follow_symlinks=False):
                    _open_up(inner.path)
                    up = folder / f"{PREFIX}{next(names)}"
                    done |= not up.exists() and _tried(os.rename, inner.path, up)
                else:
                    done |= _tried(os.unlink, inner.path)
            done |= _tried(os.rmdir, entry.path)
    _tried(os.rmdir, folder)


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [*entries]
    return []


def _open_up(folder: Path | str) -> None:
    """Have the permissions to look into a folder and to remove what is in it."""
    _tried(os.chmod, folder, stat.S_IRWXU)


def _tried(change: Callable[..., None], *paths: object) -> bool:
    """Whether a change of the file system was made."""
    try:
        change(*paths)
    except OSError:
        return False
    return True
