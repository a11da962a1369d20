"""What the commands say: the one way to the terminal, where no text of others is a command, and
where nobody need be listening."""

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
"""Where a log's reader would find a command: GitHub's ``::error::`` at the beginning of a line,
and ``##[error]``, ``##vso[...]``, ``##teamcity[...]`` anywhere (GitHub, Azure, TeamCity)."""

_lost: list[OSError] = []
"""Why stdout could not be written to."""


def say(text: object, *, err: bool = False) -> None:
    """Say one line, on stderr with ``err``: line ends within it are escaped."""
    typer.echo(_no_command(printable(str(text))), err=err)


def show(text: str, *, err: bool = False) -> None:
    """Show lines, as tables are: their cells are printable already."""
    typer.echo(_no_command(printable(text.removesuffix("\n"), keep="\n\t")), err=err)


def command(text: str) -> None:
    """Give a command to the reader of the log, one line."""
    typer.echo(printable(text))


def prepare() -> None:
    """Let stdin, stdout and stderr be open, and the latter two take whatever is written: characters
    that their encoding does not have become escapes, and nobody need be listening.

    Where one was closed, the next file that is opened would have its number, and what programs
    print would be written into that file.
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
    """Why some of what was to be said on stdout is lost, in words; empty where nothing is, and
    where whoever read it had enough."""
    sys.stdout.flush()
    return f"the output is not whole: {_lost[0].strerror}" if _lost else ""


def _no_command(text: str) -> str:
    return _COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):02x}", text)
