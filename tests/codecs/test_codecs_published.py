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
BASELINES = Path(__file__).parents[2] / "baselines"

DUMAS_2018 = {
    24: (0.0395, 23.285),
    26: (0.0825, 25.519),
    28: (0.1512, 27.553),
    30: (0.2479, 29.618),
    32: (0.3772, 31.629),
    34: (0.5416, 33.655),
    36: (0.7380, 35.671),
    38: (0.9637, 37.656),
    40: (1.2303, 39.596),
}
"""JPEG 2000 over Kodak as recorded in the repository of Dumas, Roumy and Guillemot,
"Autoencoder based image compression: can the learning be quantization independent?", ICASSP 2018:
quality to mean bits per pixel and mean PSNR in dB."""


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


def published(label: str) -> dict[float, Curve]:
    """Mean bits per pixel and PSNR of each point of one of the published curves."""
    found = defaultdict(list)
    for path in BASELINES.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["label"] == label:
                    found[float(row["point"])].append((float(row["bpp"]), float(row["psnr_db"])))
    return {value: np.mean(rows, axis=0) for value, rows in sorted(found.items())}


def cubic_bd_rate(anchor: Curve, test: Curve) -> float:
    """VCEG-M33: mean difference of the integrals of cubic fits of log rate, in percent."""
    fits = [np.polynomial.Polynomial.fit(c[:, 1], np.log(c[:, 0]), 3) for c in (anchor, test)]
    low = max(anchor[:, 1].min(), test[:, 1].min())
    high = min(anchor[:, 1].max(), test[:, 1].max())
    areas = [fit.integ()(high) - fit.integ()(low) for fit in fits]
    return float(100 * np.expm1((areas[1] - areas[0]) / (high - low)))


def test_jpeg2000_at_a_psnr_is_the_anchor_of_dumas_2018(photos: list[NDArray[np.uint8]]) -> None:
    """Luma (BT.601 limited range) by ``magick convert -quality Q``, which for JP2 is a target PSNR
    with 5/3; another version of OpenJPEG, whose headers are some 40 bytes shorter."""
    curve = measured(
        [dumas_luma(photo) for photo in photos],
        "jpeg2000",
        list(DUMAS_2018),
        target="psnr",
        transform="5/3",
    )
    recorded = np.array(list(DUMAS_2018.values()))
    header = 8 * 40 / (512 * 768)
    np.testing.assert_allclose(curve[:, 0], recorded[:, 0], rtol=0.015, atol=header)
    np.testing.assert_allclose(curve[:, 1], recorded[:, 1], rtol=0, atol=0.05)


def dumas_luma(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(512, 768, 1), portrait photographs turned to the left."""
    luma = 16 + photo @ np.array([65.481, 128.553, 24.966]) / 255
    rounded = np.rint(luma).astype(np.uint8)
    landscape = rounded if photo.shape[0] < photo.shape[1] else np.rot90(rounded)
    return np.ascontiguousarray(landscape)[:, :, None]


def test_hevc_is_as_good_as_bpg(photos: list[NDArray[np.uint8]]) -> None:
    """The same encoder, another container and version: bpgenc -q N codes its frame at QP N - 3."""
    expected = published("bpg_444_x265_ycbcr")
    points = [22.0, 32.0, 42.0, 47.0]
    bpg = np.array([expected[point] for point in points])
    curve = measured(photos, "hevc", [point - 3 for point in points], chroma="444")
    assert abs(cubic_bd_rate(bpg, curve)) < 3
    np.testing.assert_allclose(curve[:, 1], bpg[:, 1], rtol=0, atol=0.6)
