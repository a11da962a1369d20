"""Curves of rows that failed, were repeated, or say nothing, against a plain reading of them."""

from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np
import pytest

from rdbench.curves import NUMBERS, curves_of, load_curves
from rdbench.errors import UsageError
from rdbench.schema import Measurement
from tests.curves.encoded import as_csv, of


def messy_rows(seed: int) -> list[Measurement]:
    """Rows in any order with failures, repeats, gaps, empty cells and several versions."""
    random = np.random.default_rng(seed)
    rows = [
        Measurement(
            dataset="d",
            image=f"image{image}",
            channels=(None, 1, 3)[random.integers(3)],
            codec=f"c{codec}",
            options=("", "a=1")[codec % 2],
            label=("", "named")[codec % 2],
            parameter="qp",
            point=float(point),
            codec_version=f"v{random.integers(2)}",
            repeat=repeat,
            status=("failed", "ok")[int(random.random() < 0.95)],
            message=("", "why not")[random.integers(2)],
            bpp=float(random.uniform(0.1, 9)),
            scores=({}, {"psnr_db": math.inf}, {"psnr_db": 30.5})[random.integers(3)],
            encode_s=None if random.random() < 0.2 else float(random.random()),
            timing=("isolated", "shared")[int(random.random() < 0.001)],
        )
        for codec in range(3)
        for image in range(12)
        for point in (30, 5, 100)
        for repeat in range(3)
        if random.random() < 0.8 and (codec, point) != (2, 100)
    ]
    return [rows[place] for place in random.permutation(len(rows))]


def merged(rows: list[Measurement], column: str) -> float:
    values = [value for row in rows if (value := row.value(column)) is not None]
    if not values:
        return math.nan
    return statistics.median(values) if column in ("encode_s", "decode_s") else values[0]


@pytest.mark.parametrize("seed", range(8))
def test_curves_are_what_their_definition_says(seed):
    rows = messy_rows(seed)
    found = curves_of(rows)
    assert [curve.codec for curve in found] == list(dict.fromkeys(row.codec for row in rows))
    for curve in found:
        own = sorted((row for row in rows if row.codec == curve.codec), key=lambda row: row.repeat)
        cells: dict[tuple[str, float], list[Measurement]] = {}
        for row in own:
            if row.status == "ok":
                cells.setdefault((row.image, row.point), []).append(row)
        points = {row.point for row in own}
        images = sorted({row.image for row in own})
        whole = [image for image in images if all((image, point) in cells for point in points)]
        used = [row for (image, _), group in cells.items() if image in whole for row in group]
        assert curve.images == tuple(whole)
        assert set(curve.points) == (points if whole else set())
        assert curve.lost_points == ()
        assert set(curve.left_out) == set(images) - set(whole)
        assert curve.versions == tuple(sorted({row.codec_version for row in used}))
        assert curve.channels == tuple(sorted({row.channels for row in used} - {None}))
        assert (curve.timing == "mixed") == (len({row.timing for row in used}) > 1)
        for column in (*NUMBERS, "psnr_db"):
            expected = [
                [merged(cells[image, point], column) for point in curve.points] for image in whole
            ]
            np.testing.assert_array_equal(
                curve.values[column], np.reshape(expected, (len(whole), len(curve.points)))
            )
        rates = curve.values["bpp"].mean(axis=0)
        assert (np.diff(rates) >= 0).all()
        for image, reason in curve.left_out.items():
            lacking = [p for p in sorted(points) if (image, p) not in cells]
            first = next(
                (r for r in rows if r in own and r.image == image and r.point in lacking), None
            )
            if first is None:
                assert reason == f"not measured at qp {', '.join(f'{p:g}' for p in lacking)}"
            else:
                message = f": {first.message}" if first.message else ""
                assert reason == f"failed at qp {first.point:g}{message}"


def test_a_rate_that_is_nan_does_not_order_the_points():
    rows = [
        dataclasses.replace(
            row, bpp=math.nan if (row.image, row.point) == ("coffee", 10) else row.bpp
        )
        for row in of("jpeg")
    ]
    (curve,) = curves_of(rows)
    assert curve.points == (10, 25, 50, 75, 90)
    assert curve.images_with("bpp") == ("astronaut", "chelsea", "rocket")


def test_a_table_without_rates_is_refused(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("codec,image,point,psnr_db\njpeg,a,1,30\n")
    with pytest.raises(UsageError, match=r"x\.csv' has no bpp in any row"):
        load_curves([file])
    file.write_text("codec,image,point,status\njpeg,a,1,failed\n")
    assert load_curves([file])[0].images == ()


def test_a_run_that_is_named_twice_is_one(tmp_path):
    (tmp_path / "measurements.csv").write_text(as_csv(of("jpeg")))
    curves = load_curves([tmp_path, str(tmp_path / ".")])
    assert [curve.label for curve in curves] == ["jpeg"]


def test_a_codec_that_is_there_twice_is_told_apart_by_its_options(tmp_path):
    (tmp_path / "measurements.csv").write_text(
        as_csv(of("jpeg", options="chroma=444") + of("jpeg", options="chroma=420"))
    )
    curves = load_curves([tmp_path])
    assert [curve.label for curve in curves] == ["jpeg [chroma=444]", "jpeg [chroma=420]"]
