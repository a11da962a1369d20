"""Faults put into real codecs and real images on purpose: each is caught and named, and the same
thing measured again is never taken for one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from rdbench.gate import Limits, Verdict, check, update
from tests.gate.conftest import write_crops


@pytest.fixture
def baseline(measure, tmp_path):
    path = tmp_path / "baseline.csv"
    update(measure("Good", "png", out="before"), path)
    return path


def only(report, title="photo"):
    (curve,) = (curve for curve in report.curves if curve.title == title)
    return curve


def said(curve):
    return [f"{finding.verdict}: {finding.text}" for finding in curve.findings]


def test_a_codec_that_got_one_percent_worse(measure, baseline):
    run = measure("Bigger", "png")
    report = check(run, baseline)
    curve = only(report)
    assert (report.fine, curve.verdict) == (False, Verdict.WORSE)
    psnr, ssim = said(curve)
    assert psnr.startswith("worse: BD-rate in PSNR +1.0")
    assert ssim.startswith("worse: BD-rate in SSIM +1.0")
    assert [delta.value for delta in curve.deltas] == pytest.approx([1.0, 1.0], abs=0.05)
    assert "16 of 16 measurements: astronaut at quality 20 (" in curve.changed
    assert only(report, "png").verdict is Verdict.SAME
    allowed = check(run, baseline, Limits(max_bd_rate=1.1))
    assert allowed.fine
    assert only(allowed).changed == curve.changed
    back = check(baseline, run)
    assert only(back).verdict is Verdict.BETTER
    assert back.fine


def test_one_byte_more_is_reported_and_within_the_limit(measure, baseline):
    curve = only(check(measure("OneByte", "png"), baseline))
    assert (curve.verdict, curve.identical, curve.compared) == (Verdict.SAME, 12, 16)
    assert "other results for 4 of 16 measurements: astronaut at quality 60 (" in curve.changed
    size, more = (int(word) for word in curve.changed.split("(")[1].split(" bytes")[0].split(" → "))
    assert more == size + 1


def test_another_version_is_said_and_no_failure(measure, baseline):
    curve = only(check(measure("Next", "png"), baseline))
    assert (curve.verdict, curve.changed) == (Verdict.SAME, "")
    assert curve.notes == ("codec version: photo 1.0 in the baseline, photo 1.1 in the run",)


def test_a_quality_shift_with_the_same_bytes(measure, baseline):
    curve = only(check(measure("Duller", "png"), baseline))
    assert curve.verdict is Verdict.WORSE
    assert "worse: BD-rate in PSNR +" in said(curve)[0]
    assert "the same stream decodes differently" in curve.changed


def test_one_image_swapped(measure, baseline, tmp_path):
    write_crops(tmp_path / "other" / "crops")
    file = tmp_path / "other" / "crops" / "coffee.png"
    Image.fromarray(np.asarray(Image.open(file))[::-1]).save(file)
    report = check(measure("Good", "png", images=file.parent), baseline)
    for curve in report.curves:
        assert curve.verdict is Verdict.NOT_COMPARABLE
        assert said(curve)[0].startswith(
            "not comparable: coffee: not the image of the baseline (SHA-256 "
        )
    assert only(report).compared == only(report).identical == 12


def test_one_curve_missing_one_new(measure, baseline):
    report = check(measure("Good", "webp"), baseline)
    assert only(report, "png").verdict is Verdict.GONE
    (new,) = (curve for curve in report.curves if curve.codec == "webp")
    assert new.verdict is Verdict.NEW
    assert [curve.fine for curve in report.curves] == [True, False, True]


def test_one_point_failing_and_an_image_removed(measure, baseline, photos, tmp_path):
    curve = only(check(measure("Fails", "png", out="failing"), baseline))
    assert curve.verdict is Verdict.NEWLY_FAILING
    failing = [image for image in photos.iterdir() if np.asarray(Image.open(image))[0, 0, 0] > 100]
    assert 0 < len(failing) < 4
    for image in failing:
        assert f"{image.stem} at quality 60" in said(curve)[0]
    assert said(curve)[0].endswith("(failed: ValueError: no such luck)")

    shutil.copytree(photos, fewer := tmp_path / "fewer" / "crops")
    (fewer / "rocket.png").unlink()
    report = check(measure("Good", "png", images=fewer), baseline)
    assert said(only(report)) == ["gone: not in the run: image rocket"]
    assert said(only(report, "png")) == ["gone: not in the run: rocket at level 9"]


def test_what_failed_before_is_told_apart_from_what_newly_fails(measure, tmp_path):
    old = update(measure("Fails", out="before"), tmp_path / "failing.csv")
    assert old.failures[0].startswith("photo (crops): ")
    again = check(measure("Fails", out="again"), old.path)
    assert again.fine
    assert only(again).notes[0].startswith("failed in the baseline and still fails: ")
    mended = check(measure("Good", out="mended"), old.path)
    assert mended.fine
    assert only(mended).notes[0].startswith("failed in the baseline and no longer fails: ")
    assert update(tmp_path / "again", old.path).failures == ()


def test_a_codec_that_is_not_deterministic_is_judged_by_its_interval(measure, tmp_path):
    baseline = tmp_path / "random.csv"
    update(measure("Random", out="before", repeat=2), baseline)
    same = only(check(measure("Random", out="again", repeat=2), baseline), "random")
    assert (same.verdict, same.changed) == (Verdict.SAME, "")
    assert same.deltas[0].low < same.deltas[0].value < same.deltas[0].high
    # The run says that the codec is not deterministic: once is enough.
    once = only(check(measure("Random", out="once"), baseline), "random")
    assert (once.verdict, once.changed) == (Verdict.SAME, "")
    assert once.deltas[0].low < once.deltas[0].value < once.deltas[0].high
    worse = only(check(measure("RandomBigger", out="worse", repeat=2), baseline), "random")
    assert worse.verdict is Verdict.WORSE
    assert worse.deltas[0].low > 0.5


@pytest.mark.slow
def test_no_false_alarm_in_twenty_reruns(measure, tmp_path):
    names = ("Good", "webp", "png")
    baseline = tmp_path / "baseline.csv"
    update(measure(*names, out="before"), baseline)
    written = baseline.read_bytes()
    for number in range(20):
        run = measure(*names, out=f"run{number}", jobs=1 + number % 2)
        report = check(run, baseline, Limits(max_bd_rate=0, max_bd_psnr=0))
        assert report.fine, report
        assert all(curve.identical == curve.compared > 0 for curve in report.curves)
        assert not any(curve.changed or curve.notes for curve in report.curves)
        update(run, baseline)
        assert baseline.read_bytes() == written
