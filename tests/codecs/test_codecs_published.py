"""Curves over Kodak against published ones, with PSNR computed here."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rdbench.codecs import registry

pytestmark = pytest.mark.slow

Curve = NDArray[np.float64]


@pytest.fixture(scope="module")
def photos(kodak: Path) -> list[NDArray[np.uint8]]:
    photos = []
    for path in sorted(kodak.glob("*.png")):
        with Image.open(path) as picture:
            photos.append(np.array(picture.convert("RGB")))
    return photos


def measured(
    photos: list[NDArray[np.uint8]], name: str, points: list[float], **options: str
) -> Curve:
    """Mean bits per pixel and mean PSNR in dB, (points, 2)."""
    rows = []
    for point in points:
        codec = registry.load(name)(point, **options)
        of_images = []
        for photo in photos:
            data = codec.encode(photo)
            error = np.mean((codec.decode(data).astype(np.float64) - photo) ** 2)
            bpp = 8 * len(data) / (photo.shape[0] * photo.shape[1])
            of_images.append((bpp, 10 * np.log10(255**2 / error)))
        rows.append(np.mean(of_images, axis=0))
    return np.array(rows)


def published(data_root: Path, file: str, curve: str, point: str) -> dict[float, Curve]:
    """Mean bits per pixel and PSNR of each point of a curve in the reference tables."""
    path = data_root.parent / "reference" / file
    if not path.is_file():
        pytest.skip(f"no published curves beside the image data: {path.name}")
    found = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["curve"] == curve:
                found[float(row[point])].append((float(row["bpp"]), float(row["psnr_db"])))
    return {value: np.mean(rows, axis=0) for value, rows in sorted(found.items())}


def cubic_bd_rate(anchor: Curve, test: Curve) -> float:
    """VCEG-M33: mean difference of the integrals of cubic fits of log rate, in percent."""
    fits = [np.polynomial.Polynomial.fit(c[:, 1], np.log(c[:, 0]), 3) for c in (anchor, test)]
    low = max(anchor[:, 1].min(), test[:, 1].min())
    high = min(anchor[:, 1].max(), test[:, 1].max())
    areas = [fit.integ()(high) - fit.integ()(low) for fit in fits]
    return float(100 * np.expm1((areas[1] - areas[0]) / (high - low)))


def test_webp_is_the_curve_of_compressai(data_root: Path, photos: list[NDArray[np.uint8]]) -> None:
    expected = published(data_root, "compressai_kodak_rgb.csv", "webp", "value")
    assert len(expected) == 19
    curve = measured(photos, "webp", list(expected))
    np.testing.assert_allclose(curve, list(expected.values()), rtol=0, atol=1e-6)


def test_jpeg2000_reversible_is_the_anchor_of_lee_2019(
    data_root: Path, photos: list[NDArray[np.uint8]]
) -> None:
    """The paper states -34.08 % "over JPEG2000", without saying how it was coded."""
    lee = published(data_root, "lee2019_kodak_rgb.csv", "lee2019-mse", "lambda")
    ladder = list(registry.load("jpeg2000").ladder)
    curve = measured(photos, "jpeg2000", ladder, transform="5/3")
    assert cubic_bd_rate(curve, np.array(list(lee.values()))) == pytest.approx(-34.08, abs=1.5)


def test_hevc_is_as_good_as_bpg(data_root: Path, photos: list[NDArray[np.uint8]]) -> None:
    """The same encoder, another container and version: bpgenc -q N codes its frame at QP N - 3."""
    expected = published(data_root, "compressai_kodak_rgb.csv", "bpg_444_x265_ycbcr", "value")
    points = [22.0, 32.0, 42.0, 47.0]
    bpg = np.array([expected[point] for point in points])
    curve = measured(photos, "hevc", [point - 3 for point in points], chroma="444")
    assert abs(cubic_bd_rate(bpg, curve)) < 3
    np.testing.assert_allclose(curve[:, 1], bpg[:, 1], atol=0.6)
