"""Carrying out the commands of a program codec: in a folder that is there, one after the other."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rdbench.codecs.program_definition import FilledCommand
from rdbench.commands import put_beside
from rdbench.errors import CodecError
from rdbench.programs import find, run, words_of

_PNM: Final = (".ppm", ".pgm", ".pnm")
_MOST_HEADER: Final = 2**20
"""Of an image of up to eight bytes a pixel: three samples of 16 bits, and what PNG adds."""


def result(
    commands: Sequence[FilledCommand],
    folder: Path,
    name: str,
    timeout_s: float | None,
    most_pixels: int | None = None,
) -> bytearray:
    """The content of the file ``name`` in ``folder`` after the commands. Raises :class:`CodecError`
    if one of them fails, or if nothing or more than an image of ``most_pixels`` was written, and
    :class:`rdbench.errors.OutOfTimeError` if all of them together take longer than ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s if timeout_s else math.inf
    put_beside({file: None for command in commands for file in command.command.files}, folder)
    before = {*folder.iterdir()}
    for filled in commands:
        program = find(filled.command.program)
        words = run(filled.call(program.path, folder), deadline=deadline)
    path = _written(folder, name, before)
    found = None
    if path is not None:
        size_bytes = path.stat().st_size
        if most_pixels is not None and size_bytes > (most := _MOST_HEADER + 8 * most_pixels):
            raise CodecError(
                f"{program.name} left with exit code 0 and wrote {size_bytes:,} bytes, but the "
                f"image has at most {most:,}"
            )
        found = bytearray(size_bytes)
        with path.open("rb") as stream:
            del found[stream.readinto(found) :]
    if not found:
        what = "wrote nothing" if found is None else "wrote an empty file"
        raise CodecError(f"{program.name} left with exit code 0 and {what}{words_of(words)}")
    return found


def _written(folder: Path, name: str, before: set[Path]) -> Path | None:
    """The file ``name``, or else the only one of its kind that was not there before: programs name
    files after others, and gray PNM files ``.pgm``."""
    if (path := folder / name).is_file():
        return path
    kinds = _PNM if path.suffix in _PNM else (path.suffix,)
    new = [file for file in folder.iterdir() if file.suffix in kinds and file not in before]
    return new[0] if len(new) == 1 and new[0].is_file() else None
