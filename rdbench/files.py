"""Files: cached digests, a record of the weights that a codec opens, atomic writing, locks, and
CSV."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import io
import os
import re
import stat
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from rdbench.errors import FileNote, RdbenchError, UsageError

MOST_NESTED: Final = 64
_NESTED: Final = f"values are nested deeper than {MOST_NESTED} levels"
_SPECIAL: Final = re.compile('[,"\r\n]')


def read_file(path: Path, most_bytes: int = 1 << 32) -> bytes:
    """The content of a regular file; errors as of :func:`open_file`."""
    with open_file(path, most_bytes) as file:
        return file.read()


def open_file(path: Path, most_bytes: int = 1 << 40) -> io.BufferedReader:
    """A regular file, open for reading. Raises :class:`OSError` if it cannot be read or is larger
    than ``most_bytes``, and for folders, pipes and devices, whose reading may block or never end.
    """
    _regular(path.stat(), most_bytes)
    # It may be another one by now, so it is not waited for while it is opened, either.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115 - closed by whoever asked
    try:
        _regular(os.fstat(file.fileno()), most_bytes)
    except OSError:
        file.close()
        raise
    return file


def _regular(status: os.stat_result, most_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a regular file")
    if status.st_size > most_bytes:
        told = f"it has {status.st_size:,} bytes; the limit is {most_bytes:,}"
        raise OSError(errno.EFBIG, told)


def parsed(parse: Callable[[str], Any], text: str) -> Any:
    """``parse(text)`` of JSON or TOML. Raises :class:`ValueError` as that does, and for values
    nested deeper than :data:`MOST_NESTED`, which would exhaust the stack."""
    try:
        value = parse(text)
    except RecursionError:
        raise ValueError(_NESTED) from None
    level = [value]
    for _ in range(MOST_NESTED):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return value
    raise ValueError(_NESTED)


def _within(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def stamp(path: Path) -> tuple[int, int]:
    """The time of a file's last change (ns) and its size in bytes. Raises :class:`OSError`."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits, computed again if its time or size has changed.
    Raises :class:`OSError`."""
    path = path.resolve()
    return _sha256(path, *stamp(path))


@functools.cache
def _sha256(path: Path, _changed_ns: int, _size_bytes: int) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, or, for a folder, of the relative names of all files below it and
    their SHA-256. Raises :class:`OSError`."""
    if not path.is_dir():
        return sha256(path)
    found = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        name = file.relative_to(path).as_posix()
        found.update(f"{name}\0{sha256(file)}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def write_atomically(path: Path, content: str | bytes | Iterable[str | bytes]) -> None:
    """Replace a file's content atomically: a reader, a crash or a power failure finds either the
    old or the new content, complete. Text, whole or in parts, is written as UTF-8, and missing
    folders are created. If ``path`` is a link, the file it leads to is replaced. What is
    not a file, such as a pipe, ``/dev/null`` or ``/dev/stdout``, is written to as it is. Raises
    :class:`RdbenchError` if the file system refuses (read-only, full).
    """
    parts = [content] if isinstance(content, str | bytes) else content
    partial: Path | None = None
    try:
        if _takes_bytes(path):
            with _opened_stream(path) as stream:
                for part in parts:
                    stream.write(encoded(part) if isinstance(part, str) else part)
            return
        target = path.resolve()
        make_folder(target.parent)
        partial = target.with_name(f".{target.name}.partial")
        with partial.open("wb") as file:
            for part in parts:
                file.write(encoded(part) if isinstance(part, str) else part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        sync_folder(target.parent)
    except BaseException as error:
        if partial:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise write_error(path, error) from error
        raise


def _takes_bytes(path: Path) -> bool:
    """Whether ``path`` is a pipe or a device, or a stream of this process by whatever name, also
    where that leads to a file: such things are not replaced."""
    named = [path, *path.parents]
    with contextlib.suppress(OSError):
        while path.is_symlink() and len(named) < 2 * MOST_NESTED:
            path = path.parent / path.readlink()
            named += [path, *path.parents]
        if any(str(one).startswith(("/proc/self/fd", "/dev/fd")) for one in named):
            return True
        mode = path.stat().st_mode
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False


def _opened_stream(path: Path) -> BinaryIO:
    """A pipe or a device, open for writing at its end. One that nobody reads from is not waited
    for. Raises :class:`OSError`."""
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    os.set_blocking(descriptor, True)
    return open(descriptor, "wb")  # noqa: PTH123 - closed by whoever asked


def encoded(text: str) -> bytes:
    """``text`` as UTF-8. What UTF-8 cannot encode, such as undecodable bytes of a path, is written
    as ``\\udce9``, which JSON reads back."""
    return text.encode("utf-8", "backslashreplace")


def make_folder(path: Path) -> None:
    """Create a folder and its parents, durably. Raises :class:`OSError`."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to disk. Raises :class:`OSError`."""
    if sys.platform == "win32":  # where folders are not opened
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems have no such thing
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_error(path: Path, error: OSError) -> RdbenchError:
    """The error for a file that cannot be written."""
    return RdbenchError(
        f"cannot write {str(path)!r}: {error.strerror or error}; everything so far is kept: make "
        "room or name another folder with `out`, then run the same command again"
    )


def lock(folder: Path, busy: str) -> int:
    """Create ``folder`` if needed, and take its lock. The returned file descriptor holds the lock
    until it is closed, or this process ends. Raises :class:`UsageError` with ``busy`` if another
    process has it, and if the folder cannot be written to. On a file system without locks, such as
    Lustre mounted without ``flock``, it warns (:class:`FileNote`); the user must then make sure
    that only one process writes there.
    """
    try:
        make_folder(folder)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UsageError(
            f"cannot write to {str(folder)!r}: {error.strerror}; name another folder with `out`"
        ) from None
    try:
        _lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(
            f"{busy} {str(folder)!r}; wait for it, or name another folder with `out`"
        ) from None
    except OSError as error:
        warnings.warn(
            f"{str(folder)!r} cannot be locked ({error.strerror}): make sure that no other "
            "process writes there at the same time",
            FileNote,
            stacklevel=3,
        )
    return descriptor


def is_locked(folder: Path) -> bool | None:
    """Whether a process has the lock of ``folder``; None if the system does not say (only Linux
    does). The lock itself is not touched."""
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    try:
        inode = (folder / ".lock").stat().st_ino
    except OSError:
        return False
    # The device is not compared: file systems that lie over others have another one here.
    return any("FLOCK" in line and line.split()[-3].endswith(f":{inode}") for line in locks)


def _lock(descriptor: int) -> None:
    """Lock an open file for this process. Raises :class:`BlockingIOError` where another one has it,
    and :class:`OSError` where there are no locks."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:  # what it is there (_locking, EACCES)
            raise BlockingIOError from error
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as CSV (RFC 4180, but with ``\\n`` as line end).

    The standard library's writer leaves a lone carriage return unquoted, and its reader then
    takes it for a line end.
    """
    # Most rows have nothing to quote, which is seen at once.
    return "".join(
        ",".join(map(_quoted, row) if _SPECIAL.search("".join(row)) else row) + "\n" for row in rows
    )


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell


class WeightsFile(io.BufferedReader):
    """A file open for reading bytes, which may also be passed on as a path."""

    def __fspath__(self) -> str:
        return str(self.name)

    def __del__(self) -> None:
        self.close()


def open_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Open a file that a codec reads besides its source, such as its weights. The run records its
    SHA-256, and measures rows again if the content has changed when the run continues.

    Args:
        path: the file.

    Returns:
        The file, to be read (``with rdbench.open_weights(path) as file: torch.load(file)``) or
        passed on as a path (``load_file(rdbench.open_weights(path))``).

    Raises:
        OSError: if it cannot be opened.
    """
    absolute = Path(path).absolute()
    file = WeightsFile(io.FileIO(absolute))
    if _noted is not None:
        _noted[str(absolute)] = sha256(absolute)
    return file


_noted: dict[str, str] | None = None


@contextlib.contextmanager
def noting(opened: dict[str, str]) -> Iterator[None]:
    """Record path and SHA-256 of files opened with :func:`open_weights` inside in ``opened``."""
    global _noted
    before, _noted = _noted, opened
    try:
        yield
    finally:
        _noted = before
