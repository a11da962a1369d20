"""Cleans up after a run, even a killed one: processes that still run, and temporary folders. The
janitor is a separate process that waits for the end of its standard input, which comes when the run
ends for any reason.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rdbench.programs.scratch import OWN, PREFIX, RAM_VARIABLE, ram_folder, remove
from rdbench.programs.strays import MARK, kill_marked

_PATIENCE_S: Final = 10.0


class Janitor:
    """A mark and folders for the processes of a run; :meth:`close`, or the end of this process,
    ends them and removes the folders. :meth:`environment` is what they are to be started with."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        ram = ram_folder()
        places = [Path(tempfile.gettempdir())] + ([ram] if ram else [])
        self.folders: list[Path] = []
        try:
            for place in places:
                self.folders.append(Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)))
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-S", "-P", "-m", __name__),
                    *(self.mark, *map(str, self.folders)),
                ],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            sweep(self.mark, self.folders)
            raise

    def environment(self, name: str) -> dict[str, str]:
        """The environment of the process ``name``: its mark and its own temporary folders."""
        own = self.places(name)
        for folder in own:
            folder.mkdir()
        return {
            MARK: f"{self.mark}-{name}.",
            "TMPDIR": str(own[0]),
            **({RAM_VARIABLE: str(own[1])} if len(own) > 1 else {}),
        }

    def places(self, name: str) -> list[Path]:
        """The temporary folders of the process ``name``."""
        return [folder / name for folder in self.folders]

    def sweep(self, name: str) -> None:
        """End what the process ``name`` left running, and remove its folders."""
        sweep(f"{self.mark}-{name}.", self.places(name))

    def close(self) -> None:
        sweep(self.mark, self.folders)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def janitor() -> Iterator[Callable[[], Janitor]]:
    """What gives the janitor of this process: one for all that ask for it at a time, from the first
    that does until all have left."""
    with _lock:
        _users.append(object())
    try:
        yield _needed
    finally:
        with _lock:
            _users.pop()
            while not _users and _there:
                _there.pop().close()


def _needed() -> Janitor:
    with _lock:
        if not _there:
            _there.append(Janitor())
        return _there[0]


@contextlib.contextmanager
def swept() -> Iterator[None]:
    """Inside, what this process runs by itself is swept up behind it as behind a worker, which has
    that already."""
    if MARK in os.environ:
        yield
        return
    with _one_thread, janitor() as needed:
        if OWN:
            yield
            return
        found, name = needed(), f"own-{next(_numbers)}"
        OWN.update(found.environment(name))
        try:
            yield
        finally:
            OWN.clear()
            found.sweep(name)


_lock = threading.RLock()
_one_thread = threading.RLock()
_users: list[object] = []
_there: list[Janitor] = []  # none or one
_numbers = itertools.count(1)


def sweep(mark: str, folders: list[Path]) -> None:
    """Kill the processes with a mark that begins with ``mark``, and remove ``folders``."""
    kill_marked(mark)
    for folder in folders:
        if folder.exists():
            remove(folder)


def main(mark: str, *folders: str) -> None:
    sys.stdin.buffer.read()
    sweep(mark, [Path(folder) for folder in folders])


if __name__ == "__main__":
    main(*sys.argv[1:])
