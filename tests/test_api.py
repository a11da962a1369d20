"""The package's functions for whole steps of work, as a script uses them."""

from __future__ import annotations

import inspect

import pytest

import rdbench
from rdbench import experiment
from rdbench.errors import MissingBackendError, UsageError
from rdbench.experiment import CodecRequest

STEPS = ("run", "load", "score", "bd_rate", "bd_table", "check", "plot_rd")


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


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_typed_and_documented(name):
    function = getattr(rdbench, name)
    assert inspect.getdoc(function)
    annotated = inspect.get_annotations(function)
    assert set(annotated) == {*inspect.signature(function).parameters, "return"}


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
        codecs=[CodecRequest("jpeg", {"chroma": "444"}), CodecRequest("webp")],
        metrics=["psnr_db"],
    )
    with pytest.raises(UsageError, match="another experiment"):
        rdbench.run(plan, out=mine)
    with pytest.raises(UsageError, match="did you mean 'quickstart'"):
        rdbench.run("quikstart", out=tmp_path)
    with pytest.raises(UsageError, match="says what is measured; codecs, points cannot change it"):
        rdbench.run("quickstart", codecs=["jpeg"], points=[1], out=tmp_path)
    with pytest.raises(UsageError, match="nothing to measure"):
        rdbench.run(datasets="photos", out=tmp_path)


def test_strict_measures_nothing_where_a_codec_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingBackendError, match="cjpeg"):
        rdbench.run(codecs=["cjpeg"], datasets="photos", out=tmp_path / "out")
    with pytest.raises(UsageError, match="or leave out --strict"):
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
        assert ours[row.image].scores["psnr_db"] == pytest.approx(row.scores["psnr_db"], abs=1e-12)
