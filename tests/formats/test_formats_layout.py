from __future__ import annotations

import pytest

from rdbench.formats import Layout
from tests.formats.shared import LAYOUTS, pix_fmt, run


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        (("400", 8, "bt709", "full"), "gray"),
        (("400", 10, "gbr", "full"), "gray10le"),
        (("420", 8, "bt601", "limited"), "yuv420p"),
        (("422", 12, "bt709", "limited"), "yuv422p12le"),
        (("444", 10, "bt709", "full"), "yuv444p10le"),
        (("444", 8, "gbr", "full"), "gbrp"),
        (("444", 16, "gbr", "full"), "gbrp16le"),
    ],
)
def test_pix_fmt_is_the_name_that_ffmpeg_has(layout: tuple, name: str) -> None:
    assert pix_fmt(Layout(*layout)) == name


def test_every_pix_fmt_is_known_to_ffmpeg_with_its_planes_and_depth() -> None:
    lines = run("ffmpeg", "-hide_banner", "-pix_fmts").decode().splitlines()
    known = {words[1]: words for words in (line.split() for line in lines) if len(words) == 5}
    for layout in LAYOUTS:
        if layout.depth in (11, 13, 15):
            with pytest.raises(ValueError, match=f"{layout.depth} bits"):
                _ = pix_fmt(layout)
            continue
        _, _, components, bits_per_pixel, depths = known[pix_fmt(layout)]
        assert int(components) == layout.channels
        assert set(depths.split("-")) == {str(layout.depth)}
        samples = layout.frame_bytes(32, 16) / layout.dtype.itemsize
        assert int(samples * layout.depth / (32 * 16)) == int(bits_per_pixel)


@pytest.mark.parametrize(
    ("chroma", "shapes", "frame_bytes"),
    [
        ("400", [(5, 7)], 35),
        ("420", [(5, 7), (3, 4), (3, 4)], 59),
        ("422", [(5, 7), (5, 4), (5, 4)], 75),
        ("444", [(5, 7), (5, 7), (5, 7)], 105),
    ],
)
def test_odd_sides_of_chroma_are_rounded_up(chroma, shapes, frame_bytes) -> None:
    assert Layout(chroma, 8, "bt709", "full").plane_shapes(5, 7) == shapes
    assert Layout(chroma, 8, "bt709", "full").frame_bytes(width=7, height=5) == frame_bytes
    assert Layout(chroma, 9, "bt709", "full").frame_bytes(width=7, height=5) == 2 * frame_bytes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("411", 8, "bt601", "full"), "chroma '411' is not one of 400, 420, 422, 444"),
        (("444", 7, "bt601", "full"), "depth 7 is not within 8 to 16"),
        (("444", 17, "bt601", "full"), "depth 17 is not within 8 to 16"),
        (("444", 8, "bt2020", "full"), "matrix 'bt2020' is not one of bt601, bt709, gbr"),
        (("444", 8, "bt601", "tv"), "range 'tv' is not one of full, limited"),
        (
            ("420", 8, "bt709", "full", "right"),
            "siting 'right' is not one of left, center, topleft",
        ),
        (("420", 8, "gbr", "full"), "gbr is not subsampled"),
        (("422", 8, "gbr", "full"), "gbr is not subsampled"),
    ],
)
def test_other_layouts_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layout(*arguments)
