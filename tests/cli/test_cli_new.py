"""``rdbench new``: what it writes does what it says, and nothing is written over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rdbench
from rdbench import experiment
from rdbench.cli import app
from rdbench.conforming import Status, conforms, run_checks
from rdbench.conforming.metric import run_metric_checks
from rdbench.errors import UsageError
from tests.cli.command import understood


@pytest.fixture
def new(tmp_path, monkeypatch):
    """The command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["new", *words])


def written(done) -> list[str]:
    """The commands that are named after a file was written."""
    assert done.exit_code == 0, done.output
    found = re.findall(r"(?m)^  rdbench (.+)$", done.stdout)
    for line in found:
        understood(line)
    return found


def test_the_codec_conforms(new) -> None:
    done = new("my-half_2.py", "--codec")
    assert "conformance my-half_2.py:MyHalf2" in written(done)
    results = run_checks("my-half_2.py:MyHalf2")
    assert [result for result in results if result.status is Status.FAILED] == []
    assert conforms(results)
    text = Path("my-half_2.py").read_text(encoding="utf-8")
    assert 'name = "my-half-2"' in text
    assert "MyName" not in text
    assert "THIS_FILE" not in text


def test_the_metric_conforms(new) -> None:
    done = new("mean_error.py", "--metric")
    assert "conformance metric mean_error.py:MeanError" in written(done)
    results = run_metric_checks("mean_error.py:MeanError")
    assert [result for result in results if result.status is Status.FAILED] == []
    assert conforms(results)


def test_the_experiment_runs(new) -> None:
    done = new("first.toml")
    assert written(done) == ["run first.toml", "report results/runs/first --anchor jpeg"]
    outcome = rdbench.run("first.toml")
    assert outcome.path == Path("results/runs/first").absolute()
    assert (outcome.measured, outcome.failures) == (5 * 6, [])
    assert {row.label for row in outcome.rows} == {"jpeg 4:2:0", "webp"}


def test_what_the_experiment_has_in_comments_is_right_too(new) -> None:
    written(new("first.toml"))
    written(new("mine.py", "--codec"))
    text = Path("first.toml").read_text(encoding="utf-8")
    meant = re.compile(r"(?m)^# (?=\[\[codecs\]\]|(?:codec|label|points|tolerance) = )")
    assert len(meant.findall(text)) == 7
    Path("first.toml").write_text(meant.sub("", text), encoding="utf-8")
    plan = experiment.read(Path("first.toml"))
    assert [codec.label for codec in plan.codecs] == [
        "jpeg 4:2:0",
        "webp",
        "ours",
        "jpeg2000 9/7 at bpp",
    ]


@pytest.mark.parametrize("words", [["a.toml"], ["a.py", "--codec"], ["a.py", "--metric"]])
def test_nothing_is_written_over(new, words) -> None:
    file = Path(words[0])
    file.write_text("mine", encoding="utf-8")
    done = new(*words)
    assert isinstance(done.exception, UsageError)
    assert f"{str(file)!r} exists and is not overwritten" in str(done.exception)
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.txt"], "the file of an experiment must end with .toml"),
        (["a.py"], "the file of an experiment must end with .toml; or give --codec or --metric"),
        (["a.toml", "--codec"], "the file of a codec must end with .py"),
        (["2nd.py", "--codec"], "a codec is named after its file"),
        (["a b.toml"], "an experiment is named after its file"),
        (["jpeg.py", "--codec"], "a codec 'jpeg' exists already"),
        (["psnr_db.py", "--metric"], "a metric 'psnr_db' exists already"),
        (["bpp.py", "--metric"], "a column of this name has another meaning"),
        (["a.py", "--codec", "--metric"], "write them one after the other"),
        (["nowhere/a.toml"], "cannot write 'nowhere/a.toml': No such file or directory"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_line(new, words, message) -> None:
    done = new(*words)
    assert isinstance(done.exception, UsageError), done.output
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not list(Path().iterdir())
