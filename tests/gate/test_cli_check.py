"""``rdbench check`` as it is called."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.errors import UsageError
from tests.cli.command import rdbench
from tests.gate.rows import as_csv, changed, measured, resized


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "measurements.csv").write_text(as_csv(measured()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*options):
    result = CliRunner().invoke(app, ["check", "run", "--baseline", "b.csv", *options])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def spoil(folder):
    rows = changed(measured(), resized(1.01), lambda row: row.codec == "webp")
    (folder / "run" / "measurements.csv").write_text(as_csv(rows))


def test_first_written_then_checked_then_caught(folder):
    written = call("--update")
    assert (written.exit_code, written.stderr) == (0, "")
    assert written.stdout == "60 rows written: b.csv\n"
    fine = call()
    assert (fine.exit_code, fine.stderr) == (0, "")
    assert fine.stdout.splitlines()[-1].startswith("4 same: the run 'run' against the baseline")

    spoil(folder)
    caught = call("--junit", "out/junit.xml", "--markdown", "out/check.md", "--github")
    assert caught.exit_code == 1
    assert "\n    worse: BD-rate in PSNR +1.0" in caught.stdout
    assert caught.stdout.splitlines()[-1].startswith("::error title=rdbench check%2C worse%3A webp")
    assert "❌" in (folder / "out" / "check.md").read_text(encoding="utf-8")
    suite = ElementTree.parse(folder / "out" / "junit.xml").getroot().find("testsuite")
    assert suite.get("failures") == "1"
    assert call("--max-bd-rate", "2").exit_code == 0
    assert call("--max-bd-rate", "2", "--max-bd-psnr", "0.01").exit_code == 1

    accepted = call("--update")
    assert accepted.exit_code == 0
    assert "worse: BD-rate" in accepted.stdout
    assert call().exit_code == 0


def test_as_a_program_it_answers_with_its_exit_status(folder):
    missing = rdbench("check", "run", "--baseline", "b.csv", cwd=folder)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == (
        "rdbench: error: baseline 'b.csv' does not exist; --update writes it\n"
    )
    call("--update")
    spoil(folder)
    assert rdbench("check", "run", "--baseline", "b.csv", cwd=folder).returncode == 1


def test_what_fails_newly_is_said_when_it_is_accepted(folder):
    text = as_csv(measured()).replace(",ok,,", ",crashed,dead,", 1)
    (folder / "run" / "measurements.csv").write_text(text)
    written = call("--update")
    assert written.exit_code == 1
    assert written.stderr.startswith("warning: now a known failure: jpeg (photos): astronaut at")
    again = call("--update")
    assert (again.exit_code, again.stderr) == (0, "")
    (folder / "b.csv").write_text((folder / "b.csv").read_text()[:5000])
    assert "warning: replaced: the baseline 'b.csv', line " in call("--update").stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metrics", "psnr"), "did you mean 'psnr_db'"),
        (("--metrics", "ssim"), "has no ssim"),
        (("--max-bd-rate", "nan"), "max_bd_rate is nan"),
        (("--max-slowdown", "10"), "has no times; write it again with `max_slowdown` and `update`"),
        (("--junit", "b.csv/x.xml"), "name another file with --junit"),
        (("--junit", "run"), "it is a folder; name another file with --junit"),
    ],
)
def test_what_the_user_must_change(folder, options, message):
    call("--update")
    with pytest.raises(UsageError, match=message):
        call(*options)


def test_nothing_heavy_is_imported(folder):
    """A table can be checked on a machine without any codec; equal ones need no registry."""
    call("--update")
    code = (
        "import sys, rdbench.gate\n"
        "assert rdbench.gate.check('run', 'b.csv').fine\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'PIL', 'cv2', 'imagecodecs', 'glymur'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_git_bisect_skips_what_cannot_be_judged(folder):
    missing = call("--git-bisect")
    assert missing.exit_code == 125
    assert missing.stderr == "rdbench: error: baseline 'b.csv' does not exist; --update writes it\n"
    call("--update")
    assert call("--git-bisect").exit_code == 0
    rows = [row for row in measured() if row.codec != "webp"]
    (folder / "run" / "measurements.csv").write_text(as_csv(rows))
    assert (call().exit_code, call("--git-bisect").exit_code) == (1, 125)
    spoil(folder)
    assert call("--git-bisect").exit_code == 1
    with pytest.raises(UsageError, match="exclude each other"):
        call("--git-bisect", "--update")
