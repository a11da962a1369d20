"""Any CSV file with a header: columns by a mapping, or by their rdbench names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rdbench.errors import UsageError
from rdbench.importing import rates
from rdbench.importing.cells import cells
from rdbench.importing.rows import (
    NUMBER,
    SIZES,
    TEXTS,
    File,
    Reading,
    Request,
    Row,
    listed,
    number,
    quoted,
)


def recognizes(file: File, request: Request) -> bool:  # noqa: ARG001 - as all formats
    """Accepts whatever no other format does."""
    return True


def read(files: Sequence[File], request: Request) -> Reading:
    """The rows of CSV files.

    Columns that :attr:`Request.columns` does not name are taken if they have an rdbench name, and
    are reported as unused otherwise. The parameter is the file's name for its points.
    """
    rows: list[Row] = []
    unused: dict[str, None] = {}
    for file in files:
        table = cells(file, _delimiter(file, request), request.decimal)
        header = table[0][1]
        mapping = _mapping(file.name, header, request)
        unused |= dict.fromkeys(n for n in header if n not in mapping.values())
        place = {ours: header.index(theirs) for ours, theirs in mapping.items()}
        parameter = (
            {"parameter": mapping["point"]} if mapping.get("point", "point") != "point" else {}
        )
        titled = header[0] != mapping.get("label")
        for line, row in table[1:]:
            where = f"{file.name!r}, line {line}"
            found = parameter | {ours: row[index] for ours, index in place.items() if row[index]}
            rows.append(
                Row(
                    file.name,
                    f"line {line}",
                    {name: found[name] for name in TEXTS if name in found},
                    {
                        name: number(found[name], name, where, request.decimal)
                        for name in request.numbers
                        if name in found
                    },
                    title="" if not titled or NUMBER.fullmatch(row[0]) else row[0],
                )
            )
    labels = dict.fromkeys(row.texts["label"] for row in rows if "label" in row.texts)
    if request.joins and len(labels) > 1:
        raise UsageError(
            f"{files[0].name!r} has several curves ({listed(labels)}), which `label` "
            f"{request.label!r} would merge; leave it out, or keep their names in it, as in "
            f"`label='{request.label}-*'`"
        )
    return Reading(tuple(rows), tuple(unused))


def _delimiter(file: File, request: Request) -> str:
    """That of the request, or of the file where it says so; empty where neither does."""
    if file.delimiter in ("", request.delimiter):
        return request.delimiter
    if request.delimiter or file.delimiter == request.decimal:
        raise UsageError(
            f"{file.name!r} has sep={file.delimiter} in its first line, which contradicts "
            f"`delimiter` {request.delimiter!r} and `decimal` {request.decimal!r}; remove what "
            "is wrong"
        )
    return file.delimiter


def _mapping(name: str, header: Sequence[str], request: Request) -> Mapping[str, str]:
    given = request.columns
    rate = rates.chosen(given)
    if missing := [theirs for theirs in given.values() if theirs not in header]:
        raise UsageError(
            f"{name!r} has no column {listed(map(repr, missing))}; it has {quoted(header)}"
        )
    taken = set(given.values())
    own = [name for name in (*TEXTS, *request.numbers) if name in header and name not in taken]
    if rate == "bpp" or (not rate and "bpp" in own):
        own = [name for name in own if name not in SIZES]
    mapping = {**dict(zip(own, own, strict=True)), **given}
    if not (rate or rates.chosen(mapping)):
        raise UsageError(
            f"{name!r} does not say which column is the rate; it has {quoted(header)}: name it "
            "with `mapping`: bpp=COLUMN (or size_bytes, kbps)"
        )
    if "bpp" in given:
        rates.check_unit(given["bpp"], repr(name))
    if not request.metrics.keys() & mapping.keys():
        raise UsageError(
            f"{name!r} does not say which column is a quality; it has {quoted(header)}: name one "
            f"with `mapping`, such as psnr_db=COLUMN ({listed(request.metrics)})"
        )
    return mapping
