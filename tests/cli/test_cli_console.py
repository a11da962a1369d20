"""What the command says, and where nobody listens: names of the worst kind, streams that are closed
or full."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.cli import console
from rdbench.formats import write_png
from rdbench.manifest import read_manifest
from rdbench.results import read_rows
from tests.cli.command import rdbench
from tests.reporting.conftest import data_of

NAMES = (b"caf\xe9", b"a\n::error::owned", b"b\x1b]0;owned\x07\x1b[31m", b"=1+1", b"##[error]c")
RUN = ("run", "--codec", "jpeg:points=20/50/80/95", "--jobs", "1")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is not UTF-8, with images of such and worse names."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path_factory.mktemp("images")) + b"/pic\xe9"))
    folder.mkdir()
    pixels = np.add.outer(np.arange(32), np.arange(48))[:, :, None] * [1, 2, 3]
    for name in NAMES:
        png = write_png(pixels.astype(np.uint8))
        (folder / f"{os.fsdecode(name)}.png").write_bytes(png)
    return folder


@pytest.fixture(scope="module")
def run(images: Path) -> Path:
    """A run over them, whose folder is called so as well."""
    done = rdbench(*RUN, "--dataset", images.name, "--out", images.name + "-run", cwd=images.parent)
    assert done.returncode == 0, done.stderr
    harmless(done.stdout + done.stderr)
    return images.parent / f"{images.name}-run"


def harmless(text: str) -> None:
    for line in text.splitlines():
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_a_run_has_the_names_as_the_table_has_them(run, images):
    rows = read_rows(run)
    assert len(rows) == 4 * len(NAMES)
    assert {row.dataset for row in rows} == {r"pic\xe9"}
    assert r"caf\xe9" in {row.image for row in rows}
    with (run / "summary.csv").open(encoding="utf-8") as file:
        assert {line["dataset"] for line in csv.DictReader(file)} == {r"pic\xe9"}
    files = read_manifest(run)["files"][r"pic\xe9"]
    assert Path(files[r"caf\xe9"]) == images / "caf\udce9.png"
    json.loads((run / "run.json").read_text(encoding="utf-8"))


def test_a_run_with_such_names_goes_on_and_is_scored(run, images):
    again = rdbench(*RUN, "--dataset", images, "--out", run, cwd=images.parent)
    assert (again.returncode, "0 measured, 20 already there" in again.stdout) == (0, True)
    scored = rdbench("score", images, images, "--out", "scored", "--jobs", "1", cwd=images.parent)
    assert scored.returncode == 0, scored.stderr
    assert {row.scores["psnr_db"] for row in read_rows(images.parent / "scored")} == {np.inf}


def test_everything_that_is_made_of_such_a_run_can_be_made(run, images):
    for command in (
        ("plot", run, "--metrics", "psnr_db"),
        ("report", run),
        ("check", run, "--baseline", "base\udce9.csv", "--update"),
        ("check", run, "--baseline", "base\udce9.csv", "--github", "--markdown", "m\udce9.md"),
    ):
        done = rdbench(*command, cwd=images.parent)
        assert done.returncode == 0, done.stderr
        harmless(done.stdout + done.stderr)
    assert json.dumps(r"pic\xe9")[1:-1] in json.dumps(data_of(run / "report.html"))


def test_a_failed_image_of_such_a_name_is_one_harmless_line(images, tmp_path):
    (images.parent / "broken").mkdir()
    (images.parent / "broken" / f"{os.fsdecode(NAMES[1])}.png").write_bytes(b"no image")
    done = rdbench(*RUN, "--dataset", images.parent / "broken", "--out", tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    harmless(done.stdout + done.stderr)
    assert r"a\n::error::owned" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("  ::warning::x", r"  \x3a:warning::x"),
        ("x ::error::", "x ::error::"),
        ("a ##[error]b", r"a \x23#[error]b"),
        ("##vso[task]", r"\x23#vso[task]"),
        ("### Title [x]", "### Title [x]"),
        ("a\n::error::b\x1b", r"a\n::error::b\x1b"),
    ],
)
def test_no_line_is_a_command(capsys, text, said):
    console.say(text)
    console.say(text, err=True)
    assert capsys.readouterr() == (said + "\n", said + "\n")


def test_lines_stay_lines_and_none_is_a_command(capsys):
    console.show("a\n::error::b\n\n ::c\x1b\n")
    assert capsys.readouterr().out == "a\n\\x3a:error::b\n\n \\x3a:c\\x1b\n"


def test_there_is_one_way_to_the_terminal():
    package = Path(console.__file__).parents[1]
    others = [file for file in package.rglob("*.py") if file.name != "console.py"]
    for file in others:
        text = file.read_text(encoding="utf-8").replace("import sys; print(", "")
        assert not re.search(r"\b(typer\.echo|click\.echo|print)\(", text), file


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one image."""
    folder = tmp_path_factory.mktemp("plain")
    Image.new("RGB", (16, 16), "red").save(folder / "red.png")
    return folder


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command.replace("rdbench", f"'{sys.executable}' -m rdbench", 1)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


MEASURE = "rdbench run --codec png --dataset red.png --jobs 1 --out "


@pytest.mark.parametrize(
    "command",
    [
        "rdbench published | head -1; exit ${PIPESTATUS[0]}",
        "rdbench --help | true; exit ${PIPESTATUS[0]}",
        MEASURE + "piped | true; exit ${PIPESTATUS[0]}",
        "rdbench published >&-",
        MEASURE + "closed 2>&-",
        MEASURE + "all-closed <&- >&- 2>&-",
        MEASURE + "full 2>/dev/full",
    ],
)
def test_nobody_need_be_listening(plain, command):
    done = shell(command, plain)
    assert (done.returncode, done.stderr) == (0, "" if "2>" in command else done.stderr)
    assert "Traceback" not in done.stderr
    assert "rror" not in done.stderr
    if MEASURE in command:
        out = plain / command.removeprefix(MEASURE).split()[0]
        assert [row.status for row in read_rows(out)] == ["ok"]
        assert (out / "summary.csv").is_file()


@pytest.mark.parametrize("command", ["rdbench published", MEASURE + "lost", "rdbench --help"])
def test_output_that_is_lost_is_said(plain, command):
    done = shell(f"{command} >/dev/full", plain)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "rdbench: error: the output is incomplete: No space left on device"
    )
    assert "Traceback" not in done.stderr
    if MEASURE in command:
        assert [row.status for row in read_rows(plain / "lost")] == ["ok"]


def test_a_terminal_of_another_encoding_gets_escapes(plain):
    done = subprocess.run(
        [sys.executable, "-m", "rdbench", "codecs", "show", "größe−"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
        cwd=plain,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert rb"unknown codec 'gr" + b"\xf6\xdfe" + rb"\u2212'" in done.stderr
