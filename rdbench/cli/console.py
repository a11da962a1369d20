"""Output of the commands: everything goes to the terminal through here. No text from outside can
act as a command of a log reader, and a closed output is no failure."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Final, TextIO

import typer

from rdbench.text import printable

_COMMAND: Final = re.compile(r"^([^\S\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)
"""Text that a log reader would take for a command: GitHub's ``::error::`` at the beginning of a
line, and ``##[error]``, ``##vso[...]``, ``##teamcity[...]`` anywhere (GitHub, Azure, TeamCity)."""

_lost: list[OSError] = []
"""Why stdout could not be written to."""


def say(text: object, *, err: bool = False) -> None:
    """Print one line, on stderr with ``err``. Line ends within it are escaped."""
    typer.echo(_no_command(printable(str(text))), err=err)


def show(text: str, *, err: bool = False) -> None:
    """Print several lines, such as a table, whose cells are printable already."""
    typer.echo(_no_command(printable(text.removesuffix("\n"), keep="\n\t")), err=err)


def command(text: str) -> None:
    """Print a command for the log reader, on one line."""
    typer.echo(printable(text))


def prepare() -> None:
    """Make sure that stdin, stdout and stderr are open, and that the latter two accept any text:
    characters outside their encoding become escapes, and a closed reader is ignored. If one of them
    were closed, the next file to be opened would get its number, and the output of programs would
    go into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        stream = getattr(sys, name)
        if number and (stream is None or stream is getattr(sys, f"__{name}__")):
            setattr(sys, name, _Stream(number, stream))


class _Stream(io.TextIOWrapper):
    """Stdout or stderr, which goes on as if nothing were the matter where it cannot be written to,
    and tells :func:`lost`."""

    def __init__(self, number: int, stream: TextIO | None) -> None:
        super().__init__(
            stream.buffer if stream else open(number, "wb", closefd=False),  # noqa: SIM115
            encoding=stream.encoding if stream else "utf-8",
            errors="backslashreplace",
            line_buffering=number == 2 or (stream is not None and stream.isatty()),
        )

    def write(self, text: str) -> int:
        with self._tolerant():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._tolerant():
            super().flush()

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self.fileno() == 1 and not isinstance(error, BrokenPipeError):
                _lost.append(error)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


def lost() -> str:
    """Why some of the output on stdout is lost, in words; empty if none is, and if its reader
    closed the pipe."""
    sys.stdout.flush()
    return f"the output is incomplete: {_lost[0].strerror}" if _lost else ""


def _no_command(text: str) -> str:
    return _COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):02x}", text)
