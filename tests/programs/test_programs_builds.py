"""Several builds of one program in one run: each codec is measured with its own."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from rdbench import programs
from rdbench.codecs import registry
from rdbench.codecs.request import CodecRequest, parse_codec
from rdbench.errors import MissingBackendError, UsageError
from rdbench.experiment import plan_codec
from rdbench.manifest import MANIFEST
from rdbench.programs import ProgramSpec
from rdbench.runner import Outcome
from rdbench.runner.kept import slug
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
        (stream,) = (outcome.path / "streams").glob(f"{slug(row.label)}/1/*")
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


def test_a_build_is_an_option(builds, photo, places: Places, tmp_path):
    codec = define(tmp_path, "mine", "pack")
    requests = [
        parse_codec(str(codec)),
        CodecRequest(str(codec), {"program": str(builds["old"])}, label="before"),
        CodecRequest(str(codec), {"program": str(builds["new"])}),
    ]
    outcome = measured(photo, requests, tmp_path / "out", keep_streams=True)
    check_own(outcome, builds, {"mine": "path", "before": "old", "mine program=pack": "new"})
    options = {row.label: row.options for row in outcome.rows}
    assert options == {
        "mine": "",
        "before": f"program={builds['old']}",
        "mine program=pack": f"program={builds['new']}",
    }
    again = measured(photo, requests, tmp_path / "out")
    assert again.measured == 0


def test_another_build_at_the_same_place_is_refused(builds, photo, places: Places, tmp_path):
    requests = [CodecRequest(str(define(tmp_path, "mine", "./old/pack")))]
    first = measured(photo, requests, tmp_path / "out")
    rows = (first.path / "measurements.csv").read_bytes()
    write_script(builds["old"], BUILD.format(version="1.0") + "# built again\n")
    with pytest.raises(UsageError, match=r"curve 'mine'.*programs\.pack\.sha256: ") as caught:
        measured(photo, requests, tmp_path / "out")
    assert str(caught.value).isprintable()
    write_script(builds["old"], BUILD.format(version="1.1"))
    with pytest.raises(UsageError, match=r'"pack 1\.0" there, "pack 1\.1" now'):
        measured(photo, requests, tmp_path / "out")
    assert (first.path / "measurements.csv").read_bytes() == rows
    assert measured(photo, requests, tmp_path / "out", fresh=True).measured == 1


def test_a_decoder_of_its_own(builds, tmp_path, monkeypatch):
    plan = plan_codec(
        CodecRequest(
            str(define(tmp_path, "mine", "pack")),
            {"program": str(builds["old"]), "decoder": str(builds["new"])},
        )
    )
    told = plan.codec().provenance(dict(plan.options), (1,))["programs"]
    assert {name: program["version"] for name, program in told.items()} == {
        "pack": "1.0",
        "pack (decoder)": "2.0",
    }
    assert plan.codec().version() == "pack 1.0, pack 2.0"
    assert plan.label == "mine program=pack decoder=pack"


def test_the_option_holds_without_a_plan(builds, tmp_path):
    codec = registry.load(str(define(tmp_path, "mine", "pack")))
    one = codec(1, program=str(builds["old"]))
    assert one.version() == "pack 1.0"
    assert codec(1).version() == codec.version() == "pack 3.0"
    assert registry.load("cjpeg").option_table.keys() >= {"program", "decoder"}


def test_a_build_that_cannot_be_run_is_refused_in_one_line(builds, tmp_path):
    codec = str(define(tmp_path, "mine", "pack"))
    builds["old"].chmod(0o644)
    (tmp_path / "other").write_text("#!/bin/sh\necho something else\n")
    (tmp_path / "other").chmod(0o755)
    for file, error, reason in (
        (tmp_path / "gone", UsageError, "is not a file; name the file of 'pack'"),
        (builds["old"], UsageError, "is not executable; try `chmod \\+x`"),
        (tmp_path / "other", MissingBackendError, "prints 'something else'.* name another file"),
    ):
        with pytest.raises(error, match=reason) as caught:
            plan_codec(CodecRequest(codec, {"program": str(file)}))
        assert str(file) in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["program", "decoder"])
def test_an_option_of_that_name_is_refused(tmp_path, name):
    path = define(tmp_path, "mine", "pack")
    path.write_text(
        path.read_text().replace("[pixels]", f"[options.{name}]\ndefault = 1\n[pixels]")
    )
    with pytest.raises(UsageError, match=f"{name}.*has another meaning"):
        registry.load(str(path))


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
