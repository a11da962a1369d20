"""What programs and workers may write to their temporary folders, in sum."""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench.programs.scratch import place_of, room

CHECK_EVERY_S: Final = 0.2
SMALLEST_BYTES: Final = 16 * 2**20
MOST_FILES: Final = 100_000
_WORKERS_SHARE: Final = 2
_PROGRAMS_SHARE: Final = 4
_SHARES: Final = {_WORKERS_SHARE: "half", _PROGRAMS_SHARE: "a quarter"}
_LEAST_ROOM: Final = 2**20


@dataclass(frozen=True)
class Use:
    """What is in folders."""

    size_bytes: int = 0
    """What the files take on the disk."""
    files: int = 0
    """How many files and folders there are."""


@dataclass(frozen=True)
class Allowance:
    """What may be written to ``folders`` beside what was ``there``: the sum is bounded, since a
    bound on single files lets many of them fill the disk."""

    folders: tuple[Path, ...]
    share: int
    """The room that there is, over what may be written of it."""
    most_bytes: int
    there: Use

    @classmethod
    def of_program(cls, folder: Path, until: float = math.inf) -> Allowance:
        """That of a program in the folder that it runs in: a quarter of the room. Counting what is
        there ends at ``until``, when the program has no time left."""
        most = max(SMALLEST_BYTES, room(folder) // _PROGRAMS_SHARE)
        return cls((folder,), _PROGRAMS_SHARE, most, use((folder,), until))

    @classmethod
    def of_worker(cls, folders: Iterable[Path]) -> Allowance:
        """That of a worker with all that it starts: half of the room in the fullest place, so that
        a program of it is ended first."""
        folders = tuple(folders)
        most = min(max(4 * SMALLEST_BYTES, room(folder) // _WORKERS_SHARE) for folder in folders)
        return cls(folders, _WORKERS_SHARE, most, Use())

    @property
    def words(self) -> str:
        """How much may be written, in words."""
        return f"{_SHARES[self.share]} of the free space ({self.most_bytes // 2**20} MiB)"

    def excess(self, until: float = math.inf) -> str:
        """What was written beyond it, in words; "" where nothing was. It counts to ``until``."""
        now = use(self.folders, until)
        if now.files - self.there.files > MOST_FILES:
            return (
                f"wrote more than {MOST_FILES:,} files, or files too deep in folders to be counted"
            )
        if now.size_bytes - self.there.size_bytes > self.most_bytes:
            return f"wrote files that are together more than {self.words}"
        return ""


def use(folders: Iterable[Path], until: float = math.inf) -> Use:
    """What is in ``folders``, as far as it can be looked into. A file with several names counts
    once. Counting ends at ``until`` (of :func:`time.monotonic`), and where there are far more than
    :data:`MOST_FILES`."""
    size_bytes = files = 0
    several: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder) for folder in folders]
    while waiting and files <= 2 * MOST_FILES and time.monotonic() < until:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in itertools.islice(entries, 2 * MOST_FILES):
                    if time.monotonic() >= until:
                        return Use(size_bytes, files)
                    files += 1
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    if status.st_nlink > 1:
                        if status[1:3] in several:
                            continue
                        several.add(status[1:3])
                    size_bytes += 512 * status.st_blocks
        except OSError as error:  # gone by now, or locked
            if error.errno == errno.ENAMETOOLONG:  # what lies so deep is not seen any more
                files += 2 * MOST_FILES
    return Use(size_bytes, files)


def no_room(folder: Path) -> str:
    """Where there is no room any more, as the end of a message; "" where there is."""
    with contextlib.suppress(OSError):
        status = os.statvfs(folder)
        full = status.f_bavail * status.f_frsize < _LEAST_ROOM
        if full or (status.f_files and not status.f_favail):
            return f"; there is no room left in {str(place_of(folder))!r}"
    return ""
