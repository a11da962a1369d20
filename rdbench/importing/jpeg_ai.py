"""The summaries of JPEG AI's reference software, such as that of its VVC anchor.

The files are tab-separated, without a header. A row is one image at one target rate, named like
``VVC_00001_TE_2096x1400_8bit_sRGB_006.png``: codec, image, and the target in hundredths of bit/px.
Columns are identified as in the software's own reporter; of its two MS-SSIM, that of pytorch-msssim
is taken, as there. PSNR of its YUV planes, checksums and times are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing.rows import File, Reading, Request, Row, number

_NAME: Final = re.compile(r"([A-Za-z][^_\t]*)_([^\t]+)_(\d{3})\.png")
_COLUMNS: Final = {
    "bpp": 1,
    "ms_ssim_y:matrix=709": 2,
    "vif": 7,
    "fsim": 8,
    "nlpd": 9,
    "iw_ssim": 10,
    "vmaf": 11,
    "psnr_hvs_m_db": 12,
}
_UNUSED: Final = ("MS-SSIM of IQA", "PSNR of Y, U and V", "checksum", "times")
_CELLS: Final = 18
_LINEAR: Final = ("ms_ssim_y:matrix=709", "vif", "fsim", "iw_ssim")
_DATASET: Final = "jpeg-ai-test"


def recognizes(file: File, request: Request) -> bool:
    first = next(iter(file.text.lstrip("\n").splitlines()), "").split("\t")
    return len(first) == _CELLS and bool(_NAME.fullmatch(first[0])) and not request.mapping


def read(files: Sequence[File], request: Request) -> Reading:  # noqa: ARG001 - as all formats
    """The points of each codec. Raises :class:`UsageError`, with file and line, for rows of another
    form, and for impossible numbers."""
    return Reading(tuple(row for file in files for row in _rows(file)), _UNUSED)


def _rows(file: File) -> Iterator[Row]:
    for line, text in enumerate(file.text.splitlines(), start=1):
        if not text.strip():
            continue
        where = f"{file.name!r}, line {line}"
        cells = text.split("\t")
        if len(cells) != _CELLS or not (name := _NAME.fullmatch(cells[0])):
            raise UsageError(
                f"{where}: not {_CELLS} cells that begin with CODEC_IMAGE_RATE.png, as in JPEG "
                "AI's summaries"
            )
        numbers = {column: number(cells[at], column, where) for column, at in _COLUMNS.items()}
        for column in _LINEAR:
            if not 0 <= numbers[column] <= 1:
                raise UsageError(
                    f"{where}: {column} is {numbers[column]:g}, which is not within 0 and 1; are "
                    "the columns those of JPEG AI?"
                )
        yield Row(
            file.name,
            f"line {line}",
            {
                "dataset": _DATASET,
                "label": name[1],
                "codec": name[1],
                "parameter": "target_bpp",
                "image": name[2],
            },
            {"point": int(name[3]) / 100, **numbers},
            rate_is="file",
        )
