"""The directory of a training: its configuration, its logs, its checkpoints and its weights.

``config.toml`` is the configuration with every value; ``log.csv`` and ``validation.csv`` have a
row for each stretch of steps and for each validated image; a finished network is
``NAME.safetensors``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from rdbench.errors import RdbenchError, UsageError
from rdbench.files import csv_text, lock, write_atomically
from rdbench.models.weights import SUFFIX
from rdbench.provenance import differences
from rdbench.training import checkpoint
from rdbench.training.configuration import Configuration, decisive

CONFIGURATION: Final = "config.toml"
LOG: Final = "log.csv"
VALIDATION: Final = "validation.csv"
LOG_COLUMNS: Final = (
    "member",
    "step",
    "loss",
    "bpp",
    "mse",
    "psnr_db",
    "rate",
    "step_s",
    "data_s",
    "images_per_s",
)
"""Means over the steps since the row before; ``psnr_db`` is of the mean ``mse``, ``rate`` that of
Adam at ``step``, ``step_s`` the seconds of a step, of which ``data_s`` waiting for images."""
VALIDATION_COLUMNS: Final = (
    "member",
    "step",
    "image",
    "bpp",
    "estimated_bpp",
    "psnr_db",
    "ms_ssim_db",
    "seconds",
)
"""``bpp`` is of the stream, ``seconds`` of coding and decoding it."""


class Table:
    """A CSV file to which rows are appended and flushed."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self.columns = columns
        self.rows = read_rows(path) if path.exists() else []

    def keep(self, steps: Mapping[str, float]) -> None:
        """Drop the rows of members that are not in ``steps``, and those after the step that it
        names; write the others."""
        self.rows = [row for row in self.rows if int(row["step"]) <= steps.get(row["member"], -1)]
        cells = ([row[column] for column in self.columns] for row in self.rows)
        write_atomically(self.path, csv_text([self.columns, *cells]))

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add several rows together. Raises :class:`RdbenchError` if they cannot be written."""
        added = [{column: _cell(row[column]) for column in self.columns} for row in rows]
        self.rows += added
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(csv_text([row[column] for column in self.columns] for row in added))
        except OSError as error:
            raise RdbenchError(
                f"cannot write {str(self.path)!r}: {error.strerror}; make room, then run the same "
                "command again"
            ) from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of ``log.csv`` or ``validation.csv``, except one that a kill has cut off."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


class Folder:
    """The directory ``path``, locked against other writers. Use it in a ``with`` statement. Raises
    :class:`UsageError` if it holds another configuration, which ``fresh`` removes with all its
    results, or if another training is writing to it.
    """

    def __init__(self, path: Path, configuration: Configuration, *, fresh: bool) -> None:
        self.path = path
        self._lock = lock(path, "another training is writing to")
        try:
            if fresh:
                self._clear()
            self._check(configuration)
            write_atomically(path / CONFIGURATION, configuration.text())
            for partial in path.glob(".*.tmp"):  # of a process that was killed
                partial.unlink()
            self.log = Table(path / LOG, LOG_COLUMNS)
            self.validation = Table(path / VALIDATION, VALIDATION_COLUMNS)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._lock)

    def weights(self, member: str) -> Path:
        """The file of the weights of a member; it exists once the member is finished."""
        return self.path / (member + SUFFIX)

    def _clear(self) -> None:
        names = (CONFIGURATION, LOG, VALIDATION, checkpoint.NAME, checkpoint.PREVIOUS)
        there = [self.path / name for name in names]
        if (self.path / CONFIGURATION).exists():  # else the weights here are somebody else's
            there += self.path.glob("*" + SUFFIX)
        for path in there:
            path.unlink(missing_ok=True)

    def _check(self, configuration: Configuration) -> None:
        path = self.path / CONFIGURATION
        if not path.exists():
            if left := [name for name in (LOG, checkpoint.NAME) if (self.path / name).exists()]:
                raise UsageError(
                    f"{str(self.path)!r} holds {left[0]} without its {CONFIGURATION}; name another "
                    "folder with `out`, or start over with `fresh=True`"
                )
            return
        try:
            there = decisive(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"{str(path)!r} is damaged ({error}); start over with `fresh=True`"
            ) from None
        if found := differences(there, configuration.decisive()):
            raise UsageError(
                f"{str(self.path)!r} holds another training ({'; '.join(found)}); name another "
                "folder with `out`, or start over with `fresh=True`"
            )


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
