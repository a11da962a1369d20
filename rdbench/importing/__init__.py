"""Results of other tools as published curves: files in, one tidy CSV out.

A format is one module with ``recognises`` and ``read``, and one line in :data:`FORMATS`. The CSV
is what :func:`rdbench.curves.read_published` reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench.curves.published import utf8_text
from rdbench.errors import UsageError
from rdbench.files import write_atomically
from rdbench.importing import aom, columns, compressai, encoder_logs, jpeg_ai, lee2019, lines, paths
from rdbench.importing.rows import File, Reading, Request, parse_mapping
from rdbench.importing.tidy import Imported, tidy
from rdbench.places import named

__all__ = [
    "FORMATS",
    "Format",
    "Imported",
    "Request",
    "import_",
    "import_curves",
    "parse_mapping",
]


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
    Format("logs of VTM or HM", encoder_logs.recognises, encoder_logs.read),
    Format("the tables of Lee 2019", lee2019.recognises, lee2019.read),
    Format("the rate points of AOM's test conditions", aom.recognises, aom.read),
    Format("summaries of JPEG AI", jpeg_ai.recognises, jpeg_ai.read),
    Format("CSV", columns.recognises, columns.read),
)
"""In the order in which they are tried."""


def import_(
    files: str | Path | Sequence[str | Path],
    *,
    mapping: Mapping[str, str] | str = "",
    label: str = "",
    dataset: str = "",
    color: str = "rgb",
    images: int = 0,
    rate_is: str = "",
    source: str = "",
    known_issue: str = "",
    delimiter: str = "",
    decimal: str = ".",
    point: str = "",
    image: str = "",
    size: str = "",
    fps: float = 0,
    out: str | Path | None = None,
    force: bool = False,
) -> Imported:
    """Turn results of other tools into curves that ``bd_table`` and ``plot_rd`` take as published
    ones, by the path of the CSV that is written; ``rdbench import``.

    Args:
        files: JSON of CompressAI's bench or eval_model, logs of the encoders of VTM and HM, tables
            of Lee 2019, rate points of AOM's test conditions (RDResults), summaries of JPEG AI, or
            text tables (CSV, TSV, Markdown, columns with blanks between them), all
            of one format.
        mapping: columns of rdbench and what they are called in the files, as a mapping or as
            ``bpp=rate,psnr_db=PSNR``.
        label: name of the curve; all rows become points of it. With ``*``, which stands for the
            label in the files, each curve keeps a name of its own, as in ``my-*``.
        dataset: name of the dataset, as in the runs to compare with.
        color: what was coded and scored, ``"rgb"`` or ``"luma"``.
        images: over how many images rows without an image are means.
        rate_is: what the rate is: ``"file"``, ``"coder"``, ``"entropy"`` or ``"unknown"``; by
            default as the format tells.
        source: where the numbers are from; the files' names by default.
        known_issue: what is known against them.
        delimiter: what separates the cells of a text table, one character, ``" "`` for runs of
            blanks; by default what the file shows.
        decimal: the decimal sign in a text table, ``"."`` or ``","``.
        point: the names of folders or files that tell the point of what is in them, with ``{}``
            for its number: ``"q{}"``, ``"*_q{}"``. Files of one name in folders that end with
            numbers need none.
        image: the same for the image.
        size: width and height of images whose rate is in bytes or kbit/s, ``"768x512"``, where no
            columns have them.
        fps: frames a second of rates in kbit/s, as the encoder was told them.
        out: the CSV file to write, if any.
        force: whether to replace it where it exists.

    Returns:
        The curves, the text of the CSV, and notes: what was not taken, and what the curves are
        not fit for.

    Raises:
        UsageError: naming file and place, for a file that cannot be read, is of no known format or
            lacks a column, for cells that are no such numbers, for rows that occur twice, for a
            label that is taken, for what is neither in the files nor given here, and for an
            ``out`` that cannot be written.
    """
    if len(delimiter) > 1 or decimal not in (".", ",") or decimal == delimiter:
        raise UsageError(
            f"`delimiter` {delimiter!r} and `decimal` {decimal!r}: the first is one character, the "
            "second . or , and they differ"
        )
    target = _target(out, force=force)
    request = Request(
        mapping=parse_mapping(mapping) if isinstance(mapping, str) else mapping,
        label=label,
        dataset=dataset,
        color=color,
        images=images,
        rate_is=rate_is,
        source=source,
        known_issue=known_issue,
        delimiter=delimiter,
        decimal=decimal,
        point=point,
        image=image,
        size=size,
        fps=fps,
    )
    imported = import_curves([files] if isinstance(files, str | Path) else files, request)
    if target is not None:
        write_atomically(target, imported.text)
    return imported


def _target(out: str | Path | None, *, force: bool) -> Path | None:
    if out is None:
        return None
    path = named(out)
    if path.suffix != ".csv":
        raise UsageError(f"`out` {str(out)!r}: curves are found in files named *.csv")
    if not path.parent.is_dir():
        raise UsageError(f"`out` {str(out)!r}: there is no folder {str(path.parent)!r}")
    if path.exists() and not (force and path.is_file()):
        raise UsageError(f"{str(out)!r} exists; name another file with `out`, or give `force=True`")
    return path


def import_curves(places: Sequence[str | Path], request: Request) -> Imported:
    """The curves in result files of other tools, all of one format.

    ``request`` holds what the files do not tell. Raises
    :class:`rdbench.errors.UsageError`, naming file and place, for a file that cannot be read, is
    of no known format or lacks a column, for cells that are no such numbers, for rows that occur
    twice, for a label that is taken, and for what is neither in the files nor in ``request``.
    """
    files = [
        dataclasses.replace(lines.without_comments(name, utf8_text(Path(path))), path=Path(path))
        for name, path in zip(paths.names(places), places, strict=True)
    ]
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
    files = paths.told(files, request)
    reading = formats[0].read(files, request)
    said = (*lines.notes(files), *paths.notes(reading.rows, files, request))
    reading = dataclasses.replace(reading, rows=tuple(paths.applied(reading.rows, files, request)))
    imported = tidy(reading, request)
    return dataclasses.replace(imported, notes=(*said, *imported.notes))


def _format(file: File, request: Request) -> Format:
    return next(form for form in FORMATS if form.recognises(file, request))
