"""Files as what they hold: digests that are kept while a file stays as it is."""

from __future__ import annotations

import functools
import hashlib
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
