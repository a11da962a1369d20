"""Several builds of one program in one run: each codec is measured with its own."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from rdbench import programs
from rdbench.experiment import CodecRequest
from rdbench.programs import ProgramSpec
from rdbench.results import MANIFEST
from rdbench.runner import Outcome
from rdbench.schema import OK

from .kit import Places, measured, write_script

BUILD = f"""#!{sys.executable} -IS
import sys
if sys.argv[1] == "--version":
    print("pack {{version}}")
else:
    data = open(sys.argv[1], "rb").read()
    mark = b"{{version}}"
    encode = sys.argv[2].startswith("stream")
    open(sys.argv[2], "wb").write(mark + data if encode else data.removeprefix(mark))
"""
DEFINITION = """
name = "{name}"
parameter = "level"
ladder = [1]
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "{program}"
version = ["--version"]
pattern = 'pack (\\S+)'
arguments = ["{{input}}", "{{stream}}"]
[decode]
program = "{program}"
version = ["--version"]
pattern = 'pack (\\S+)'
arguments = ["{{stream}}", "{{output}}"]
"""
VERSIONS = {"old": "1.0", "new": "2.0", "path": "3.0"}


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Three builds of a program ``pack``, one of them on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    return {
        build: write_script(tmp_path / build / "pack", BUILD.format(version=version))
        for build, version in VERSIONS.items()
    }


def define(folder: Path, name: str, program: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(DEFINITION.format(name=name, program=program))
    return path


def check_own(outcome: Outcome, builds: dict[str, Path], labels: dict[str, str]) -> None:
    """The curve of each label has the version, the stream and the provenance of its build."""
    told = json.loads((outcome.path / MANIFEST).read_text())["provenance"]
    assert {row.label for row in outcome.rows} == set(labels)
    for row in outcome.rows:
        build = labels[row.label]
        version, path = VERSIONS[build], builds[build]
        assert (row.status, row.message) == (OK, "")
        assert row.codec_version == f"pack {version}"
        assert told[row.label]["programs"] == {
            "pack": {
                "path": str(path),
                "version": version,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        }
        (stream,) = (outcome.path / "streams").glob(f"{row.label}*/1/*")
        assert hashlib.sha256(stream.read_bytes()).hexdigest() == row.stream_sha256
        assert stream.read_bytes().startswith(version.encode() + b"P6")


@pytest.mark.parametrize("order", [("old", "new", "path"), ("path", "new", "old")])
def test_each_definition_runs_its_own_program(builds, photo, places: Places, tmp_path, order):
    files = {
        "old": define(tmp_path, "old", "./old/pack"),
        "new": define(tmp_path, "new", "./new/pack"),
        "path": define(tmp_path, "path", "pack"),
    }
    requests = [CodecRequest(str(files[name])) for name in order]
    outcome = measured(photo, requests, tmp_path / "out", keep_streams=True)
    check_own(outcome, builds, {name: name for name in order})


def test_a_path_comes_before_the_variable_and_a_name_does_not(
    builds, photo, places: Places, tmp_path, monkeypatch
):
    monkeypatch.setenv("RDBENCH_PACK", str(builds["new"]))
    requests = [
        CodecRequest(str(define(tmp_path, "by-path", "./old/pack"))),
        CodecRequest(str(define(tmp_path, "by-name", "pack"))),
    ]
    outcome = measured(photo, requests, tmp_path / "out", keep_streams=True)
    check_own(outcome, builds, {"by-path": "old", "by-name": "new"})


def test_the_variable_stands_in_for_a_path_that_is_not_there(builds, monkeypatch, tmp_path):
    spec = ProgramSpec("pack", (str(tmp_path / "gone" / "pack"),), ("--version",), r"pack (\S+)")
    monkeypatch.setenv("RDBENCH_PACK", str(builds["new"]))
    assert programs.find(spec).version == "2.0"


def test_a_program_that_was_built_again_is_asked_again(builds):
    spec = ProgramSpec("pack", ("pack",), ("--version",), r"pack (\S+)")
    before = programs.find(spec)
    sha256 = before.sha256
    write_script(builds["path"], BUILD.format(version="3.0.1"))
    after = programs.find(spec)
    assert (before.version, after.version) == ("3.0", "3.0.1")
    assert after.sha256 == hashlib.sha256(builds["path"].read_bytes()).hexdigest() != sha256


def test_what_was_adopted_is_not_looked_for(builds, monkeypatch):
    monkeypatch.setattr(sys.modules[programs.find.__module__], "_adopted", {})
    spec = ProgramSpec("pack", ("pack",), ("--version",), r"pack (\S+)")
    other = programs.Program("pack", "/elsewhere/pack", "9")
    programs.adopt({spec: other})
    assert programs.find(spec) == other
    assert programs.found()[spec] == other
