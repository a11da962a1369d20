"""Qualities that are infinite: of images that a codec keeps as they are."""

from __future__ import annotations

import math

import numpy as np
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.curves import Settings, bd_text, comparisons, curves_of
from rdbench.curves.notes import notes
from tests.curves.encoded import as_csv, of, replaced


def bd_table_of(rows, cap_db=math.inf):
    curves = [curve.capped(cap_db) for curve in curves_of(rows)]
    return comparisons(curves, "jpeg", Settings(cap_db=cap_db))


def test_a_flat_image_is_named_and_does_not_take_the_curve_with_it():
    """Its PSNR is infinite at all points: a mean over it would be, too."""
    flat = [
        replaced(row, image="flat", psnr_db=math.inf)
        for codec in ("jpeg", "webp")
        for row in of(codec)
        if row.image == "coffee"
    ]
    clean = [*of("jpeg"), *of("webp")]
    expected = bd_table_of(clean)
    found = bd_table_of([*clean, *flat])
    for row, without in zip(found, expected, strict=True):
        assert row.value == without.value
        assert (row.image_count, row.lossless, row.left_out) == (4, ("flat",), ("flat",))
    assert "webp: 1 image left out (PSNR is infinite: flat)" in notes(found)
    capped = bd_table_of([*clean, *flat], cap_db=100)
    assert {row.image_count for row in capped} == {5}
    assert math.isfinite(capped[0].value)
    assert capped[0].value != expected[0].value


def test_an_image_that_is_lossless_at_one_point_is_used_at_the_others():
    rows = [
        replaced(row, psnr_db=math.inf) if (row.image, row.point) == ("coffee", 92) else row
        for row in of("webp")
    ]
    (curve,) = curves_of(rows)
    assert curve.lossless_images("psnr_db") == ()
    assert len(curve.images_with("psnr_db")) == 4
    assert np.isinf(curve.mean("psnr_db")).sum() == 1


def test_rdbench_bd_caps_decibels_and_says_so(tmp_path):
    flat = [
        replaced(row, image="flat", psnr_db=math.inf)
        for codec in ("jpeg", "webp")
        for row in of(codec)
        if row.image == "coffee"
    ]
    path = tmp_path / "flat.csv"
    path.write_text(as_csv([*of("jpeg"), *of("webp"), *flat]))
    command = ["bd", str(path), "--anchor", "jpeg"]
    assert "(PSNR is infinite: flat)" in CliRunner().invoke(app, command).stdout
    shown = CliRunner().invoke(app, [*command, "--cap", "60"]).stdout
    assert "mean of the images' PSNR in dB, at most 60 dB" in shown
    assert "infinite" not in shown


def test_no_zero_is_negative():
    same = [*of("jpeg"), *[replaced(row, codec="twin", label="twin") for row in of("jpeg")]]
    tables = bd_text(bd_table_of(same))
    assert "+0.00" in tables
    assert "-0.0" not in tables
