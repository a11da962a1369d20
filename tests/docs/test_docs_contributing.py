"""What the pages for contributors add to rdbench works there: their files, and the lines beside."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, examples

MEASURE = "run --codecs jpeg --points 20/50 --dataset photos --metrics psnr_db --out run"
ADDED = {
    "codec": ("dpcm.py", "codecs", "conformance dpcm"),
    "metric": ("gradient.py", "metrics", "conformance metric gradient_error"),
    "architecture": ("blocks.py", "models/architectures", "train blocks.toml --out out"),
    "executor": ("fresh.py", "runner", f"{MEASURE} --scheduler fresh"),
    "panel": ("spread.js", "reporting/assets/script", "report run --out page.html"),
}
"""By page: its file, where it goes, and a command that uses it there."""


def changed(package: Path, diff: str) -> None:
    """Changes files of a copy of the package as the parts of ``diff`` say, each of which is headed
    by the path of its file. Raises :class:`AssertionError` where a part's lines are not there, or
    are there twice."""
    _, *parts = re.split(r"^--- rdbench/(\S+)\n", diff, flags=re.MULTILINE)
    for path, part in zip(parts[::2], parts[1::2], strict=True):
        lines = part.splitlines()
        before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        text = (package / path).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} does not have once:\n{before}"
        (package / path).write_text(text.replace(before, after), encoding="utf-8")


def rdbench(folder: Path, command: str) -> str:
    """Runs the copy of rdbench in ``folder``; returns what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "rdbench", *command.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def extended(page: str, folder: Path) -> None:
    """A copy of rdbench in ``folder``, with what a page adds to it."""
    shutil.copytree(
        ROOT / "rdbench", folder / "rdbench", ignore=shutil.ignore_patterns("__pycache__")
    )
    name, place, _ = ADDED[page]
    texts = {
        example.file: example.text
        for example in examples(ROOT / "docs" / "contributing" / f"{page}.md")
        if example.file
    }
    (folder / "rdbench" / place / name).write_text(texts[name], encoding="utf-8")
    changed(folder / "rdbench", texts[f"{page}.diff"])
    if page == "architecture":
        configuration = texts["blocks.toml"].replace("blocks.py:SPEC", "blocks")
        (folder / "blocks.toml").write_text(configuration, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in ADDED if page != "panel"])
def test_what_a_page_adds_to_rdbench_works_there(tmp_path, page):
    if page == "architecture":
        pytest.importorskip("torch")
    extended(page, tmp_path)
    rdbench(tmp_path, ADDED[page][2])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_panel_that_is_added_is_drawn(tmp_path, browser: Any):
    extended("panel", tmp_path)
    rdbench(tmp_path, MEASURE)
    rdbench(tmp_path, ADDED["panel"][2])
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.locator("#spread").scroll_into_view_if_needed()
    page.wait_for_selector("#spread[data-drawn]")
    rows = page.locator("#spread tbody tr").all_inner_texts()
    page.close()
    assert [row.split("\t")[:2] for row in rows] == [
        ["jpeg 4:2:0", "quality 20"],
        ["jpeg 4:2:0", "quality 50"],
    ]
    assert all(float(row.split("\t")[-1]) > 1 for row in rows)
    assert not said


def test_a_part_that_no_longer_fits_is_named(tmp_path):
    (tmp_path / "a.py").write_text("one\ntwo\n")
    changed(tmp_path, "--- rdbench/a.py\n one\n+more\n")
    assert (tmp_path / "a.py").read_text() == "one\nmore\ntwo\n"
    with pytest.raises(AssertionError, match=r"a\.py does not have once:\n *three"):
        changed(tmp_path, "--- rdbench/a.py\n three\n+more\n")
