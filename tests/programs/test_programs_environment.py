"""Programs get the environment that their user has, and no variable that is meant for workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rdbench import programs
from rdbench.codecs.program import load
from rdbench.codecs.request import CodecRequest
from rdbench.errors import UsageError
from rdbench.manifest import MANIFEST
from rdbench.programs.scratch import RAM_VARIABLE
from rdbench.programs.strays import MARK
from rdbench.runner import Limits, LocalPool, Outcome, run
from rdbench.schema import OK
from rdbench.workers import ENVIRONMENT

from .kit import measured, planned, request, write_definition, write_program, write_script

REPORTER = """#!{python} -IS
import pathlib, runpy, sys
told = pathlib.Path("/proc/self/environ").read_bytes()
(pathlib.Path({notes!r}) / sys.argv[1]).write_bytes(told)
runpy.run_path({program!r}, run_name="__main__")
"""
OTHER_PYTHON = """#!/bin/sh
# The Python of another environment, which says what it would import from.
echo "${{PYTHONPATH-unset}} ${{OMP_NUM_THREADS-unset}}" >> {note}
exec {python} -IS "$@"
"""
STARTS_PYTHON = """
import subprocess
import numpy as np
import rdbench

class Starts(rdbench.Codec):
    name = "starts"
    parameter = "level"
    ladder = (1,)
    point_range = (1, 9)
    deterministic = True

    @classmethod
    def version(cls):
        return "1"

    def encode(self, image):
        subprocess.run([{python!r}, "-c", ""], check=True)
        return np.array(image.shape, "<u2").tobytes() + image.tobytes()

    def decode(self, stream):
        return np.frombuffer(stream, np.uint8, offset=6).reshape(np.frombuffer(stream[:6], "<u2"))
"""
VARIABLES = ("PYTHONPATH", *ENVIRONMENT)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def reporter(tmp_path: Path, notes: Path) -> CodecRequest:
    """A program codec whose program writes down its environment, by its first argument."""
    folder = tmp_path / "codec"
    program = str(write_program(folder))
    write_script(
        folder / "reporter",
        REPORTER.format(python=sys.executable, notes=str(notes), program=program),
    )
    return request(write_definition(folder, program="./reporter"))


@pytest.fixture
def told(notes: Path) -> Callable[[str], dict[str, str]]:
    """The environment that the program had when it was called with this first argument."""

    def read(call: str) -> dict[str, str]:
        entries = os.fsdecode((notes / call).read_bytes()).strip("\0").split("\0")
        return dict(entry.split("=", 1) for entry in entries)

    return read


def only_ok(outcome: Outcome) -> None:
    assert [(row.status, row.message) for row in outcome.rows] == [(OK, "")]


@pytest.mark.parametrize("call", ["encode", "decode"])
def test_programs_get_what_their_user_has_set(
    photo, reporter, places, told, tmp_path, monkeypatch, call
):
    for name in VARIABLES:
        monkeypatch.setenv(name, "7")
    only_ok(measured(photo, [reporter], tmp_path / "out"))
    assert {name: told(call).get(name) for name in VARIABLES} == dict.fromkeys(VARIABLES, "7")


@pytest.mark.parametrize("call", ["encode", "decode"])
def test_programs_get_nothing_that_their_user_has_not_set(
    photo, reporter, places, told, tmp_path, monkeypatch, call
):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    only_ok(measured(photo, [reporter], tmp_path / "out"))
    assert not told(call).keys() & set(VARIABLES)


def test_what_is_set_for_programs_is_in_the_manifest_and_nothing_else_is_set(
    photo, reporter, places, told, tmp_path, monkeypatch
):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/own/lib")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv(MARK, "of-another-run")
    own = dict(os.environ)
    outcome = measured(photo, [reporter], tmp_path / "out")
    only_ok(outcome)
    (invocation,) = json.loads((outcome.path / MANIFEST).read_text())["invocations"]
    kept = invocation["program_environment"]
    assert set(kept) == {"LC_ALL", "TMPDIR", MARK, RAM_VARIABLE}
    assert kept["LC_ALL"] == told("encode")["LC_ALL"] == "C"
    assert {
        name
        for name in own.keys() | told("encode").keys()
        if own.get(name) != told("encode").get(name)
    } == set(kept)


def test_programs_get_the_environment_of_when_the_pool_was_made(
    photo, reporter, places, told, tmp_path, monkeypatch
):
    monkeypatch.setenv("OWN_VARIABLE", "before")
    experiment = planned(photo, [reporter])
    with LocalPool(Limits(jobs=1)) as pool:
        monkeypatch.setenv("OWN_VARIABLE", "after")
        only_ok(run(experiment, tmp_path / "out", executor=pool))
    assert told("encode")["OWN_VARIABLE"] == "before"


def test_a_variable_that_is_no_utf_8_comes_through(
    photo, reporter, places, told, tmp_path, monkeypatch
):
    monkeypatch.setenv("OWN_VARIABLE", os.fsdecode(b"caf\xe9"))
    only_ok(measured(photo, [reporter], tmp_path / "out"))
    assert os.fsencode(told("encode")["OWN_VARIABLE"]) == b"caf\xe9"


@pytest.mark.parametrize("users", ["unset", "/opt/theirs"])
def test_another_python_imports_nothing_of_rdbench(photo, places, tmp_path, monkeypatch, users):
    """A script with the Python of another environment on its first line."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if users != "unset":
        monkeypatch.setenv("PYTHONPATH", users)
    folder, note = tmp_path / "codec", tmp_path / "note"
    script = write_program(folder)
    python = write_script(
        tmp_path / "other" / "python", OTHER_PYTHON.format(note=note, python=sys.executable)
    )
    script.write_text(f"#!{python}\n" + script.read_text().partition("\n")[2])
    only_ok(measured(photo, [request(write_definition(folder))], tmp_path / "out"))
    assert set(note.read_text().splitlines()) == {f"{users} unset"}


@pytest.mark.parametrize("users", ["unset", "/opt/theirs"])
def test_another_python_that_a_codec_starts_by_itself_imports_nothing_of_rdbench(
    photo, places, tmp_path, monkeypatch, users
):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if users != "unset":
        monkeypatch.setenv("PYTHONPATH", users)
    note = tmp_path / "note"
    python = write_script(
        tmp_path / "other" / "python", OTHER_PYTHON.format(note=note, python=sys.executable)
    )
    codec = tmp_path / "starts.py"
    codec.write_text(STARTS_PYTHON.format(python=str(python)))
    only_ok(measured(photo, [CodecRequest(f"{codec}:Starts")], tmp_path / "out"))
    assert {line.split()[0] for line in note.read_text().splitlines()} == {users}


@pytest.mark.parametrize("users", [None, "/opt/own/lib", "/opt/own/lib:/opt/more"])
def test_programs_load_no_libraries_from_opencv(tmp_path, monkeypatch, users):
    """OpenCV puts a folder of its own, and with it the current one, before LD_LIBRARY_PATH."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    if users:
        monkeypatch.setenv("LD_LIBRARY_PATH", users)
    script = write_script(tmp_path / "show", '#!/bin/sh\necho "${LD_LIBRARY_PATH-unset}"\n')
    code = f"""
import cv2, pathlib
from rdbench import programs
call = programs.Call([{str(script)!r}], pathlib.Path({str(tmp_path)!r}))
print(programs.run(call).tail)
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == (users or "unset")


def test_what_a_user_set_stays_where_opencv_set_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", ":/opt/own/lib:")
    script = write_script(tmp_path / "show", '#!/bin/sh\necho "${LD_LIBRARY_PATH-unset}"\n')
    assert programs.run(programs.Call([str(script)], tmp_path)).tail.strip() == ":/opt/own/lib:"


WANTS_A_LIBRARY = """#!{python} -IS
# A program that cannot start, not even to tell its version, without a variable.
import os, runpy, sys
assert os.environ.get("OWN_LIBRARY") == "/opt/codec/lib"
runpy.run_path({program!r}, run_name="__main__")
"""


def own_environment(folder: Path, encode: str, decode: str = "", start: str = "./faulty") -> Path:
    """The faulty program's definition with variables for both of its commands."""
    definition = write_definition(folder, program=start)
    before, middle, after = definition.read_text().partition("\n[decode]\n")
    definition.write_text(f"{before}{encode}\n{middle}{after}{decode}")
    return definition


def test_a_definition_sets_variables_and_they_are_kept(
    photo, reporter, places, told, tmp_path, monkeypatch
):
    """Over those of the user, of one command alone, and with options in them."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    definition = own_environment(
        tmp_path / "codec",
        "environment = { OMP_NUM_THREADS = '1', WORDS = \"a b {fault}\" }",
        start="./reporter",
    )
    outcome = measured(photo, [request(definition)], tmp_path / "out")
    only_ok(outcome)
    assert {name: told("encode")[name] for name in ("OMP_NUM_THREADS", "WORDS")} == {
        "OMP_NUM_THREADS": "1",
        "WORDS": "a b none",
    }
    assert (told("decode")["OMP_NUM_THREADS"], told("decode").get("WORDS")) == ("7", None)
    commands = json.loads((outcome.path / MANIFEST).read_text())["provenance"]["faulty none"]
    assert commands["commands"]["3"] == {
        "encode": {
            "1": "OMP_NUM_THREADS=1 WORDS='a b none' reporter encode none input.ppm stream.z"
        },
        "decode": {"1": "reporter decode none stream.z output.ppm"},
    }
    definition.write_text(definition.read_text().replace("THREADS = '1'", "THREADS = '2'"))
    with pytest.raises(UsageError, match=r"commands.*`fresh=True`"):
        measured(photo, [request(definition)], tmp_path / "out")


def test_a_program_is_asked_for_its_version_with_what_its_definition_sets(photo, places, tmp_path):
    folder = tmp_path / "codec"
    program = str(write_program(folder))
    write_script(folder / "wants", WANTS_A_LIBRARY.format(python=sys.executable, program=program))
    line = "environment = { OWN_LIBRARY = '/opt/codec/lib' }\n"
    definition = own_environment(folder, line, line, start="./wants")
    outcome = measured(photo, [request(definition)], tmp_path / "out")
    only_ok(outcome)
    assert {row.codec_version for row in outcome.rows} == {"wants 1.2"}


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ("environment = { 'A=B' = 'x' }", "environment.A=B", "is not a valid name of a variable"),
        ("environment = { TMPDIR = 'x' }", "environment.TMPDIR", "is set by rdbench; leave it out"),
        ('environment = { A = "x\\u0000" }', "environment.A", "has a null character"),
        ("environment = { A = '{stream}' }", "environment.A", "{stream} is not one of"),
        ("environment = { A = 1 }", "environment.A", "1 is not text"),
    ],
)
def test_variables_that_cannot_be_set_are_refused(tmp_path, line, key, reason):
    definition = own_environment(tmp_path, line)
    with pytest.raises(UsageError) as caught:
        load(definition)
    assert f"key 'encode.{key}': {reason}" in str(caught.value)
