"""Finding programs: by variable, by name, by version, and what is said where none will do."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from rdbench.errors import MissingBackendError
from rdbench.programs import ProgramSpec, find, variable
from rdbench.schema import OK
from tests.processes import wait_for

from .kit import measured, planned, request, write_definition, write_program, write_script

SPEC = ProgramSpec(
    name="pack",
    candidates=("pack", "pack-2"),
    version_arguments=("--version",),
    version_pattern=r"^pack (\d\S*)",
    install="apt-get install pack",
)
GOOD = "#!/bin/sh\necho pack 1.2\n"
OTHER = "#!/bin/sh\necho another tool of this name\n"


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders, which are all that is on PATH beside the system's own."""
    folders = (tmp_path / "one", tmp_path / "two")
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("PATH", f"{folders[0]}:{folders[1]}:/usr/bin:/bin")
    return folders


def missing(spec: ProgramSpec = SPEC) -> str:
    """The message of a program that is not found, which must be one line."""
    with pytest.raises(MissingBackendError) as caught:
        find(spec)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 800
    return message


def test_a_program_is_told_by_path_version_and_content(path):
    program = write_script(path[1] / "pack", GOOD)
    found = find(SPEC)
    assert (found.path, found.version, found.title) == (str(program), "1.2", "pack 1.2")
    assert found.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


def test_a_program_that_tells_no_version_is_told_by_its_content(path):
    write_script(path[0] / "pack", GOOD)
    found = find(ProgramSpec("pack", ("pack",)))
    assert found.title == "pack sha256:" + hashlib.sha256(GOOD.encode()).hexdigest()[:12]


def test_names_of_variables():
    assert variable("TAppEncoderStatic") == "RDBENCH_TAPPENCODERSTATIC"
    assert variable("my-enc.py") == "RDBENCH_MY_ENC_PY"


def test_the_order_of_the_names_decides_and_not_that_of_path(path):
    first = write_script(path[1] / "pack", GOOD)
    second = write_script(path[0] / "pack-2", GOOD.replace("1.2", "2.0"))
    assert find(SPEC).path == str(first)
    turned = ProgramSpec("pack", ("pack-2", "pack"), ("--version",), SPEC.version_pattern)
    assert (find(turned).path, find(turned).version) == (str(second), "2.0")


def test_the_variable_comes_before_path(path, tmp_path, monkeypatch):
    write_script(path[0] / "pack", GOOD)
    mine = write_script(tmp_path / "my programs" / "old pack", GOOD.replace("1.2", "0.9"))
    monkeypatch.setenv("RDBENCH_PACK", str(mine))
    assert (find(SPEC).path, find(SPEC).version) == (str(mine), "0.9")


def test_the_variable_may_be_a_name_on_path(path, monkeypatch):
    mine = write_script(path[1] / "old-pack", GOOD)
    monkeypatch.setenv("RDBENCH_PACK", "old-pack")
    assert find(SPEC).path == str(mine)


def test_a_missing_program_is_named_with_what_to_do():
    assert missing() == (
        "program 'pack' is missing ('pack' or 'pack-2' is not on PATH): apt-get install pack; or "
        "set RDBENCH_PACK to it"
    )


def test_another_program_of_that_name_is_passed_over(path):
    write_script(path[0] / "pack", OTHER)
    second = write_script(path[0] / "pack-2", GOOD)
    assert find(SPEC).path == str(second)


def test_other_programs_of_that_name_are_named_where_there_is_no_more(path):
    other = write_script(path[0] / "pack", OTHER)
    silent = write_script(path[0] / "pack-2", "#!/bin/sh\n")
    message = missing()
    assert f"{other} is not the expected program 'pack'" in message
    assert "`pack --version` prints 'another tool of this name'" in message
    assert f"{silent} is not the expected program" in message
    assert "`pack-2 --version` prints nothing" in message
    assert message.endswith("apt-get install pack; or set RDBENCH_PACK to it")


def test_another_program_in_the_variable_is_refused_though_path_has_the_right_one(
    path, tmp_path, monkeypatch
):
    write_script(path[0] / "pack", GOOD)
    monkeypatch.setenv("RDBENCH_PACK", str(write_script(tmp_path / "mine", OTHER)))
    assert f"{tmp_path / 'mine'} is not the expected program 'pack'" in missing()


def test_a_program_that_is_not_executable(path, tmp_path, monkeypatch):
    program = write_script(path[0] / "pack", GOOD)
    program.chmod(0o644)
    assert f"{program} is not executable" in missing()
    second = write_script(path[0] / "pack-2", GOOD)
    monkeypatch.setenv("PATH", f"{path[0]}:")
    assert find(SPEC).path == str(second)
    monkeypatch.setenv("RDBENCH_PACK", str(program))
    assert missing() == (f"RDBENCH_PACK names '{program}', which is not executable; try `chmod +x`")


@pytest.mark.parametrize("name", ["gone", "."])
def test_a_variable_that_names_no_file(tmp_path, monkeypatch, name):
    monkeypatch.setenv("RDBENCH_PACK", str(tmp_path / name))
    assert missing() == (
        f"RDBENCH_PACK names '{tmp_path / name}', which is not a file; set it to the program 'pack'"
    )


def test_a_program_for_another_kind_of_machine(path):
    """A copy of ``true`` whose e_machine, the two bytes at 18 (elf(5)), is no machine's."""
    true = bytearray(Path(shutil.which("true")).read_bytes())
    assert true[:4] == b"\x7fELF"
    true[18:20] = b"\xab\xcd"
    (path[0] / "pack").write_bytes(true)
    (path[0] / "pack").chmod(0o755)
    message = missing()
    assert f"{path[0] / 'pack'} cannot be used: " in message
    assert "Exec format error, so it is built for another kind of machine" in message


def test_a_script_whose_interpreter_is_missing(path):
    write_script(path[0] / "pack", "#!/nonexistent/python\n")
    assert "pack cannot be run: No such file or directory" in missing()


def test_a_program_that_does_not_tell_its_version_in_time(path, monkeypatch):
    monkeypatch.setattr(sys.modules[find.__module__], "VERSION_TIMEOUT_S", 0.3)
    write_script(path[0] / "pack", "#!/bin/sh\ntrap '' TERM INT\necho $$ >&2\nsleep 3600\n")
    start = time.monotonic()
    assert f"{path[0] / 'pack'} cannot be used: it was not done after 0.3 s" in missing()
    assert time.monotonic() - start < 5


def test_a_program_that_dies_of_the_question_for_its_version(path):
    write_script(path[0] / "pack", "#!/bin/sh\necho pack 1.2\nkill -SEGV $$\n")
    assert f"{path[0] / 'pack'} cannot be used: it died of SIGSEGV" in missing()


def test_a_program_that_prints_megabytes_when_asked_for_its_version(path):
    lines = f"#!{sys.executable} -IS\nfor _ in range(2**17): print('x' * 79)\n"
    write_script(path[0] / "pack-2", lines + "print('pack 2.0')\n")
    assert find(SPEC).version == "2.0"
    program = write_script(path[0] / "pack", lines)
    (path[0] / "pack-2").unlink()
    message = missing(ProgramSpec("pack", ("pack",), ("--version",), SPEC.version_pattern))
    assert re.search(rf"{program} is not the expected program .* prints '[x ]{{79}}…'", message)


def test_a_version_of_megabytes_is_cut(path):
    write_script(path[0] / "pack", f"#!{sys.executable} -IS\nprint('pack 1' + 'x' * 2**19)\n")
    assert len(find(SPEC).version) <= 500


def test_a_run_leaves_out_what_is_missing(definition, photo, places, tmp_path):
    gone = write_definition(tmp_path / "gone", name="gone", program="./gone")
    requests = [request(gone), request(definition)]
    outcome = measured(photo, requests, tmp_path / "out")
    assert {(row.codec, row.status) for row in outcome.rows} == {("faulty", OK)}
    (line,) = planned(photo, requests).missing
    assert line == (
        f"codec 'gone': program 'gone' is missing ('{tmp_path}/gone/gone' is not there): write it "
        "again; or set RDBENCH_GONE to it"
    )
    with pytest.raises(MissingBackendError, match="RDBENCH_GONE"):
        planned(photo, [request(gone)])


def test_workers_run_the_program_that_was_found_when_the_run_was_planned(
    path, photo, places, tmp_path
):
    """Another program of that name comes to the front of PATH between plan and measurement."""
    from rdbench.runner import Limits, LocalPool, run

    found = write_program(path[1])
    experiment = planned(photo, [request(write_definition(tmp_path, program="faulty"))])
    write_program(path[0], extra="\n# another one\n")
    with LocalPool(Limits(1)) as pool:
        outcome = run(experiment, tmp_path / "out", executor=pool)
    assert [row.status for row in outcome.rows] == [OK]
    assert {call["argv"][0] for call in places.calls()} == {str(found)}
    assert shutil.which("faulty") == str(path[0] / "faulty")


def test_asking_for_the_version_leaves_nothing(path, places):
    write_script(path[0] / "pack", "#!/bin/sh\necho pack 1.2\ntouch mess\n")
    find(SPEC)
    wait_for(lambda: not places.left(), "files of the program are left")
