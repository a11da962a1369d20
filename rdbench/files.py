"""Files as what they hold: digests that are kept while a file stays as it is, and a note of the
weights that a codec opens."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path


def stamp(path: Path) -> tuple[int, int]:
    """When a file was changed last (ns) and its size in bytes. Raises :class:`OSError`."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits, computed again once the file is another by its
    time or size. Raises :class:`OSError`."""
    path = path.resolve()
    return _sha256(path, *stamp(path))


@functools.cache
def _sha256(path: Path, _changed_ns: int, _size_bytes: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; of a folder, that of the names of all files below it (relative to it)
    and their SHA-256. Raises :class:`OSError`."""
    if not path.is_dir():
        return sha256(path)
    found = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        found.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
    return found.hexdigest()


class WeightsFile(io.BufferedReader):
    """A file that is open for reading bytes, and may be handed on as its path, too."""

    def __fspath__(self) -> str:
        return str(self.name)

    def __del__(self) -> None:
        self.close()


def open_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Open a file that a codec of one's own reads beside its source, such as its weights, so that
    the run knows it: its SHA-256 is kept, and what was measured with another content is measured
    again when the run goes on.

    To be read (``with rdbench.open_weights(path) as file: torch.load(file)``) or passed on as a
    path (``load_file(rdbench.open_weights(path))``). Raises :class:`OSError`.
    """
    absolute = Path(path).absolute()
    file = WeightsFile(io.FileIO(absolute))
    if _noted is not None:
        _noted[str(absolute)] = sha256(absolute)
    return file


_noted: dict[str, str] | None = None


@contextlib.contextmanager
def noting(opened: dict[str, str]) -> Iterator[None]:
    """Put path and SHA-256 of what is opened with :func:`open_weights` within it into
    ``opened``."""
    global _noted
    before, _noted = _noted, opened
    try:
        yield
    finally:
        _noted = before
