"""Results of other tools as published curves: files in, one tidy CSV out.

A format is one module with ``recognises`` and ``read``, and one line in :data:`FORMATS`. The CSV
is what :func:`rdbench.curves.read_published` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench.curves.published import utf8_text
from rdbench.errors import UsageError
from rdbench.importing import columns, compressai, lee2019
from rdbench.importing.rows import File, Reading, Request, parse_mapping
from rdbench.importing.tidy import Imported, tidy

__all__ = ["FORMATS", "Format", "Imported", "Request", "import_curves", "parse_mapping"]


@dataclass(frozen=True)
class Format:
    """A file format: its name in messages, whether a file is of it, and how files of it are read.

    ``read`` takes all files at once, since a curve may be spread over several.
    """

    name: str
    recognises: Callable[[File, Request], bool]
    read: Callable[[Sequence[File], Request], Reading]


FORMATS: Final = (
    Format("CompressAI's JSON", compressai.recognises, compressai.read),
    Format("the tables of Lee 2019", lee2019.recognises, lee2019.read),
    Format("CSV", columns.recognises, columns.read),
)
"""In the order in which they are tried."""


def import_curves(paths: Sequence[str | Path], request: Request) -> Imported:
    """The curves in result files of other tools, all of one format.

    ``request`` holds what the files do not tell. Raises
    :class:`rdbench.errors.UsageError`, naming file and place, for a file that cannot be read, is
    of no known format or lacks a column, for cells that are no such numbers, for rows that occur
    twice, for a label that is taken, and for what is neither in the files nor in ``request``.
    """
    files = [File(Path(path).name, utf8_text(Path(path))) for path in paths]
    if not files:
        raise UsageError("name at least one file to import")
    for file in files:
        if not file.text.strip():
            raise UsageError(f"{file.name!r} is empty")
    formats = [_format(file, request) for file in files]
    if other := next((place for place, f in enumerate(formats) if f is not formats[0]), 0):
        raise UsageError(
            f"{files[0].name!r} is {formats[0].name}, {files[other].name!r} {formats[other].name}; "
            "import them one after the other"
        )
    return tidy(formats[0].read(files, request), request)


def _format(file: File, request: Request) -> Format:
    return next(form for form in FORMATS if form.recognises(file, request))
