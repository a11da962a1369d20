"""``rdbench run`` with programs: --codec-file, --strict, and what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rdbench.results import read_rows

from .command import rdbench

DEFINITION = """
name = "{name}"
summary = "raw samples, zlib"
parameter = "level"
ladder = [1, 9]
integer = true
lossless = true
suffix = ".z"
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "./pack.py"
version = ["--version"]
pattern = 'pack (\\S+)'
arguments = ["{{input}}", "{{stream}}", "{{point}}"]
[decode]
program = "./pack.py"
version = ["--version"]
pattern = 'pack (\\S+)'
arguments = ["{{stream}}", "{{output}}"]
"""
PACK = f"""#!{sys.executable} -S
import sys, zlib
if sys.argv[1] == "--version":
    print("pack 1.2")
elif len(sys.argv) > 3:
    open(sys.argv[2], "wb").write(zlib.compress(open(sys.argv[1], "rb").read(), int(sys.argv[3])))
else:
    open(sys.argv[2], "wb").write(zlib.decompress(open(sys.argv[1], "rb").read()))
"""


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """A program codec with its program beside it."""
    program = tmp_path / "pack.py"
    program.write_text(PACK)
    program.chmod(0o755)
    path = tmp_path / "mine.toml"
    path.write_text(DEFINITION.format(name="mine"))
    return path


def test_a_codec_file_is_a_codec_by_its_name_and_without_it(tmp_path, definition):
    common = ("--dataset", "photos", "--metrics", "psnr_db", "--jobs", 2)
    done = rdbench("run", "--codec-file", "mine.toml", *common, "--out", "a", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "a")
    assert {(row.codec, row.label, row.point) for row in rows} == {
        ("mine", "mine", 1.0),
        ("mine", "mine", 9.0),
    }
    assert {row.status for row in rows} == {"ok"}
    assert {row.scores["mse"] for row in rows} == {0.0}
    assert {row.codec_version for row in rows} == {"pack.py 1.2"}
    program = json.loads((tmp_path / "a" / "run.json").read_text())["provenance"]["mine"]
    assert program["programs"]["pack.py"]["path"] == str(tmp_path / "pack.py")

    arguments = ("--codec", "mine:points=5", "--codec-file", "mine.toml", "--codecs", "png")
    done = rdbench("run", *arguments, *common, "--out", "b", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    points = {(row.codec, row.point) for row in read_rows(tmp_path / "b")}
    assert {point for codec, point in points if codec == "mine"} == {5.0}

    (tmp_path / "e.toml").write_text(
        'datasets = ["photos"]\nmetrics = ["psnr_db"]\n[[codecs]]\ncodec = "mine.toml"\n'
    )
    done = rdbench("run", "e.toml", "--out", "a", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "already there" in done.stdout


def test_a_codec_file_must_not_take_the_name_of_another_codec(tmp_path, definition):
    definition.write_text(DEFINITION.format(name="jpeg"))
    done = rdbench("run", "--codec-file", "mine.toml", "--dataset", "photos", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'mine.toml', key 'name': there is a codec 'jpeg'; choose another name" in done.stderr


def test_two_codecs_of_one_name_are_refused_in_every_form(tmp_path, definition):
    (tmp_path / "other.toml").write_text(DEFINITION.format(name="mine"))
    (tmp_path / "jpeg.toml").write_text(DEFINITION.format(name="jpeg"))
    (tmp_path / "e.toml").write_text(
        'datasets = ["photos"]\n[[codecs]]\ncodec = "mine.toml"\n'
        '[[codecs]]\ncodec = "other.toml"\nlabel = "other"\n'
    )
    data = ("--dataset", "photos")
    twins = f"one from {tmp_path}/mine.toml and one from {tmp_path}/other.toml; rename one of them"
    for arguments, message in (
        (("--codec-file", "mine.toml", "--codec-file", "other.toml", *data), twins),
        (("--codec", "mine.toml", "--codec", "other.toml:label=other", *data), twins),
        (("--codec-file", "mine.toml", "--codec", "other.toml:label=other", *data), "mine.toml"),
        (("e.toml",), twins),
        (("--codec", "jpeg.toml", *data), f"one from rdbench and one from {tmp_path}/jpeg.toml"),
    ):
        done = rdbench("run", *arguments, "--out", "out", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "two codecs are named" in done.stderr
        assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_left_out_and_strict_measures_nothing(tmp_path, definition):
    definition.write_text(DEFINITION.format(name="mine").replace("./pack.py", "no-such-program"))
    command = ("run", "--codec-file", "mine.toml", "--dataset", "photos", "--metrics", "psnr_db")
    more = ("--codec", "png:points=1", "--out", "out")

    done = rdbench(*command, *more, cwd=tmp_path)
    assert done.returncode == 1
    assert "left out: codec 'mine': program 'no-such-program' is missing" in done.stderr
    assert {row.codec for row in read_rows(tmp_path / "out")} == {"png"}

    done = rdbench(*command, *more, "--strict", "--fresh", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "RDBENCH_NO_SUCH_PROGRAM" in done.stderr
    assert len(read_rows(tmp_path / "out")) > 0, "the directory was not touched"

    done = rdbench(*command, "--out", "none", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()
