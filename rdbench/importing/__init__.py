"""Converting results of other tools to published curves: files in, one tidy CSV out.

A format is one module with ``recognizes`` and ``read``, and one line in :data:`FORMATS`. The CSV
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
    """A file format: its name in messages, its detection, and its reader. ``read`` takes all files
    at once, since a curve may be spread over several.
    """

    name: str
    recognizes: Callable[[File, Request], bool]
    read: Callable[[Sequence[File], Request], Reading]


FORMATS: Final = (
    Format("CompressAI's JSON", compressai.recognizes, compressai.read),
    Format("logs of VTM or HM", encoder_logs.recognizes, encoder_logs.read),
    Format("the tables of Lee 2019", lee2019.recognizes, lee2019.read),
    Format("the rate points of AOM's test conditions", aom.recognizes, aom.read),
    Format("summaries of JPEG AI", jpeg_ai.recognizes, jpeg_ai.read),
    Format("CSV", columns.recognizes, columns.read),
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
    """Convert results of other tools to curves that ``bd_table`` and ``plot_rd`` take as published
    ones, by the path of the written CSV; ``rdbench import``.

    Args:
        files: JSON of CompressAI's bench or eval_model, logs of the encoders of VTM and HM, tables
            of Lee 2019, rate points of AOM's test conditions (RDResults), summaries of JPEG AI, or
            text tables (CSV, TSV, Markdown, columns separated by blanks), all of one format.
        mapping: columns of rdbench and their names in the files, as a mapping or as
            ``bpp=rate,psnr_db=PSNR``.
        label: name of the curve; all rows become its points. With ``*``, which stands for the label
            in the files, each curve keeps its own name, as in ``my-*``.
        dataset: name of the dataset, as in the runs to compare with.
        color: what was coded and scored, ``"rgb"`` or ``"luma"``.
        images: number of images that rows without an image are means over.
        rate_is: what the rate counts: ``"file"``, ``"coder"``, ``"entropy"`` or ``"unknown"``; by
            default as the format says.
        source: source of the numbers; by default the names of the files.
        known_issue: a known problem of the numbers.
        delimiter: separator of the cells of a text table: one character, or ``" "`` for runs of
            blanks; by default detected.
        decimal: the decimal sign in a text table, ``"."`` or ``","``.
        point: name pattern of the folders or files, with ``{}`` for the number of the point:
            ``"q{}"``, ``"*_q{}"``. Not needed for files of the same name in folders whose names end
            with numbers.
        image: the same for the image.
        size: width and height of the images, ``"768x512"``, for rates in bytes or kbit/s if no
            columns have it.
        fps: frames per second for rates in kbit/s, as given to the encoder.
        out: the CSV file to write, if any.
        force: whether to replace an existing file.

    Returns:
        The curves, the text of the CSV, and notes: what was left out, and limitations of the
        curves.

    Raises:
        UsageError: naming file and place, for a file that cannot be read, has no known format or
            lacks a column, for invalid numbers, for duplicate rows, for a label that is taken, for
            information that is neither in the files nor given here, and for an ``out`` that cannot
            be written.
    """
    if len(delimiter) > 1 or decimal not in (".", ",") or decimal == delimiter:
        raise UsageError(
            f"`delimiter` {delimiter!r} and `decimal` {decimal!r}: the first must be one "
            "character, the second . or , and they must differ"
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
        raise UsageError(f"`out` {str(out)!r}: the name must end with .csv")
    if not path.parent.is_dir():
        raise UsageError(f"`out` {str(out)!r}: there is no folder {str(path.parent)!r}")
    if path.exists() and not (force and path.is_file()):
        raise UsageError(f"{str(out)!r} exists; name another file with `out`, or give `force=True`")
    return path


def import_curves(places: Sequence[str | Path], request: Request) -> Imported:
    """The curves in result files of other tools, all of one format. ``request`` holds what the
    files do not say. Raises :class:`rdbench.errors.UsageError`, naming file and place, for a file
    that cannot be read, has no known format or lacks a column, for invalid numbers, for duplicate
    rows, for a label that is taken, and for information that is neither in the files nor in
    ``request``.
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
            f"{files[0].name!r} is {formats[0].name}, but {files[other].name!r} is "
            f"{formats[other].name}; import them separately"
        )
    files = paths.told(files, request)
    reading = formats[0].read(files, request)
    said = (*lines.notes(files), *paths.notes(reading.rows, files, request))
    reading = dataclasses.replace(reading, rows=tuple(paths.applied(reading.rows, files, request)))
    imported = tidy(reading, request)
    return dataclasses.replace(imported, notes=(*said, *imported.notes))


def _format(file: File, request: Request) -> Format:
    return next(form for form in FORMATS if form.recognizes(file, request))
