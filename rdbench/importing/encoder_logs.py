"""Logs of the VTM and HM encoders: one run for each image and QP, any number of runs in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing.rows import SIZES, File, Reading, Request, Row, listed, number

_BYTES: Final = re.compile(r"Bytes written to file: (\d+) \(")
_VERSION: Final = re.compile(r"\b(VTM|HM)\b.*?Encoder Version \[?([^\s\]]+)")
_INPUT: Final = re.compile(r"Input\s+File\s*: (.*\S)")
_SIZE: Final = re.compile(r"Real\s+Format\s*: (\d+)x(\d+)\b")
_QP: Final = re.compile(r"QP\s*: (\d+(?:\.\d+)?)\b")
_HEADER: Final = re.compile(r"Total Frames \|(.*)")
_ALL_FRAMES: Final = re.compile(r"(\d+)\s+a\s+(.*)")
_RATES: Final = ("bpp", *SIZES)


@dataclass
class _Run:
    """What one run of an encoder printed."""

    line: int
    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    header: tuple[str, ...] = ()
    scores: Mapping[str, str] = field(default_factory=dict)
    """Scores, by their names in the summary over all frames."""
    title: str = ""


def recognizes(file: File, request: Request) -> bool:  # noqa: ARG001 - as all formats
    """Whether a file has the size of a stream and a summary over all frames, as both encoders print
    them."""
    return bool(_BYTES.search(file.text) and _HEADER.search(file.text))


def read(files: Sequence[File], request: Request) -> Reading:
    """A row for each run: for the image named like its input, or over its frames if there are
    several. The rate is from the bytes of the written file, not from the rounded kbit/s. PSNR of
    luma is the quality if luma was measured; otherwise the mapping names the quality. Raises
    :class:`UsageError`, with file and line, for a run that did not finish, and if the number of
    frames differs from ``images``.
    """
    mapping = _mapping(request)
    runs = [(file, run) for file in files for run in _runs(file)]
    rows = tuple(_row(file, run, request, mapping) for file, run in runs)
    known = dict.fromkeys(name for _, run in runs for name in run.header)
    return Reading(rows, tuple(name for name in known if name not in mapping.values()))


def _mapping(request: Request) -> Mapping[str, str]:
    """Our metrics by what the summary calls them."""
    given = request.columns
    if taken := [name for name in given if name in _RATES]:
        raise UsageError(
            f"the rate of a log comes from its 'Bytes written to file'; leave {listed(taken)} "
            "out of `mapping`"
        )
    metrics = {ours: theirs for ours, theirs in given.items() if ours in request.metrics}
    if metrics:
        return metrics
    if request.color == "luma":
        return {"psnr_db": "Y-PSNR"}
    raise UsageError(
        "logs give the PSNR of planes, not of RGB: if luma was coded, give `color='luma'`; "
        "otherwise name the quality with `mapping`, such as psnr_db=Y-PSNR"
    )


def _runs(file: File) -> Iterator[_Run]:
    """The runs in a file. One begins where an encoder says what it is, or behind the last one."""
    run, begun = _Run(1), False
    for place, line in enumerate(file.text.splitlines(), start=1):
        if version := _VERSION.search(line):
            if begun:
                raise _unfinished(file, run)
            run, begun = _Run(place, title=f"{version[1]} {version[2]}"), True
            run.texts["codec"] = version[1].lower()
        text = line.strip()
        if found := _INPUT.match(text):
            run.texts["image"] = PureWindowsPath(found[1]).stem
        elif found := _SIZE.match(text):
            run.numbers |= {"width": float(found[1]), "height": float(found[2])}
        elif found := _QP.match(text):
            run.numbers["point"] = float(found[1])
            run.texts["parameter"] = "qp"
        elif found := _HEADER.match(text):
            run.header = tuple(found[1].split())
        elif (found := _ALL_FRAMES.match(text)) and run.header:
            values = found[2].split()
            if len(values) != len(run.header):
                raise UsageError(
                    f"{file.name!r}, line {place}: {len(values)} values, but the line above "
                    f"names {len(run.header)}; is a line torn?"
                )
            run.frames = int(found[1])
            run.scores = dict(zip(run.header, values, strict=True))
        elif found := _BYTES.match(text):
            if not run.frames:
                raise _unfinished(file, run)
            run.numbers["size_bytes"] = float(found[1])
            yield run
            run, begun = _Run(place + 1), False
    if begun:
        raise _unfinished(file, run)


def _unfinished(file: File, run: _Run) -> UsageError:
    return UsageError(
        f"{file.name!r}, line {run.line}: this run has no summary over its frames followed by "
        "'Bytes written to file', so it did not finish; remove it, or encode again"
    )


def _row(file: File, run: _Run, request: Request, mapping: Mapping[str, str]) -> Row:
    where = f"{file.name!r}, line {run.line}"
    if missing := [theirs for theirs in mapping.values() if theirs not in run.scores]:
        raise UsageError(
            f"{where}: no {listed(map(repr, missing))} in the summary, which has "
            f"{listed(run.scores)}"
        )
    texts = dict(run.texts)
    numbers = dict(run.numbers)
    if run.frames > 1:
        if request.images != run.frames:
            raise UsageError(
                f"{where}: a run over {run.frames} frames, with rate and quality averaged over "
                f"them; give `images={run.frames}` if each frame is an image, or encode them one "
                "by one"
            )
        texts.pop("image", None)
        numbers["size_bytes"] /= run.frames
    # What a pattern tells comes from the names of files.
    if request.image:
        texts.pop("image", None)
    if request.point:
        numbers.pop("point", None)
        texts.pop("parameter", None)
    scores = {ours: number(run.scores[theirs], theirs, where) for ours, theirs in mapping.items()}
    return Row(
        file.name,
        f"line {run.line}",
        texts,
        numbers | scores,
        title=run.title,
        rate_is="file",
        averaging="mean",
    )
