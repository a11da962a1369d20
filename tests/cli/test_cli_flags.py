"""Messages name settings as Python has them; the commands put their options in place of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer

import rdbench
from rdbench import cli
from rdbench.cli.flags import FLAGS, as_flags
from tests.cli.command import rdbench as command

PACKAGE = Path(rdbench.__file__).parent
COMMAND_LINE = re.compile(r"`[^`]*`")


def messages(file: Path) -> list[str]:
    """The strings of a module that are sentences: no docstrings, no arguments of programs."""
    tree = ast.parse(file.read_text())
    documented = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    within = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in documented | within:
            continue
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(getattr(part, "value", "")) for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return [COMMAND_LINE.sub("", text) for text in found if " " in text.strip()]


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(PACKAGE.rglob("*.py")) if PACKAGE / "cli" not in file.parents],
    ids=lambda file: str(file.relative_to(PACKAGE)),
)
def test_no_message_outside_the_commands_names_an_option_of_them(file):
    assert [text for text in messages(file) if re.search(r"(^|[\s(])--[a-z]", text)] == []


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("name another folder with `out`", "name another folder with --out"),
        ("or start over with `fresh=True`", "or start over with --fresh"),
        ("`timeout_s` is 0; it must be above 0 s", "--timeout is 0; it must be above 0 s"),
        ("measure with `color='luma'`", "measure with --color luma"),
        ("`magick` is not installed", "`magick` is not installed"),
        ("see `rdbench codecs list`", "see `rdbench codecs list`"),
    ],
)
def test_settings_become_options(message, shown):
    assert as_flags(message) == shown


def test_every_setting_has_an_option_of_some_command():
    options = {
        option
        for one in typer.main.get_command(cli.app).commands.values()
        for parameter in one.params
        for option in parameter.opts
    }
    assert set(FLAGS.values()) <= options


def test_a_command_complains_of_its_own_options(tmp_path):
    done = command("run", "--codecs", "jpeg", "--dataset", "photos", "--jobs", 0, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "rdbench: error: --jobs is 0; it must be at least 1\n"
