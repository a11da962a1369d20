"""The package's functions for whole steps of work, as a script uses them."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

import rdbench
from rdbench import experiment
from rdbench.codecs.request import CodecRequest
from rdbench.errors import MissingBackendError, UsageError
from rdbench.testing import assert_conforms, assert_no_regression

FUNCTIONS = [name for name in rdbench.__all__ if inspect.isfunction(getattr(rdbench, name))]


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api") / "mine"
    seen: list[tuple[int, int]] = []
    outcome = rdbench.run(
        codecs=["jpeg:chroma=444", CodecRequest("webp")],
        datasets="photos",
        points=[20, 50, 80],
        metrics=["psnr_db"],
        out=folder,
        jobs=1,
        progress=lambda row, done, total: seen.append((done, total)),
    )
    assert not outcome.failures
    assert not outcome.interrupted
    assert outcome.measured == len(outcome.rows) == 30
    assert seen == [(done, 30) for done in range(1, 31)]
    return folder


def test_these_are_the_functions():
    assert [
        *(
            "bd_quality",
            "bd_rate",
            "bd_table",
            "check",
            "compare",
            "conformance",
            "import_",
            "load",
        ),
        *("match_table", "merge", "open_weights", "plot_rd", "report", "reproduce", "rescore"),
        *("run", "score", "train", "transforming"),
    ] == FUNCTIONS


@pytest.mark.parametrize(
    "function",
    [*(getattr(rdbench, name) for name in FUNCTIONS), assert_conforms, assert_no_regression],
    ids=lambda function: function.__name__,
)
def test_functions_are_typed_and_documented(function):
    """Every parameter is among Args, by itself or in a list such as ``jobs, timeout_s: as run``."""
    parameters = set(inspect.signature(function).parameters)
    assert set(inspect.get_annotations(function)) == {*parameters, "return"}
    parts = re.split(r"(?m)^(Args|Returns|Raises):\n", inspect.getdoc(function))
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(sections) == ["Args", "Returns", "Raises"][not parameters :]
    described = re.findall(r"(?m)^    (\w+(?:, \w+)*): \S", sections.get("Args", ""))
    assert {name for names in described for name in names.split(", ")} == parameters
    assert sections["Returns"].strip()
    assert re.match(r"    (\w+Error|Nothing): \S", sections["Raises"])


def test_what_is_there_is_not_measured_again(mine):
    again = rdbench.run(
        codecs=["jpeg:chroma=444", "webp"],
        datasets=["photos"],
        points=["20", "50", "80"],
        metrics=["psnr_db"],
        out=mine,
    )
    assert again.measured == 0
    assert (mine / "summary.csv").is_file()


def test_the_points_of_a_codec_come_before_common_ones(tmp_path):
    started: list[experiment.Experiment] = []
    outcome = rdbench.run(
        codecs=["jpeg:points=30", "webp"],
        datasets="photos",
        points=[50],
        metrics=["psnr_db"],
        out=tmp_path / "out",
        started=lambda plan, where: started.append(plan),
    )
    assert [codec.points for codec in started[0].codecs] == [(30,), (50,)]
    assert len(outcome.rows) == 10


def test_an_experiment_is_a_name_a_file_or_an_object(mine, tmp_path):
    plan = experiment.plan(
        "mine",
        datasets=["photos"],
        codecs=[
            CodecRequest("jpeg", {"chroma": "444"}, points=(20, 50)),
            CodecRequest("webp", points=(80,)),
        ],
        metrics=["psnr_db"],
    )
    assert rdbench.run(plan, out=mine).measured == 0
    luma = dataclasses.replace(plan, color="luma")
    with pytest.raises(UsageError, match=r'another experiment .color: "rgb" there, "luma" now'):
        rdbench.run(luma, out=mine)
    with pytest.raises(UsageError, match="did you mean 'quickstart'"):
        rdbench.run("quikstart", out=tmp_path)
    with pytest.raises(UsageError, match="already says what to measure, so codecs, points cannot"):
        rdbench.run("quickstart", codecs=["jpeg"], points=[1], out=tmp_path)
    with pytest.raises(UsageError, match="nothing to measure"):
        rdbench.run(datasets="photos", out=tmp_path)


def test_strict_measures_nothing_where_a_codec_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingBackendError, match="cjpeg"):
        rdbench.run(codecs=["cjpeg"], datasets="photos", out=tmp_path / "out")
    with pytest.raises(UsageError, match="or leave out `strict=True`"):
        rdbench.run(codecs=["jpeg", "cjpeg"], datasets="photos", out=tmp_path / "out", strict=True)
    assert not (tmp_path / "out").exists()


def test_other_peoples_decoded_images_are_scored(mine, tmp_path):
    rdbench.run(
        codecs="jpeg",
        datasets="photos",
        points=[50],
        metrics=["psnr_db"],
        out=tmp_path / "run",
        keep_decoded=True,
        keep_streams=True,
    )
    # Another program would name its files as the originals.
    for kind in ("decoded", "streams"):
        (tmp_path / kind).mkdir()
        for path in (tmp_path / "run" / kind).rglob("photos-*"):
            path.rename(tmp_path / kind / path.name.removeprefix("photos-"))
    outcome = rdbench.score(
        "photos",
        tmp_path / "decoded",
        streams=tmp_path / "streams",
        codec="other",
        point=50,
        metrics=["psnr_db"],
        out=tmp_path / "scored",
    )
    assert not outcome.failures, outcome.failures[0].message
    ours = {row.image: row for row in outcome.rows}
    for row in rdbench.load(tmp_path / "run").itertuples():
        assert ours[row.image].size_bytes == row.size_bytes
        assert ours[row.image].scores["psnr_db"] == pytest.approx(row.psnr_db, abs=1e-12)
