"""Verdicts on rows: what is compared, what is missed by no one, and what is no alarm."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest

from rdbench.bd import bd_quality, bd_rate
from rdbench.errors import UsageError
from rdbench.gate import Limits, Table, Verdict, compare
from rdbench.gate.pairs import SAME_IMAGES
from tests.curves.encoded import PSNR as RECORD
from tests.curves.encoded import replaced
from tests.gate.rows import PSNR, changed, held, measured, of, resized, shifted


def judged(run, baseline, limits=PSNR):
    (curve,) = held(run, baseline, limits).curves
    return curve


def said(curve):
    return [f"{finding.verdict}: {finding.text}" for finding in curve.findings]


def means(rows):
    points = sorted({row.point for row in rows})
    return [
        [np.mean([row.value(column) for row in rows if row.point == point]) for point in points]
        for column in ("bpp", "psnr_db")
    ]


def test_the_same_rows_in_any_order_are_the_same():
    rows = list(measured())
    random.Random(1).shuffle(rows)
    report = held(rows, measured(), Limits(0, 0, metrics=("psnr_db",)))
    assert report.fine
    assert [curve.verdict for curve in report.curves] == [Verdict.SAME] * 4
    assert sum(curve.identical for curve in report.curves) == 60
    assert all(not curve.changed and not curve.notes for curve in report.curves)


def test_deltas_are_those_of_the_mean_curves():
    old = of("webp")
    new = changed(old, resized(1.02), lambda row: row.image == "coffee")
    new = changed(new, shifted(-0.05), lambda row: row.image == "rocket")
    curve = judged(new, old, dataclasses.replace(PSNR, max_bd_psnr=0.01))
    rate, quality = (f(*means(old), *means(new)) for f in (bd_rate, bd_quality))
    assert curve.deltas[0].value == pytest.approx(rate, rel=1e-12)
    assert said(curve) == [
        f"worse: BD-rate in PSNR {rate:+.2f} %, the limit is 0.5 %",
        f"worse: BD-PSNR {quality:+.3f} dB, the limit is 0.01 dB",
    ]


def test_a_limit_that_is_met_exactly_is_met():
    old = [
        dataclasses.replace(row, size_bytes=1000 * n, bpp=float(n))
        for n, row in enumerate(of("webp"), 1)
    ]
    new = changed(old, lambda row: {"bpp": row.bpp * 1.01, "size_bytes": row.size_bytes + 10})
    assert judged(new, old, Limits(1.0, metrics=("psnr_db",))).verdict is Verdict.SAME
    assert judged(new, old, Limits(0.999, metrics=("psnr_db",))).verdict is Verdict.WORSE
    assert judged(old, new, Limits(0.98, metrics=("psnr_db",))).verdict is Verdict.BETTER


def test_one_point_curves_are_judged_at_their_point():
    png = of("png")
    assert judged(png, png).verdict is Verdict.SAME
    more = judged(changed(png, resized(1.02)), png)
    assert said(more) == ["worse: level 6: rate +2.00 %"]
    assert judged(changed(png, resized(1.004)), png).verdict is Verdict.SAME
    assert judged(png, changed(png, resized(1.02))).verdict is Verdict.BETTER
    lossy = changed(png, lambda row: {"psnr_db": 40.0}, lambda row: row.image == "coffee")
    assert said(judged(lossy, png)) == ["worse: no longer lossless: coffee at level 6"]

    jpeg = [row for row in of("jpeg") if row.point == 50]
    assert said(judged(changed(jpeg, shifted(-0.1)), jpeg)) == [
        "worse: quality 50: rate +0.00 %, PSNR -0.1 dB"
    ]
    allowed = dataclasses.replace(PSNR, max_bd_psnr=0.2)
    assert judged(changed(jpeg, shifted(-0.1)), jpeg, allowed).verdict is Verdict.SAME
    moved = judged(changed(changed(jpeg, resized(1.1)), shifted(1.0)), jpeg)
    assert moved.verdict is Verdict.NOT_COMPARABLE
    assert "a single point cannot show which is better" in said(moved)[0]
    assert "no BD-rate in PSNR (the anchor curve has 1 usable points" in moved.notes[0]


def test_a_point_that_falls_below_another_one_is_not_dropped_unseen():
    """The Pareto filter would leave it out, and the delta of the others be nearly zero."""
    old = of("webp")
    new = changed(old, shifted(-12), lambda row: row.point == 92)
    assert abs(bd_rate(*means(old), *means(new))) < 0.1
    assert said(judged(new, old))[0].startswith("worse: quality 92: rate +0.00 %, PSNR -12 dB")


def test_curves_that_are_not_monotonic():
    old = changed(of("webp"), shifted(-12), lambda row: row.point == 92)
    assert judged(old, old).verdict is Verdict.SAME
    assert judged(changed(old, resized(1.01)), old).verdict is Verdict.WORSE
    deeper = changed(old, shifted(-3), lambda row: row.point == 92)
    assert said(judged(deeper, old)) == ["worse: quality 92: rate +0.00 %, PSNR -3 dB"]


def test_disjoint_curves():
    old = of("webp")
    collapsed = judged(changed(old, shifted(-40)), old)
    assert collapsed.verdict is Verdict.WORSE
    assert "do not overlap in quality" in collapsed.notes[0]
    moved = judged(changed(changed(old, shifted(40)), resized(9)), old)
    assert moved.verdict is Verdict.NOT_COMPARABLE
    thin = judged(changed(old, lambda row: {"psnr_db": 30 + row.scores["psnr_db"] / 10}), old)
    assert thin.verdict is not Verdict.SAME
    assert "overlap by" in thin.notes[0]


def test_what_is_lost_is_gone():
    old = of("webp", "jpeg")
    report = held([row for row in old if row.codec == "jpeg"], old)
    assert [curve.verdict for curve in report.curves] == [Verdict.SAME, Verdict.GONE]
    webp = of("webp")
    no_point = judged([row for row in webp if row.point != 60], webp)
    assert said(no_point) == ["gone: not in the run: quality 60"]
    no_image = judged([row for row in webp if row.image != "coffee"], webp)
    assert said(no_image) == ["gone: not in the run: image coffee"]
    one = judged(webp[:-1], webp)
    assert said(one) == ["gone: not in the run: rocket at quality 92"]
    assert judged(webp, webp[:-1]).notes == ("not in the baseline: rocket at quality 92",)
    empty = judged(changed(webp, lambda row: {"psnr_db": None}), webp)
    assert said(empty) == ["gone: no longer any psnr_db: all images at all points"]
    nan = judged(
        changed(webp, lambda row: {"psnr_db": math.nan}, lambda row: row.image == "coffee"), webp
    )
    assert said(nan) == ["gone: no longer any psnr_db: image coffee"]
    unjudged = judged(
        webp, changed(webp, lambda row: {"psnr_db": math.nan}, lambda row: row.image == "coffee")
    )
    assert unjudged.fine
    assert unjudged.notes == ("no psnr_db in the baseline, so not judged: image coffee",)
    no_rate = judged(changed(webp, lambda row: {"bpp": None, "size_bytes": None}), webp)
    assert said(no_rate) == ["gone: no longer any bpp: all images at all points"]


def test_images_that_lack_a_point_are_judged_at_their_other_points():
    old = [row for row in of("webp") if (row.image, row.point) != ("coffee", 60)]
    new = changed(old, resized(1.05), lambda row: row.image == "coffee")
    (finding,) = said(judged(new, old))
    assert finding.startswith("worse: BD-rate in PSNR +4.99")
    assert finding.endswith("(of coffee)")


def test_an_image_that_is_lossless_at_some_points_hides_no_other():
    """Its infinite PSNR would make the means of these points infinite, and the delta blind."""
    lossless = changed(
        of("webp"), lambda row: {"psnr_db": math.inf}, lambda row: row.image == "coffee"
    )
    new = changed(lossless, resized(1.05), lambda row: row.image != "coffee")
    curve = judged(new, lossless)
    assert curve.deltas[0].value == pytest.approx(5, abs=0.1)
    assert curve.verdict is Verdict.WORSE
    bigger = changed(lossless, resized(1.05), lambda row: row.image == "coffee")
    assert said(judged(bigger, lossless))[0] == "worse: quality 5: rate +4.97 %"


def test_failures_new_old_and_mended():
    webp = of("webp")
    failed = changed(
        webp,
        lambda row: {"status": "timeout", "message": "slow | =1", "psnr_db": None, "bpp": None},
        lambda row: row.image == "coffee",
    )
    assert said(judged(failed, webp)) == ["newly failing: image coffee (timeout: slow | =1)"]
    assert judged(failed, failed).notes == ("failed in the baseline and still fails: image coffee",)
    assert judged(webp, failed).fine
    dead = changed(webp, lambda row: {"status": "failed", "psnr_db": None, "bpp": None})
    assert judged(dead, webp).verdict is Verdict.NEWLY_FAILING
    new = held(of("png") + dead, of("png")).curves[1]
    assert said(new) == [
        "newly failing: all images at all points (failed)",
        "new: the baseline does not have it (20 measurements)",
    ]
    assert held([], webp).curves[0].verdict is Verdict.GONE


def test_other_images_are_not_comparable():
    webp = of("webp")
    other = [
        dataclasses.replace(row, image_sha256="0" * 64) if row.image == "coffee" else row
        for row in webp
    ]
    curve = judged(other, webp)
    assert curve.verdict is Verdict.NOT_COMPARABLE
    assert "coffee: not the image of the baseline (SHA-256 " in said(curve)[0]
    assert (curve.compared, curve.deltas[0].identical) == (15, True)
    everything = [dataclasses.replace(row, image_sha256="0" * 64) for row in webp]
    assert "astronaut and 3 more images" in said(judged(everything, webp))[0]
    turned = [dataclasses.replace(row, width=80, height=320) for row in webp]
    assert judged(turned, webp).verdict is Verdict.NOT_COMPARABLE
    unknown = [dataclasses.replace(row, image_sha256=None) for row in webp]
    assert judged(unknown, webp).notes == (
        "without SHA-256, these images cannot be compared with the baseline's: "
        "astronaut, chelsea, coffee, rocket",
    )


def test_another_definition_of_a_metric_is_not_comparable():
    webp = of("webp")
    # The same decoded images with other values: it is the metric that changed.
    other = [replaced(row, psnr_db=row.scores["psnr_db"] - 0.1) for row in webp]
    curve = judged(other, webp)
    assert curve.verdict is Verdict.NOT_COMPARABLE
    assert "PSNR has changed: for the same decoded image (astronaut at" in said(curve)[0]
    # It is so for codecs, too, of which no decoded image is the same.
    jpeg = changed(of("jpeg"), shifted(1))
    report = held(other + jpeg, webp + of("jpeg"))
    assert {curve.verdict for curve in report.curves} == {Verdict.NOT_COMPARABLE}
    # The last digits of float32 arithmetic are not the codec's.
    close = [replaced(row, psnr_db=row.scores["psnr_db"] * (1 - SAME_IMAGES / 3)) for row in webp]
    strict = Limits(0, 0, metrics=("psnr_db",))
    assert judged(close, webp, strict).verdict is Verdict.SAME
    # Revisions that differ without an effect are told by the values.
    records = [{"psnr_db": dataclasses.replace(RECORD, revision=number)} for number in (1, 2)]
    old = Table("old", tuple(webp), records[0])
    for rows, verdict in (
        (webp, Verdict.SAME),
        (changed(webp, shifted(9)), Verdict.NOT_COMPARABLE),
    ):
        (curve,) = compare(Table("new", tuple(rows), records[1]), old, PSNR).curves
        assert curve.verdict is verdict
    assert said(curve)[0].endswith(
        "the definition of PSNR has changed since the baseline was written (revisions 1 and 2)"
    )


def test_curves_are_found_by_codec_and_options_and_told_apart_by_them():
    old = [dataclasses.replace(row, options="c=420", label="x") for row in of("webp")]
    renamed = [dataclasses.replace(row, label="y") for row in old]
    assert judged(renamed, old).notes == ("its label was 'x'",)
    assert judged(renamed, old).fine
    options = [dataclasses.replace(row, options="c=444") for row in old]
    assert said(judged(options, old)) == [
        'not comparable: other options under this label: c: "420" there, "444" now'
    ]
    codec = [dataclasses.replace(row, codec="avif") for row in old]
    assert (
        "another codec under this label: webp in the baseline, avif" in said(judged(codec, old))[0]
    )
    twice = held(old + options, old + options)
    assert [curve.title for curve in twice.curves] == ["x [webp:c=420]", "x [webp:c=444]"]
    assert twice.fine
    half = held(old + options, options)
    assert [curve.verdict for curve in half.curves] == [Verdict.SAME, Verdict.NEW]


def test_bytes_that_changed_are_reported_for_deterministic_codecs_of_one_version():
    webp = of("webp")
    one = changed(webp, lambda row: {"size_bytes": row.size_bytes + 1}, lambda r: r.point == 30)
    assert judged(one, webp).changed.startswith(
        "the same version gives other results for 4 of 20 measurements: astronaut at quality 30 ("
    )
    other = [dataclasses.replace(row, codec_version="2") for row in one]
    assert judged(other, webp).changed == ""
    stream = [dataclasses.replace(row, stream_sha256="f" * 64) for row in webp]
    assert "another stream of " in judged(stream, webp).changed

    # A codec that is not known here is taken at its repeats.
    def unknown(rows):
        return [dataclasses.replace(row, codec="mine") for row in rows]

    assert judged(unknown(one), unknown(webp)).changed
    repeats = [dataclasses.replace(row, repeat=1, stream_sha256="e" * 64) for row in unknown(webp)]
    assert judged(unknown(one) + repeats, unknown(webp)).changed == ""


def test_one_image_of_a_codec_that_is_not_deterministic_gives_no_interval():
    rows = [
        dataclasses.replace(row, codec="mine", repeat=repeat, stream_sha256=str(repeat))
        for row in of("webp")
        if row.image == "coffee"
        for repeat in (0, 1)
    ]
    assert judged(rows, rows).verdict is Verdict.SAME
    curve = judged(changed(rows, resized(1.1)), rows)
    assert curve.verdict is Verdict.NOT_COMPARABLE
    assert "one image gives no interval" in said(curve)[0]


def _timed(rows, seed, factor=1.0, timing="isolated"):
    generator = np.random.default_rng(seed)
    noise = generator.lognormal(0, 0.1, (len(rows), 2)) * factor
    return [
        dataclasses.replace(row, encode_s=0.1 * a, decode_s=0.05 * b, timing=timing)
        for row, (a, b) in zip(rows, noise, strict=True)
    ]


def test_times_are_worse_only_where_the_whole_interval_is():
    webp = of("webp")
    limits = dataclasses.replace(PSNR, max_slowdown=10)
    for seed in range(20):
        assert judged(_timed(webp, seed), _timed(webp, 100 + seed), limits).fine
        slow = judged(_timed(webp, seed, 1.5), _timed(webp, 100 + seed), limits)
        assert [text.split(" +")[0] for text in said(slow)] == [
            "worse: wall time of encoding",
            "worse: wall time of decoding",
        ]
        assert judged(_timed(webp, seed, 1.5), _timed(webp, 100 + seed)).fine


def test_processor_times_decide_where_both_sides_have_them():
    """Other work on the machine makes wall times longer, and no codec worse."""
    webp = of("webp")
    limits = dataclasses.replace(PSNR, max_slowdown=10)

    def with_cpu(rows, seed, factor=1.0):
        times = _timed(webp, seed, factor)
        return [
            dataclasses.replace(row, encode_cpu_s=time.encode_s, decode_cpu_s=time.decode_s)
            for row, time in zip(rows, times, strict=True)
        ]

    before = with_cpu(_timed(webp, 1), 2)
    busy = judged(with_cpu(_timed(webp, 3, 3.0), 4), before, limits)
    assert busy.fine
    assert [note.split(" time")[0] for note in busy.notes] == ["processor", "wall"] * 2
    slower = judged(with_cpu(_timed(webp, 3), 4, 1.5), before, limits)
    assert said(slower)[0].startswith("worse: processor time of encoding +")
    assert judged(_timed(webp, 3, 1.5), before, limits).verdict is Verdict.WORSE


def test_times_that_cannot_be_compared_are_no_pass():
    webp = of("webp")
    limits = dataclasses.replace(PSNR, max_slowdown=10)
    shared = judged(_timed(webp, 1, timing="shared"), _timed(webp, 2), limits)
    assert shared.verdict is Verdict.NOT_COMPARABLE
    assert "they were isolated in the baseline and are shared in the run" in said(shared)[0]
    single = [row for row in webp if row.image == "coffee"]
    assert "fewer than two images" in said(judged(_timed(single, 1), _timed(single, 2), limits))[0]
    none = [dataclasses.replace(row, encode_s=None, decode_s=None) for row in webp]
    with pytest.raises(UsageError, match="has no times; write it again with `max_slowdown`"):
        held(webp, none, limits)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_bd_rate": -1}, "max_bd_rate is -1; it must be a number of at least 0"),
        ({"max_slowdown": math.nan}, "max_slowdown is nan"),
        ({"metrics": ("psnr",)}, "did you mean 'psnr_db'"),
        ({"metrics": ("mse.py:Mine",)}, r"mse\.py': No such file"),
        ({"metrics": ("ssim",)}, "the baseline has no ssim; it has mse, psnr_db"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(limits, message):
    with pytest.raises(UsageError, match=message):
        held(of("webp"), of("webp"), Limits(**limits))
