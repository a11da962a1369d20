"""Files: digests that are kept while a file stays as it is, a note of the weights that a codec
opens, writing whole or not at all, locks, and CSV."""

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
    """The content of a regular file.

    Raises :class:`OSError` where it cannot be read, for one of more than ``most_bytes``, and for
    folders, pipes and devices: reading one of these may wait, or not end.
    """
    _regular(path.stat(), most_bytes)
    # It may be another one by now, so it is not waited for while it is opened, either.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123
        _regular(os.fstat(file.fileno()), most_bytes)
        return file.read()


def _regular(status: os.stat_result, most_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, and no regular file")
    if status.st_size > most_bytes:
        told = f"it has {status.st_size:,} bytes, more than the {most_bytes:,} that are read"
        raise OSError(errno.EFBIG, told)


def parsed(parse: Callable[[str], Any], text: str) -> Any:
    """``parse(text)`` of JSON or TOML. Raises :class:`ValueError` as that does, and for values that
    are nested deeper than :data:`MOST_NESTED`: whoever goes through them would end there."""
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
        name = file.relative_to(path).as_posix()
        found.update(f"{name}\0{sha256(file)}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def write_atomically(path: Path, content: str | bytes | Iterable[str]) -> None:
    """Replace a file's content so that a reader, or a crash, or a loss of power, leaves the old or
    the new one whole; text becomes UTF-8, whole or in parts, and folders that are not there are
    made. Where ``path`` is a link the file that it leads to is replaced. What is no file, such as a
    pipe, ``/dev/null`` or ``/dev/stdout``, is written to as it is.

    Raises :class:`RdbenchError` where the file system refuses (read-only, full).
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
    """``text`` as UTF-8. What UTF-8 does not have, such as the bytes of a path that are none, is
    written as ``\\udce9``: JSON has it so, and reads it back."""
    return text.encode("utf-8", "backslashreplace")


def make_folder(path: Path) -> None:
    """Make a folder, and those that it lies in, so that a loss of power does not undo it. Raises
    :class:`OSError`."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk. Raises :class:`OSError`."""
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
        f"cannot write {str(path)!r}: {error.strerror or error}; what was done so far is kept: "
        "make room or name another folder with `out`, then run the same command again"
    )


def lock(folder: Path, busy: str) -> int:
    """Make ``folder`` where there is none, and take its lock; the file descriptor that is returned
    holds it until it is closed, or this process ends.

    Raises :class:`UsageError` with ``busy`` where another process has it, and where the folder
    cannot be written to. On a file system without locks, such as Lustre mounted without ``flock``,
    it warns (:class:`FileNote`), and whoever writes there sees to it that he is alone.
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
            f"{str(folder)!r} cannot be locked ({error.strerror}): nothing keeps another process "
            "from writing there at the same time",
            FileNote,
            stacklevel=3,
        )
    return descriptor


def is_locked(folder: Path) -> bool | None:
    """Whether a process has the lock of ``folder``; None where the system does not tell, as Linux
    alone does. The lock is not touched: who asks for it meanwhile gets it."""
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
    """A file that is open for reading bytes, and may be handed on as its path, too."""

    def __fspath__(self) -> str:
        return str(self.name)

    def __del__(self) -> None:
        self.close()


def open_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Open a file that a codec of one's own reads beside its source, such as its weights, so that
    the run knows it: its SHA-256 is kept, and what was measured with another content is measured
    again when the run goes on.

    Args:
        path: the file.

    Returns:
        The file, to be read (``with rdbench.open_weights(path) as file: torch.load(file)``) or
        passed on as a path (``load_file(rdbench.open_weights(path))``).

    Raises:
        OSError: where it cannot be opened.
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
