"""The command line as a process of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path


def rdbench(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rdbench", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def understood(line: str) -> None:
    """Raise where ``rdbench LINE`` is no command, or has an option that there is not."""
    from typer.main import get_command

    from rdbench.cli import app

    command, words = get_command(app), shlex.split(line)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    command.make_context("rdbench", words, resilient_parsing="--help" in words)
