"""The README's examples are run, and its table of columns is that of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rdbench.schema import COLUMNS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)(?: file=(\S+))?\n(.*?)```", README, re.DOTALL)


def columns_table() -> str:
    """The table of columns, as it stands between the README's markers."""
    lines = ["| column | unit | meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{column.name}` | {column.unit} | {column.meaning.replace('|', '/')} |"
        for column in COLUMNS
    ]
    return "\n".join(lines)


def test_the_table_of_columns_is_up_to_date():
    """To renew it: ``python -m tests.test_docs``."""
    assert f"<!-- columns -->\n{columns_table()}\n<!-- /columns -->" in README


@pytest.mark.slow
@pytest.mark.timeout(1200)  # some forty commands, which take minutes on a slow machine
def test_the_examples_run(tmp_path):
    """All blocks in order, in one folder, as a reader would type them."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    ran = 0
    for language, file, text in BLOCKS:
        if file:
            (tmp_path / file).write_text(text, encoding="utf-8")
            continue
        if text.startswith("make "):
            continue  # what `make test` itself does
        program = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
        done = subprocess.run(
            [*program[language], text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran >= 4
    done = subprocess.run(
        ["rdbench", "run", "experiment.toml", "--out", "options"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "0 measured, 30 were there already" in done.stdout, "the file is the command line's twin"


def test_every_command_is_in_the_readme():
    from typer.main import get_command

    from rdbench.cli import app

    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"`rdbench {name}" in README


if __name__ == "__main__":
    text = re.sub(
        r"<!-- columns -->\n.*?<!-- /columns -->",
        lambda _: f"<!-- columns -->\n{columns_table()}\n<!-- /columns -->",
        README,
        flags=re.DOTALL,
    )
    (ROOT / "README.md").write_text(text, encoding="utf-8")
