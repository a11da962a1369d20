"""The gallery has every figure, each with what it shows and the command that makes it."""

from __future__ import annotations

import re

from tests.cli.command import understood
from tests.docs.pages import ROOT

REPORTS = ROOT / "reports"
GALLERY = (REPORTS / "README.md").read_text(encoding="utf-8")
FIGURE = re.compile(r"^!\[([^\]]+)\]\(([^)]+)\)\n\n(.+)$", re.MULTILINE)
COMMANDS = re.compile(r"^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_figure_is_there_with_a_sentence():
    there = {path.relative_to(REPORTS).as_posix() for path in REPORTS.rglob("*.png")}
    shown = [found[2] for found in FIGURE.finditer(GALLERY)]
    assert sorted(shown) == sorted(there)
    for found in FIGURE.finditer(GALLERY):
        assert found[3][0].isupper(), found[2]
        assert not found[3].startswith(("!", "#", "`")), found[2]


def test_a_command_stands_before_each_figure_and_is_one():
    first = GALLERY.index("![")
    assert COMMANDS.search(GALLERY[:first])
    for section in GALLERY.split("\n## ")[1:]:
        assert "![" not in section.partition("```text")[0], section.partition("\n")[0]
    for block in COMMANDS.finditer(GALLERY):
        for line in block[1].splitlines():
            program, _, words = line.partition(" ")
            assert program in ("rdbench", "make"), line
            if program == "rdbench":
                understood(words)
