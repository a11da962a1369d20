"""A cache of measurements: a folder with one SQLite file of limited size, which runs share. Nothing
depends on it: if it is damaged, full or read-only, rows are measured again, and one line says so.
Whether an entry is used depends only on digests, never on a clock. The least recently used entries
make room for new ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rdbench.errors import UsageError

FILE: Final = "measurements-1.sqlite"
"""With the revision of its tables."""
DEFAULT_MB: Final = 1024
PATIENCE_S: Final = 10.0
"""For another run that is writing."""
ROOM: Final = 0.9
"""What is left of the bound when room was made."""
_LOOK_EVERY: Final = 64
"""Entries that are written between two looks at the size."""
# An entry takes some 256 bytes beside its content.
_TOTAL: Final = "SELECT coalesce(sum(length(content) + 256), 0) FROM entry"
_OVER: Final = (
    "DELETE FROM entry WHERE key IN (SELECT key FROM (SELECT key, sum(length(content) + 256) "
    "OVER (ORDER BY used DESC, key) AS above FROM entry) WHERE above > ?)"
)
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, content TEXT NOT NULL, "
    "digest TEXT NOT NULL, used INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_use ON entry (used)",
)

Entry = dict[str, Any]


class Cache:
    """The entries in ``folder``, by their keys, of at most ``limit_mb`` MiB together. Use it in a
    ``with`` statement.

    ``said`` collects a line for each thing that it could not do; none of these is raised. Raises
    :class:`UsageError` if ``folder`` is a file, or cannot be created.
    """

    def __init__(self, folder: Path, limit_mb: int = DEFAULT_MB) -> None:
        if limit_mb < 1:
            raise UsageError(f"`cache_mb` is {limit_mb}; it must be at least 1 MiB")
        self.folder = folder
        self.said: list[str] = []
        self._limit_bytes = limit_mb * 2**20
        self._written = 0
        self._writes = True
        self._connection: sqlite3.Connection | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot create the cache {str(folder)!r}: {error.strerror}; name another folder "
                "with `cache`"
            ) from None
        with self._guarded("is not used"):
            self._connection = self._opened()

    @property
    def filled(self) -> bool:
        """Whether there are entries."""
        if self._connection is not None:
            with self._guarded("is not used any more"):
                return bool(self._connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone())
        return False

    def get(self, key: str) -> Entry | None:
        """The entry of ``key``; None if there is none, or if it is damaged."""
        if self._connection is None:
            return None
        with self._guarded("is not used any more"):
            found = self._connection.execute(
                "SELECT content, digest FROM entry WHERE key = ?", (key,)
            ).fetchone()
            if found is None:
                return None
            content, digest = found
            if _digest(key, content) == digest:
                self._use(key)
                entry: Entry = json.loads(content)
                return entry
            self._say(f"the cache {str(self.folder)!r} has damaged entries, which are not used")
            if self._writes:
                self._connection.execute("DELETE FROM entry WHERE key = ?", (key,))
        return None

    def put(self, key: str, entry: Entry) -> None:
        """Store an entry, replacing one with the same key."""
        if self._connection is None or not self._writes:
            return
        content = json.dumps(entry, ensure_ascii=False, sort_keys=True)
        with self._guarded("takes nothing more", of_writing=True):
            self._connection.execute(
                "INSERT OR REPLACE INTO entry "
                "SELECT ?, ?, ?, coalesce(max(used), 0) + 1 FROM entry",
                (key, content, _digest(key, content)),
            )
            self._written += 1
            if self._written % _LOOK_EVERY == 0:
                self._make_room()

    def _use(self, key: str) -> None:
        if self._writes:
            with self._guarded("takes nothing more", of_writing=True):
                assert self._connection is not None
                self._connection.execute(
                    "UPDATE entry SET used = (SELECT max(used) + 1 FROM entry) WHERE key = ?",
                    (key,),
                )

    def _make_room(self) -> None:
        """Remove the least recently used entries if there are more than the limit allows."""
        assert self._connection is not None
        (total,) = self._connection.execute(_TOTAL).fetchone()
        if total > self._limit_bytes:
            self._connection.execute(_OVER, (int(ROOM * self._limit_bytes),))

    def _opened(self) -> sqlite3.Connection:
        path = self.folder / FILE
        writable = os.access(self.folder, os.W_OK) and (
            os.access(path, os.W_OK) or not path.exists()
        )
        if not writable:
            self._writes = False
            self._say(f"the cache {str(self.folder)!r} is read-only; nothing is added to it")
            if not path.exists():
                raise sqlite3.OperationalError("there is nothing in it")
            return self._connected(f"{path.absolute().as_uri()}?mode=ro")
        try:
            return self._connected(path.absolute().as_uri())
        except sqlite3.DatabaseError as error:
            if not _is_damaged(error):
                raise
            self._put_aside(error)
            return self._connected(path.absolute().as_uri())

    def _connected(self, uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE_S, isolation_level=None)
        try:
            if self._writes:
                connection.execute("PRAGMA auto_vacuum = FULL")
                # The end of the operating system may cost the last entries, and nothing else.
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("BEGIN IMMEDIATE")
                for table in _TABLES:
                    connection.execute(table)
                connection.execute("COMMIT")
            connection.execute("SELECT key, content, digest, used FROM entry LIMIT 1").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_aside(self, error: Exception) -> None:
        """Make the next run that opens it begin a new one."""
        self._say(
            f"the cache {str(self.folder)!r} is damaged ({error}); a new one is begun, and the "
            f"old one is kept as {FILE}.damaged"
        )
        path = self.folder / FILE
        path.replace(path.with_name(f"{FILE}.damaged"))
        path.with_name(f"{FILE}-journal").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _guarded(self, then: str, *, of_writing: bool = False) -> Iterator[None]:
        """Report what SQLite or the system refuses, and stop using the cache, or writing to it."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            damaged = _is_damaged(error)
            if damaged or not of_writing:
                self.close()
            if damaged and self._writes:
                with contextlib.suppress(OSError):
                    self._put_aside(error)
            else:
                self._say(f"the cache {str(self.folder)!r} {then}: {error}")
            self._writes = False

    def _say(self, line: str) -> None:
        if line not in self.said:
            self.said.append(line)

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _is_damaged(error: Exception) -> bool:
    """Whether the file is no database, or a broken one; the system's refusals are others."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError
    )


def _digest(key: str, content: str) -> str:
    return hashlib.sha256(f"{key}\n{content}".encode()).hexdigest()
