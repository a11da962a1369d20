"""The tables of rate points of AOM's common test conditions (``*_RDResults_*.csv``).

A file is one codec; a row is one image or clip at one QP. Its rate is in kbit/s at its own frame
rate. For still images, however, the same column has the size of the stream in bytes, as AOM's
scripts write it (in kbit/s it would be up to 25 bit/px for planes that have 12). bpp refers to the
pixels of the original, whatever size was coded. Images are named by class and name,
``F1/animals_00``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing.cells import cells
from rdbench.importing.rows import File, Reading, Request, Row, listed, number

_HEADER: Final = "TestCfg,EncodeMethod,CodecName,EncodePreset,"
_METRICS: Final = {
    "psnr_y_db": "PSNR_Y",
    "psnr_u_db": "PSNR_U",
    "psnr_v_db": "PSNR_V",
    "ssim_y_db": "SSIM_Y(dB)",
    "ms_ssim_y_db": "MS-SSIM_Y(dB)",
    "vmaf": "VMAF_Y",
    "vmaf_neg": "VMAF_Y-NEG",
    "psnr_hvs_db": "PSNR-HVS",
    "ciede2000_db": "CIEDE2000",
    "cambi": "CAMBI",
}
_PLANES: Final = ("psnr_y_db", "psnr_u_db", "psnr_v_db")
_TEXTS: Final = ("TestCfg", "CodecName", "Class", "Name", "OrigRes")
_NUMBERS: Final = ("FPS", "QP", "Bitrate(kbps)")
_STILL: Final = "STILL"
"""The configuration whose rates are sizes in bytes."""
_SIZE: Final = re.compile(r"([1-9]\d*)x([1-9]\d*)")
_ISSUE: Final = "its metrics are libvmaf's for AOM, of YCbCr planes at 4:2:0"


def recognizes(file: File, request: Request) -> bool:
    return file.text.lstrip().startswith(_HEADER) and not request.mapping


def read(files: Sequence[File], request: Request) -> Reading:  # noqa: ARG001 - as all formats
    """The points of each file; a curve is named after the beginning of the file name. The weighted
    PSNR-YUV is (14 Y + U + V) / 16 of the decibels, which is the overall PSNR of AOM's summaries.

    Raises :class:`UsageError`, with file and line, for a missing column and for cells that are no
    such numbers.
    """
    return Reading(tuple(row for file in files for row in _rows(file)))


def _rows(file: File) -> Iterator[Row]:
    (_, header), *lines = cells(file, ",")
    if missing := [name for name in (*_TEXTS, *_NUMBERS) if name not in header]:
        raise UsageError(f"{file.name!r} has no column {listed(map(repr, missing))}")
    label = file.name.rpartition("/")[2].partition("_RDResults")[0].removesuffix(".csv")
    for line, found in lines:
        where = f"{file.name!r}, line {line}"
        told = dict(zip(header, found, strict=True))
        if not (size := _SIZE.fullmatch(told["OrigRes"])):
            raise UsageError(f"{where}: OrigRes {told['OrigRes']!r} is not WIDTHxHEIGHT")
        fps, qp, rate = (number(told[name], name, where) for name in _NUMBERS)
        if not fps > 0:
            raise UsageError(f"{where}: FPS is {told['FPS']}, frames per second must be above 0")
        bits = 8 * rate if told["TestCfg"] == _STILL else 1000 * rate / fps
        bpp = bits / (int(size[1]) * int(size[2]))
        yield Row(
            file.name,
            f"line {line}",
            {
                "dataset": f"aom-{told['TestCfg'].lower()}",
                "label": label,
                "codec": told["CodecName"],
                "parameter": "qp",
                "image": f"{told['Class']}/{told['Name'].removesuffix('.y4m')}",
            },
            {"point": qp, "bpp": float(f"{bpp:.9g}"), **_scores(told, where)},
            rate_is="file",
            known_issue=_ISSUE,
        )


def _scores(told: Mapping[str, str], where: str) -> dict[str, float]:
    scores = {
        ours: number(told[theirs], theirs, where)
        for ours, theirs in _METRICS.items()
        if told.get(theirs)
    }
    planes = [scores[name] for name in _PLANES if name in scores]
    if len(planes) == len(_PLANES):
        y, u, v = planes
        scores["psnr_yuv_aom_db"] = round((14 * y + u + v) / 16, 7)
    return scores
