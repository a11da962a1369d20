"""Where chroma lies, and the filters between it and luma, against zimg and by their shifts."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from PIL import Image

from rdbench.formats import Layout, from_planes, round_trip, to_planes
from rdbench.formats.layout import SITINGS
from rdbench.metrics import psnr
from tests.formats.shared import LANCZOS, convert, pix_fmt, zimg_back

BLUE, YELLOW = (0, 0, 255), (255, 255, 0)
INSIDE = np.s_[8:-8, 8:-8]
SUBSAMPLED = [
    Layout(chroma, depth, "bt709", "full", siting)
    for chroma in ("420", "422")
    for depth in (8, 10)
    for siting in SITINGS
]


@pytest.mark.parametrize("layout", SUBSAMPLED, ids=str)
class TestZimgResamples:
    """Its Lanczos filter with the same siting, away from the edges, which it mirrors. Where the
    siting is another one, over half of the samples differ."""

    def test_chroma_planes(self, photo, layout) -> None:
        filters = f"format=gbrp,zscale=min=gbr:rin=full:m=709:r=full:d=none:c={layout.siting}"
        filters += f":{LANCZOS},format={pix_fmt(layout)}"
        out = convert(photo, "rgb24", filters, pix_fmt(layout))
        samples = np.frombuffer(out, layout.dtype)
        start = photo.shape[0] * photo.shape[1]
        for ours in to_planes(photo, layout)[1:]:
            theirs = samples[start : start + ours.size].reshape(ours.shape)
            start += ours.size
            differences = np.abs(theirs.astype(int) - ours)[INSIDE]
            assert differences.max() <= 1
            assert (differences > 0).mean() < 0.001

    def test_back(self, photo, layout) -> None:
        differences = np.abs(zimg_back(photo, layout, "709") - round_trip(photo, layout))[INSIDE]
        assert differences.max() <= 1
        assert (differences > 0).mean() < 0.001


@pytest.mark.parametrize("across", [True, False], ids=["columns", "rows"])
@pytest.mark.parametrize("shown", SITINGS)
@pytest.mark.parametrize("made", SITINGS)
def test_chroma_comes_back_unshifted_only_where_its_siting_is_kept(made, shown, across) -> None:
    """A ramp of blue, two levels a pixel. Chroma that is made co-sited and shown centered, or the
    other way round, is a quarter of its own sample off: half a pixel, one level."""
    ramp = np.full((64, 64, 3), 128, np.uint8)
    ramp[:, :, 2] = 60 + 2 * np.arange(64)
    if not across:
        ramp = np.ascontiguousarray(ramp.transpose(1, 0, 2))
    layout = Layout("420", 16, "bt709", "full", made)
    planes = to_planes(ramp, layout)
    back = from_planes(planes, dataclasses.replace(layout, siting=shown))
    shift = (back.astype(int) - ramp)[16:-16, 16:-16, 2]
    place = {"left": (0.5, 0), "center": (0.5, 0.5), "topleft": (0, 0)}
    expected = 2 * (place[made][across] - place[shown][across])
    assert np.unique(shift).tolist() == [expected]


@pytest.mark.parametrize("siting", SITINGS)
def test_mirrored_images_have_mirrored_chroma_where_it_is_centered(photo, siting) -> None:
    for chroma, axis in itertools.product(("420", "422"), (0, 1)):
        layout = Layout(chroma, 10, "bt709", "full", siting)
        ours = round_trip(photo[:44, :60], layout)
        mirrored = np.flip(round_trip(np.flip(photo[:44, :60], axis), layout), axis)
        centered = (chroma == "422" or siting != "topleft", siting == "center")[axis]
        assert np.array_equal(ours, mirrored) == centered


def test_overshoot_is_clipped_and_wraps_nowhere() -> None:
    """Beside an edge between blue and yellow, chroma would be outside of 0 to 255."""
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, :16], image[:, 16:] = BLUE, YELLOW
    for siting in SITINGS:
        cb = to_planes(image, Layout("420", 8, "bt709", "full", siting))[1][4].astype(int)
        assert (cb.max(), cb.min()) == (255, 0)
        assert (cb[:7] > 230).all()
        assert (cb[9:] < 25).all()


@pytest.mark.parametrize(("siting", "ceiling_db"), [("left", 47.92), ("center", 47.66)])
def test_ceiling_of_10_bit_420_on_kodak(kodak, siting: str, ceiling_db: float) -> None:
    """By matrices made of the kernel alone (benchmarks/chroma.md); means of 2x2 had 45.75."""
    layout = Layout("420", 10, "bt709", "full", siting)
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(kodak.glob("*.png"))]
    found = np.mean([psnr(photo, round_trip(photo, layout)) for photo in photos])
    assert found == pytest.approx(ceiling_db, abs=0.005)
