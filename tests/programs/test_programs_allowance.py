"""What is written to temporary folders is counted as a disk has it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from rdbench.errors import CodecError, MissingBackendError
from rdbench.programs import Call, ProgramSpec, allowance, find, process, run, scratch
from rdbench.programs.allowance import Use, use

from .kit import write_script

MIB = 2**20


def test_what_is_counted(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(b"x" * MIB)
    for name in ("same", "again"):  # one file with three names
        os.link(inner / "file", tmp_path / name)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "link").symlink_to("/")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = use([tmp_path])
    assert MIB <= found.size_bytes < 1.2 * MIB
    assert found.files == 8
    assert use([tmp_path / "gone"]) == Use()


@pytest.mark.parametrize("slow", ["before it starts", "while it runs"])
def test_counting_does_not_outlast_the_program(tmp_path, monkeypatch, slow):
    """On a slow disk, or in a folder of very many files, which would take far longer to go through
    than the program may: it is stopped when its time is up, and that is said."""
    for number in range(400):
        (tmp_path / str(number)).mkdir()
    started = []

    def visit(path):
        if slow == "before it starts" or started:
            time.sleep(0.05)
        return os_scandir(path)

    def start(*arguments):
        started.append(True)
        return process_start(*arguments)

    os_scandir, process_start = os.scandir, process.start
    monkeypatch.setattr(allowance.os, "scandir", visit)
    monkeypatch.setattr(process, "start", start)
    before = time.monotonic()
    with pytest.raises(CodecError, match="was not done in time and was stopped"):
        run(Call(["/bin/sleep", "60"], tmp_path), deadline=before + 0.5)
    assert time.monotonic() - before < 10


PROGRAM = """#!{python} -IS
import os, time
for number in range({files}):
    with open("part%d" % number, "wb") as file:
        file.write(b"x" * {size})
{more}
"""
DEEP = """
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
"""


def printed(folder: Path, files: int, size: int, more: str = "") -> str:
    program = write_script(
        folder / "program",
        PROGRAM.format(python=sys.executable, files=files, size=size, more=more),
    )
    with scratch(0) as place:
        run(Call([str(program)], place))
    return "fine"


def test_the_sum_of_files_is_bounded(tmp_path, places, monkeypatch):
    monkeypatch.setattr(allowance, "room", lambda _: 0)
    assert printed(tmp_path, 15, MIB) == "fine"
    with pytest.raises(CodecError, match=r"^program wrote files that are together more than a qu"):
        printed(tmp_path, 20, MIB)
    with pytest.raises(CodecError, match=r"a quarter of the free space \(16 MiB\); it pri"):
        printed(tmp_path, 20, MIB, "time.sleep(600)")


def test_the_number_of_files_is_bounded(tmp_path, places, monkeypatch):
    monkeypatch.setattr(allowance, "MOST_FILES", 500)
    assert printed(tmp_path, 499, 0) == "fine"
    with pytest.raises(CodecError, match=r"^program wrote more than 500 files, or"):
        printed(tmp_path, 600, 0, "time.sleep(600)")


def test_folders_that_are_too_deep_are_not_looked_into(tmp_path, places):
    with pytest.raises(CodecError, match=r"^program wrote more than .* or files too deep"):
        printed(tmp_path, 0, 0, DEEP)


def test_what_was_there_before_is_not_counted(tmp_path, places, monkeypatch):
    monkeypatch.setattr(allowance, "room", lambda _: 0)
    program = write_script(
        tmp_path / "program", PROGRAM.format(python=sys.executable, files=15, size=MIB, more="")
    )
    with scratch(0) as place:
        (place / "input").write_bytes(b"x" * 20 * MIB)
        run(Call([str(program)], place))


def test_a_program_that_is_asked_for_its_version_is_bounded(tmp_path, places, monkeypatch):
    monkeypatch.setattr(allowance, "room", lambda _: 0)
    program = write_script(
        tmp_path / "program", PROGRAM.format(python=sys.executable, files=20, size=MIB, more="")
    )
    with pytest.raises(MissingBackendError, match="it wrote files that are together more than"):
        find(ProgramSpec("program", (str(program),), ("--version",)))
