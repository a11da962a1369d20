"""``rdbench`` without arguments: eight lines, of what is here."""

from __future__ import annotations

import os
import re

import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.codecs import registry
from tests.cli.command import understood


@pytest.fixture
def tour(tmp_path, monkeypatch):
    """The lines that are printed in an empty folder, where no data are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RDBENCH_DATA", raising=False)

    def lines() -> list[str]:
        done = CliRunner().invoke(app, [])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    return lines


def run_directory(folder, name, seconds) -> None:
    path = folder / "results" / "runs" / name
    path.mkdir(parents=True)
    table = path / "measurements.csv"
    table.write_text("")
    os.utime(table, (seconds, seconds))


def test_eight_lines_of_commands_that_there_are(tour) -> None:
    first, *others = tour()
    assert len(others) == 7
    assert first.startswith("rdbench ")
    assert all(len(line) <= 100 for line in (first, *others))
    for line in others:
        command = re.fullmatch(r"  rdbench (.+?)  +\S.*", line)
        assert command is not None, line
        understood(command[1])


def test_runs_are_those_of_this_folder_the_latest_first(tour, tmp_path) -> None:
    assert "report results/runs/quickstart " in tour()[2]
    assert "results/runs has no run yet" in tour()[2]
    run_directory(tmp_path, "older", 1000)
    assert tour()[2].endswith("look at the one run here")
    run_directory(tmp_path, "newer", 2000)
    (tmp_path / "results" / "runs" / "empty").mkdir()
    assert "report results/runs/newer " in tour()[2]
    assert tour()[2].endswith("the latest of 2 runs")


def test_datasets_are_those_that_are_whole(tour, tmp_path, monkeypatch) -> None:
    assert "  here: photos, and any folder of images; how to get 5 more" in tour()[3]
    folder = tmp_path / "data" / "clic2025"
    folder.mkdir(parents=True)
    monkeypatch.setenv("RDBENCH_DATA", str(tmp_path / "data"))
    from rdbench.images.known import KNOWN

    names = [*KNOWN["clic2025"].manifest]
    for name in names[:-1]:
        (folder / name).touch()
    assert "here: photos, and" in tour()[3]
    (folder / names[-1]).touch()
    assert "here: photos, clic2025, and any folder of images; how to get 4 more" in tour()[3]


def test_codecs_are_those_that_can_be_used(tour, monkeypatch) -> None:
    usable = registry.usable()
    assert {"jpeg", "dct-block", "klt-block"} <= {*usable}
    assert "theis2017" not in usable  # no weights of it are shipped
    monkeypatch.setenv("PATH", "")
    fewer = len(registry.usable())
    assert fewer <= len(usable)
    assert f"{fewer} of {len(registry.entries())} codecs work on this machine" in tour()[4]
