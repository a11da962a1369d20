"""The pages that people read, and the examples in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
GUIDES: Final = sorted((ROOT / "docs").rglob("*.md"))
_BLOCK: Final = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROGRAMS: Final = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


@dataclass(frozen=True)
class Example:
    """A block of code of a page: something to run, or the text of ``file``."""

    page: Path
    line: int
    """Of its first line of code."""
    language: str
    file: str
    text: str

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}, line {self.line}"


def examples(page: Path) -> Iterator[Example]:
    """The blocks of a page that are run or written; what is only shown is marked as text."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield Example(page, line, found[1], found[2] or "", found[3])


def run_examples(page: Path, folder: Path) -> int:
    """All blocks in order, in ``folder``, as a reader would type them; returns how many were run.

    Raises :class:`AssertionError`, with page and line, for one that fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = 0
    for example in examples(page):
        if example.file:
            (folder / example.file).write_text(example.text, encoding="utf-8")
        elif example.language in _PROGRAMS and not example.text.startswith("make "):
            done = subprocess.run(
                [*_PROGRAMS[example.language], example.text],
                cwd=folder,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
            )
            said = f"{example}:\n{example.text}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == 0, said
            ran += 1
    return ran
