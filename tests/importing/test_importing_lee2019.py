"""The layouts of the results of Lee et al. 2019, made again from the published curve."""

from __future__ import annotations

import csv
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from rdbench.curves import published
from rdbench.errors import UsageError
from rdbench.importing import Request, import_curves

NAMES = {"bpp": "[MSE optimized] bpp.csv", "psnr_db": "[MSE optimized] PSNR.csv"}
NAMES["ms_ssim"] = "[MSE optimized] MS-SSIM.csv"
REQUEST = {"label": "context", "dataset": "kodak", "mapping": NAMES}


def published_rows() -> list[dict[str, str]]:
    path = Path(__file__).parents[2] / "baselines" / "lee2019_kodak.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["label"] == "lee2019-mse"]


@pytest.fixture
def tables(tmp_path):
    """The authors' three tables: ten decimals and a space after them, averages below."""
    rows = published_rows()
    points = list(dict.fromkeys(row["point"] for row in rows))
    images = list(dict.fromkeys(row["image"] for row in rows))
    values = {(row["image"], row["point"]): row for row in rows}
    for column, name in NAMES.items():
        lines = ["lambda," + ",".join(points)]
        cells = {i: [float(values[i, p][column]) for p in points] for i in images}
        cells["Average"] = [
            statistics.fmean(column) for column in zip(*cells.values(), strict=True)
        ]
        lines += [f"{i}," + ",".join(f"{c:.10f} " for c in row) for i, row in cells.items()]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def read(folder: Path, **request: object):
    paths = [folder / name for name in NAMES.values()]
    return import_curves(paths, Request(**{**REQUEST, **request}))


def test_the_authors_tables_are_the_published_curve(tables):
    (curve,) = read(tables).curves
    expected = published("lee2019-mse")
    assert (curve.images, curve.points) == (expected.images, expected.points)
    assert (curve.parameter, curve.rate_is, curve.channels) == ("lambda", "file", (3,))
    for column in ("bpp", "psnr_db", "ms_ssim", "ms_ssim_db"):
        np.testing.assert_allclose(curve.values[column], expected.values[column], rtol=1e-9)


def test_one_table_of_all_measures(tmp_path):
    rows = published_rows()
    path = tmp_path / "lee.csv"
    lines = ["curve,quality,lambda,image,bpp,psnr_db,ms_ssim"]
    lines += [
        f"context,1,{row['point']},{row['image']},{row['bpp']},{row['psnr_db']},{row['ms_ssim']}"
        for row in rows
    ]
    path.write_text("\n".join(lines) + "\n")
    imported = import_curves([path], Request(dataset="kodak"))
    assert imported.notes == ()
    (curve,) = imported.curves
    expected = published("lee2019-mse")
    assert (curve.label, curve.parameter, curve.rate_is) == ("context", "lambda", "file")
    for column in ("bpp", "psnr_db", "ms_ssim_db"):
        np.testing.assert_array_equal(curve.values[column], expected.values[column])


def test_a_torn_table_is_found_by_its_averages(tables):
    path = tables / NAMES["bpp"]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:5] + lines[6:]))
    with pytest.raises(
        UsageError, match=r"the row Average has 0\.1005.* of the 23 images is 0\.096"
    ):
        read(tables)


def test_tables_of_different_images_are_refused(tables):
    path = tables / NAMES["psnr_db"]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:5] + lines[6:-1]))
    with pytest.raises(UsageError, match=r"differ in kodim05 at 0\.01, kodim05 at 0\.017"):
        read(tables)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "assign them with `mapping`, such as bpp=FILE,psnr_db=FILE; the files are '[MSE opt"),
        (
            {**NAMES, "bpp": "bpp.csv"},
            "`mapping` and they differ in '[MSE optimized] bpp.csv'",
        ),
        ({"label": NAMES["bpp"], "bpp": NAMES["psnr_db"], "ssim": NAMES["ms_ssim"]}, "one measure"),
    ],
)
def test_which_table_is_which_is_not_guessed(tables, mapping, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        read(tables, mapping=mapping)


def test_a_table_that_merely_begins_with_lambda_is_a_csv(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("lambda,bpp,psnr_db\n0.01,0.5,30\n0.02,0.7,32\n")
    request = Request(label="mine", dataset="d", images=2, mapping={"point": "lambda"})
    (curve,) = import_curves([path], request).curves
    assert (curve.parameter, curve.points) == ("lambda", (0.01, 0.02))
