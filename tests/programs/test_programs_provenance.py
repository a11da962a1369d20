"""What a run keeps of the programs that it ran, and when it goes on with them."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.manifest import MANIFEST
from rdbench.runner import Outcome
from rdbench.schema import OK

from .kit import Places, measured, request, write_definition, write_program


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def provenance(outcome: Outcome) -> dict:
    return json.loads((outcome.path / MANIFEST).read_text())["provenance"]["faulty none"]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program, where only its variable points to."""
    path = write_program(tmp_path / "first")
    monkeypatch.setenv("RDBENCH_FAULTY", str(path))
    return path


@pytest.fixture
def measure(photo: Path, program: Path, places: Places, tmp_path: Path):
    def go(**settings: object) -> Outcome:
        definition = write_definition(tmp_path / "codec", program="faulty")
        return measured(photo, [request(definition)], tmp_path / "out", **settings)

    return go


def test_programs_and_command_lines_are_kept(measure, program):
    outcome = measure()
    assert {row.codec_version for row in outcome.rows} == {"faulty 1.2"}
    told = provenance(outcome)
    assert told["programs"] == {
        "faulty": {"path": str(program), "version": "1.2", "sha256": sha256(program)}
    }
    assert told["commands"]["3"] == {
        "encode": {"1": "faulty encode none input.ppm stream.z"},
        "decode": {"1": "faulty decode none stream.z output.ppm"},
    }
    assert told["commands"]["1"]["encode"]["1"].split()[3] == "input.pgm"


def test_the_command_line_that_is_kept_is_the_one_that_was_run(measure, program, places):
    commands = provenance(measure())["commands"]["3"]
    run = {tuple(call["argv"]) for call in places.calls()}
    assert run == {
        (str(program), *shlex.split(commands[kind]["1"])[1:]) for kind in ("encode", "decode")
    }


def test_the_same_program_in_another_place_goes_on(measure, tmp_path, monkeypatch):
    measure()
    moved = write_program(tmp_path / "second", name="faulty-moved")
    monkeypatch.setenv("RDBENCH_FAULTY", str(moved))
    again = measure()
    assert (again.resumed, again.measured) == (True, 0)
    assert provenance(again)["programs"]["faulty"]["path"] == str(moved)


def test_another_program_of_that_name_is_refused(measure, program, tmp_path, monkeypatch):
    first = measure()
    rows = (first.path / "measurements.csv").read_bytes()
    other = write_program(tmp_path / "second", extra="\n# another build\n")
    monkeypatch.setenv("RDBENCH_FAULTY", str(other))
    with pytest.raises(UsageError) as caught:
        measure()
    message = str(caught.value)
    assert message.isprintable()
    assert f'"{sha256(program)}" there, "{sha256(other)}" now' in message
    assert "programs.faulty.sha256" in message
    assert "`fresh=True`" in message
    assert (first.path / "measurements.csv").read_bytes() == rows
    assert provenance(first)["programs"]["faulty"]["sha256"] == sha256(program)

    fresh = measure(fresh=True)
    assert [row.status for row in fresh.rows] == [OK]
    assert fresh.measured == 1
    assert provenance(fresh)["programs"]["faulty"]["sha256"] == sha256(other)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"{stream}"]\n\n[decode]', '"{stream}", "--"]\n\n[decode]', "commands"),
        ("\n[encode]", "least = 64\n\n[encode]", "pixels"),
    ],
)
def test_another_definition_of_that_name_is_refused(
    photo, program, places, tmp_path, old, new, key
):
    definition = write_definition(tmp_path / "codec", program="faulty")
    measured(photo, [request(definition)], tmp_path / "out")
    text = definition.read_text()
    assert old in text
    definition.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=rf"{key}.*`fresh=True`"):
        measured(photo, [request(definition)], tmp_path / "out")
    definition.write_text(text.replace("zlib", "words that decide nothing"))
    assert measured(photo, [request(definition)], tmp_path / "out").measured == 0


def test_files_of_a_definition_are_part_of_it(photo, program, places, tmp_path):
    definition = write_definition(tmp_path / "codec", program="faulty")
    text = definition.read_text()
    (tmp_path / "codec" / "a.cfg").write_text("slow\n")
    definition.write_text(text.replace("[decode]", 'files = ["a.cfg"]\n\n[decode]'))
    outcome = measured(photo, [request(definition)], tmp_path / "out")
    assert outcome.rows[0].status == OK
    assert provenance(outcome)["files"] == {"a.cfg": hashlib.sha256(b"slow\n").hexdigest()}
    (tmp_path / "codec" / "a.cfg").write_text("fast\n")
    with pytest.raises(UsageError, match=r"a\.cfg.*`fresh=True`"):
        measured(photo, [request(definition)], tmp_path / "out")


def test_the_programs_of_several_codecs_are_kept_by_label(photo, program, places, tmp_path):
    definition = write_definition(tmp_path / "codec", program="faulty")
    requests = [request(definition), request(definition, "fork")]
    outcome = measured(photo, requests, tmp_path / "out")
    told = json.loads((outcome.path / MANIFEST).read_text())["provenance"]
    assert set(told) == {"faulty none", "faulty fork"}
    assert told["faulty fork"]["commands"]["3"]["encode"]["1"].split()[2] == "fork"
