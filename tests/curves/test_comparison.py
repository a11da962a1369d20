"""Comparisons against the deltas of arrays put together by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from rdbench.bd import bd_quality, bd_rate
from rdbench.curves import (
    RECORD_COLUMNS,
    Settings,
    compare,
    comparisons,
    curves_of,
    published,
    records,
)
from rdbench.curves.bd_tables import tables
from rdbench.curves.notes import warnings
from rdbench.errors import UsageError
from rdbench.metrics import BUILT_IN
from rdbench.tables import latex, markdown, terminal
from tests.curves.encoded import encoded_rows, of

QUICK = Settings()


def _arrays(codec, image=None):
    """Rate and quality by point, of one image or averaged, in the order of the rows."""
    points = dict.fromkeys(row.point for row in of(codec, 6))
    rows = [row for row in of(codec, 6) if image in (None, row.image)]
    return [
        [np.mean([row.value(column) for row in rows if row.point == point]) for point in points]
        for column in ("bpp", "psnr_db")
    ]


def test_deltas_of_mean_curves_and_of_images():
    rate, quality = compare(*curves_of(of("jpeg", 6) + of("webp", 6)), QUICK)
    assert (rate.kind, quality.kind) == ("rate", "quality")
    arrays = (*_arrays("jpeg"), *_arrays("webp"))
    assert rate.value == pytest.approx(bd_rate(*arrays), rel=1e-9)
    assert quality.value == pytest.approx(bd_quality(*arrays), rel=1e-9)
    images = ("astronaut", "chelsea", "coffee", "flag", "rocket", "saucer")
    single = [bd_rate(*_arrays("jpeg", image), *_arrays("webp", image)) for image in images]
    assert rate.per_image.values == pytest.approx(single, rel=1e-9)
    assert rate.per_image.mean == pytest.approx(np.mean(single), rel=1e-9)
    assert rate.interval.low <= rate.value <= rate.interval.high
    assert min(single) <= rate.per_image.interval.low <= rate.per_image.mean
    assert rate.by_method["cubic"] == pytest.approx(bd_rate(*arrays, method="cubic"), rel=1e-9)


def with_a_gray_image():
    """jpeg has a gray image more, which webp refuses."""
    gray = [
        dataclasses.replace(row, image="camera", channels=1)
        for row in of("jpeg")
        if row.image == "coffee"
    ]
    refused = [
        dataclasses.replace(row, image="camera", channels=1, status="unsupported", bpp=None)
        for row in of("webp")
        if row.image == "coffee"
    ]
    return [*of("jpeg"), *gray, *of("webp"), *refused]


def test_one_gray_image_does_not_take_the_comparison_with_it():
    rate, _ = compare(*curves_of(with_a_gray_image()), QUICK)
    without, _ = compare(*curves_of(of("jpeg") + of("webp")), QUICK)
    assert rate.value == without.value
    assert rate.image_count == 4
    assert rate.left_out == ("camera",)


def test_an_image_of_the_same_name_and_other_samples_is_not_compared():
    rows = [dataclasses.replace(row, image_sha256=row.image) for row in of("jpeg") + of("webp")]
    rows = [
        dataclasses.replace(row, image_sha256="edited")
        if (row.codec, row.image) == ("webp", "coffee")
        else row
        for row in rows
    ]
    rate, _ = compare(*curves_of(rows), QUICK)
    assert (rate.image_count, rate.left_out) == (3, ("coffee",))
    rows = [dataclasses.replace(row, image_sha256=row.codec) for row in rows]
    rate, _ = compare(*curves_of(rows), QUICK)
    assert "no images with psnr_db in common, by their samples" in rate.reason


def test_only_common_images_are_compared_and_the_others_are_named():
    rows = [row for row in of("jpeg") if row.image != "coffee"]
    rows += [row for row in of("webp") if row.image != "rocket"]
    rate, _ = compare(*curves_of(rows), QUICK)
    assert rate.images == ("astronaut", "chelsea")
    assert rate.left_out == ("coffee", "rocket")
    means = [
        np.mean([_arrays(codec, image)[k] for image in rate.images], axis=0)
        for codec in ("jpeg", "webp")
        for k in (0, 1)
    ]
    assert rate.value == pytest.approx(bd_rate(*means), rel=1e-9)


def test_pooled_psnr_changes_the_value_and_its_interval():
    curves = curves_of(of("jpeg", 6) + of("webp", 6))
    mean, _ = compare(*curves, QUICK)
    pooled, _ = compare(*curves, dataclasses.replace(QUICK, averaging="pooled"))
    mse = [
        [
            np.mean([row.scores["mse"] for row in of(codec, 6) if row.point == point])
            for point in curve.points
        ]
        for codec, curve in zip(("jpeg", "webp"), curves, strict=True)
    ]
    psnr = [10 * np.log10(255**2 / np.array(values)) for values in mse]
    expected = bd_rate(_arrays("jpeg")[0], psnr[0], _arrays("webp")[0], psnr[1])
    assert pooled.value == pytest.approx(expected, rel=1e-9)
    assert pooled.value != pytest.approx(mean.value, rel=1e-3)
    assert pooled.interval.low <= pooled.value <= pooled.interval.high


def test_published_means_are_compared_as_means_of_as_many_images():
    lee, bpg = published("lee2019-mse"), published("bpg_444_x265_ycbcr")
    rate, _ = compare(bpg, lee, QUICK)
    assert rate.value == pytest.approx(
        bd_rate(bpg.mean("bpp"), bpg.mean("psnr_db"), lee.mean("bpp"), lee.mean("psnr_db"))
    )
    assert (rate.image_count, rate.per_image, rate.interval) == (24, None, None)
    for metric, averaging, reason in (
        ("psnr_db", "pooled", "gives psnr_db only with averaging 'mean'"),
        ("ms_ssim_db", "mean", "gives ms_ssim_db only with averaging 'pooled'"),
        ("ssim", "mean", "gives no ssim"),
    ):
        row, _ = compare(bpg, lee, Settings(BUILT_IN[metric], averaging))
        assert math.isnan(row.value)
        assert reason in row.reason


def test_what_cannot_be_compared_says_why():
    jpeg, webp = curves_of(of("jpeg") + of("webp"))
    luma = dataclasses.replace(webp, channels=(1,))
    assert "3 channels, webp has images with 1" in compare(jpeg, luma, QUICK)[0].reason
    ssim = Settings(BUILT_IN["ssim"])
    assert "no images with ssim in common" in compare(jpeg, webp, ssim)[0].reason
    few = dataclasses.replace(jpeg, dataset="kodak")
    row = compare(published("vtm"), few, QUICK)[0]
    assert row.reason == "means over 24 and 4 images cannot be compared"
    dead = curves_of(of("webp", status="failed", bpp=None))[0]
    assert "webp has no image that is ok" in compare(jpeg, dead, QUICK)[0].reason


def test_anchors_are_found_by_label_or_codec():
    rows = [
        *of("jpeg", options="c=420", label="jpeg 420"),
        *of("jpeg", options="c=444", label="jpeg 444"),
        *of("webp"),
        *of("webp", dataset="other"),
    ]
    curves = curves_of(rows)
    found = comparisons(curves, "jpeg 444", QUICK)
    assert [(row.dataset, row.test, row.kind) for row in found] == [
        ("photos", "jpeg 420", "rate"),
        ("photos", "jpeg 420", "quality"),
        ("photos", "webp", "rate"),
        ("photos", "webp", "quality"),
        ("other", "webp", "rate"),
        ("other", "webp", "quality"),
    ]
    assert found[0].value == pytest.approx(0, abs=1e-9)
    assert found[4].reason == "this dataset has no such anchor"
    assert len(comparisons(curves, "webp", QUICK)) == 4
    with pytest.raises(
        UsageError, match="ambiguous on 'photos'; name one of 'jpeg 420', 'jpeg 444'"
    ):
        comparisons(curves, "jpeg", QUICK)
    with pytest.raises(UsageError, match="did you mean 'webp'"):
        comparisons(curves, "wepb", QUICK)
    with pytest.raises(
        UsageError, match="has the dataset 'kodak', but the runs have other, photos"
    ):
        comparisons(curves, "published:vtm", QUICK)


def test_records_and_tables_say_everything():
    rows = comparisons(curves_of(encoded_rows(6)), "jpeg", QUICK)
    table = records(rows)
    assert all(tuple(record) == RECORD_COLUMNS for record in table)
    assert [record["test"] for record in table[::2]] == ["webp", "jpeg2000", "png"]
    assert float(table[0]["value"]) == rows[0].value
    assert float(table[0]["low"]) == rows[0].interval.low
    png = table[4]
    assert (png["value"], png["dropped_test_points"]) == ("", "6")
    assert png["reason"] == "the test curve has 0 usable points of 1, pchip needs 2"

    (text,) = (terminal(one) for one in tables(rows))
    assert max(len(line) for line in text.splitlines()) <= 140
    marks = "?" if rows[0].overlap < 75 else ""
    assert f"{rows[0].value:+.2f}{marks} ({rows[0].interval.low:+.2f}, " in text
    assert "png: the curve has 0 usable points of 1, pchip needs 2" in text
    (text,) = (markdown(one) for one in tables(rows))
    cells = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert cells == [9] * 8
    (text,) = (latex(one) for one in tables(rows))
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    assert body.count(r"\\") == 6
    assert r"BD-rate [\%]" in body
    assert f"$-${abs(rows[0].value):.2f}" in body


def test_warnings_name_little_overlap_and_interpolations_that_disagree():
    rate = compare(*curves_of(of("jpeg") + of("webp")), Settings(interval="none"))[0]
    rate = dataclasses.replace(rate, images=())
    sure = dataclasses.replace(rate, curve=dataclasses.replace(rate.curve, overlap=75.0))
    assert warnings([sure]) == []
    thin = dataclasses.replace(rate, curve=dataclasses.replace(rate.curve, overlap=74.0))
    assert warnings([thin]) == [
        "photos, psnr_db: BD-rate rests on little (under 75 % of the curve's quality, or 3 points) "
        "with jpeg: webp 74 %, 4 points"
    ]
    # The public example of the three interpolations that FAU-LMS bjontegaard 1.3 warns with.
    apart = dataclasses.replace(sure, by_method={"pchip": -2.95, "akima": -2.53, "cubic": -0.64})
    assert "disagree on webp [%]: pchip -2.95, akima -2.53, cubic -0.64" in warnings([apart])[0]
