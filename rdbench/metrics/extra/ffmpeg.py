"""Filters of FFmpeg that compare two videos, as metrics of two images.

The images go in as raw planes that rdbench has converted itself (:mod:`rdbench.formats`): FFmpeg
would guess the matrix and the range of a PNG, which moves VMAF by up to four points.
"""

from __future__ import annotations

import os
from typing import Final

from rdbench.formats import Layout
from rdbench.programs import Call, Program, ProgramSpec, run, scratch, variable

INSTALL: Final = "pip install 'rdbench[metrics]', whose imageio-ffmpeg includes one"
_NAME: Final = "ffmpeg"


def having(filter_name: str) -> ProgramSpec:
    """An FFmpeg that has the filter ``filter_name``, for :func:`rdbench.programs.find`: the one
    that ``RDBENCH_FFMPEG`` names, else that of imageio-ffmpeg, else the one on PATH."""
    return ProgramSpec(
        _NAME,
        candidates=(_NAME,) if os.environ.get(variable(_NAME)) else (*_bundled(), _NAME),
        version_arguments=("-h", f"filter={filter_name}"),
        version_pattern=rf"\Affmpeg version (\S+)[\s\S]*^Filter {filter_name}$",
        install=INSTALL,
    )


def compare(
    program: Program,
    graph: str,
    decoded: bytes,
    original: bytes,
    width: int,
    height: int,
    layout: Layout,
    written: str = "",
) -> str:
    """The output of FFmpeg, or the file ``written``, when it filters two images.

    ``graph``: a filter with its options, such as ``"libvmaf=log_fmt=json:log_path=vmaf.json"``; its
    first input is the decoded image, its second the original, in the order of FFmpeg's "main" and
    "reference". ``decoded`` and ``original``: one frame each, as :func:`rdbench.formats.write_yuv`
    has it. One thread; a temporary folder that is removed. Raises
    :class:`rdbench.errors.CodecError` with the output if FFmpeg fails.
    """
    arguments = [program.path, "-hide_banner", "-nostdin", "-nostats", "-filter_complex_threads"]
    arguments += ["1"]
    with scratch(len(original)) as folder:
        for name, planes in (("decoded.yuv", decoded), ("original.yuv", original)):
            (folder / name).write_bytes(planes)
            arguments += ["-f", "rawvideo", "-pixel_format", _pixel_format(layout)]
            arguments += ["-video_size", f"{width}x{height}", "-i", name]
        arguments += ["-filter_complex", graph, "-f", "null", "-"]
        printed = run(Call(arguments, folder))
        return (folder / written).read_text("utf-8") if written else printed.tail


def _pixel_format(layout: Layout) -> str:
    """FFmpeg's name of a layout: ``yuv420p``, ``gray10le``."""
    planes = "gray" if layout.chroma == "400" else f"yuv{layout.chroma}p"
    return planes if layout.depth == 8 else f"{planes}{layout.depth}le"


def _bundled() -> tuple[str, ...]:
    try:
        import imageio_ffmpeg

        return (imageio_ffmpeg.get_ffmpeg_exe(),)
    except (ImportError, RuntimeError):
        return ()
