"""Curves over Kodak as the command line measures them, held against published ones."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rdbench.curves import published

pytestmark = pytest.mark.slow

QUALITIES = list(range(5, 100, 5))


def rdbench(*arguments: object, data: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rdbench", *map(str, arguments)],
        env={**os.environ, "RDBENCH_DATA": str(data)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(kodak: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kodak") / "run"
    points = "/".join(map(str, QUALITIES))
    rdbench(
        *("run", "--codec", f"jpeg:points={points}", "--codec", f"webp:points={points}"),
        *("--codec", "jpeg2000:transform=5/3", "--dataset", "kodak", "--metrics", "psnr_db"),
        *("--out", out, "--jobs", 2),
        data=kodak.parent,
    )
    return out


def summary(run: Path, codec: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean rates in bit/px and mean PSNR in dB of a codec's points, from ``summary.csv``."""
    with (run / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["codec"] == codec]
    assert {row["images"] for row in rows} == {"24"}
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("bpp", "psnr_db"))


def test_webp_is_what_compressai_published(run):
    """Their Pillow 7.1.2 carries libwebp 1.1.0, which codes as later ones do."""
    curve = published("webp")
    assert list(curve.points) == QUALITIES
    bpp, psnr_db = summary(run, "webp")
    np.testing.assert_allclose(bpp, curve.mean("bpp"), rtol=0, atol=1e-6)
    np.testing.assert_allclose(psnr_db, curve.mean("psnr_db"), rtol=0, atol=1e-6)


def test_jpeg_is_near_what_compressai_published(run):
    """Their Pillow 7.1.2 carries the Independent JPEG Group's libjpeg 9d, which since version 7
    scales chroma by the DCT where libjpeg-turbo averages and interpolates: another 4:2:0, and so
    another stream and another image, with the same tables at the same quality."""
    curve = published("jpeg")
    assert list(curve.points) == QUALITIES
    bpp, psnr_db = summary(run, "jpeg")
    np.testing.assert_allclose(bpp, curve.mean("bpp"), rtol=0.005, atol=0)
    np.testing.assert_allclose(psnr_db, curve.mean("psnr_db"), rtol=0, atol=0.15)


def test_jpeg2000_is_the_anchor_of_lee_2019(run, kodak):
    """The paper (section 4.3) states -34.08 % "over JPEG2000", without saying how it was coded."""
    table = rdbench(
        *("bd", run, "--anchor", "jpeg2000", "--published", "lee2019-mse"),
        *("--method", "cubic", "--interval", "none", "--csv"),
        data=kodak.parent,
    )
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(table))
        if row["test"].startswith("lee2019-mse") and row["delta"] == "rate"
    ]
    assert float(row["value"]) == pytest.approx(-34.08, abs=1.5)
