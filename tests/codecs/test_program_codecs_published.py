"""Program codecs over Kodak, held against the curves that others recorded with them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rdbench import bd_rate, images, metrics
from rdbench.curves import published
from tests.codecs.programs import codec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

Image = NDArray[np.uint8]
Curve = dict[float, tuple[float, float]]

JPEG2000: Curve = {
    24: (0.039497, 23.2854),
    26: (0.082520, 25.5188),
    28: (0.151246, 27.5528),
    30: (0.247861, 29.6185),
    32: (0.377189, 31.6294),
    34: (0.541605, 33.6555),
    36: (0.737968, 35.6708),
    38: (0.963672, 37.6558),
    40: (1.230334, 39.5964),
}
HM: Curve = {
    47: (0.035211, 26.7637),
    42: (0.086211, 29.0886),
    37: (0.196574, 31.8034),
    32: (0.400664, 34.9513),
    27: (0.727564, 38.5047),
    22: (1.183166, 42.2426),
}
"""Quality or QP to bits per pixel and PSNR in dB: means of the recorded results of Dumas, Roumy
and Guillemot, "Autoencoder based image compression: can the learning be quantization
independent?", ICASSP 2018, Kodak luma (768×512, BT.601 limited range), coded by ImageMagick with
OpenJPEG and by HM 16.15."""


@pytest.fixture(scope="module")
def luma(kodak: Path) -> list[Image]:
    return pictures("kodak:geometry=dumas2018", "luma", kodak.parent)


@pytest.fixture(scope="module")
def rgb(kodak: Path) -> list[Image]:
    return pictures("kodak", "rgb", kodak.parent)


def pictures(dataset: str, color: str, root: Path) -> list[Image]:
    return [image.load() for image in images.resolve(dataset, color=color, root=root).images]


def measured(photos: list[Image], name: str, points: Sequence[float], **options: Any) -> Curve:
    """Mean bits per pixel and PSNR in dB at each point, two pictures at a time."""
    curve: Curve = {}
    with ThreadPoolExecutor(2) as pool:
        for point in points:
            one = codec(name, point, **options)

            def rate_and_psnr(photo: Image, one=one) -> tuple[float, float]:
                stream = one.encode(photo)
                bpp = 8 * len(stream) / (photo.shape[0] * photo.shape[1])
                return bpp, metrics.psnr(photo, one.decode(stream))

            bpp, psnr_db = np.mean(list(pool.map(rate_and_psnr, photos)), axis=0).tolist()
            curve[point] = (bpp, psnr_db)
    return curve


def bd_rates(anchor: Curve, test: Curve) -> dict[str, float]:
    """BD-rate in percent by each method."""
    one, other = (np.array(list(curve.values())).T for curve in (anchor, test))
    return {m: bd_rate(*one, *other, method=m) for m in ("pchip", "akima", "cubic")}


def test_bpg_is_what_compressai_published(rgb: list[Image]) -> None:
    """bpgenc 0.9.8 with x265 at its default level: every point, to 1e-5 in bpp and in dB."""
    curve = published("bpg_444_x265_ycbcr")
    found = measured(rgb, "bpg", [float(point) for point in curve.points])
    assert list(found) == [47, 42, 37, 32, 27, 22, 17, 12]
    bpp, psnr_db = np.array(list(found.values())).T
    np.testing.assert_allclose(bpp, curve.mean("bpp"), rtol=0, atol=1e-5)
    np.testing.assert_allclose(psnr_db, curve.mean("psnr_db"), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [("imagemagick-jp2", {}), ("openjpeg", {"transform": "5/3", "target": "psnr"})],
)
def test_jpeg2000_is_the_anchor_of_dumas_2018(
    luma: list[Image], name: str, options: dict[str, str]
) -> None:
    """Their OpenJPEG is another version, whose headers are some 40 bytes shorter."""
    found = measured(luma, name, list(JPEG2000), **options)
    for value in bd_rates(JPEG2000, found).values():
        assert abs(value) < 1
    for point, (bpp, psnr_db) in JPEG2000.items():
        assert found[point] == (pytest.approx(bpp, rel=0.02), pytest.approx(psnr_db, abs=0.05))


def test_hm_is_the_anchor_of_dumas_2018(luma: list[Image]) -> None:
    """The same version gives their bytes but for a few; others of HM 16 come near."""
    same = "16.15" in codec("hm", 37).version()
    found = measured(luma, "hm", list(HM))
    for value in bd_rates(HM, found).values():
        assert abs(value) < (0.01 if same else 0.5)
    for point, (bpp, psnr_db) in HM.items():
        assert found[point][0] == pytest.approx(bpp, rel=1e-4 if same else 0.01)
        assert found[point][1] == pytest.approx(psnr_db, abs=0.001 if same else 0.02)
