from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rdbench.errors import BitstreamError
from rdbench.formats import Geometry, Layout, hevc_geometry, write_y4m, write_yuv
from tests.formats.shared import pix_fmt, run

SIZES = {
    "400": [(64, 64), (97, 65), (33, 50)],
    "420": [(64, 64), (98, 66), (130, 70)],
    "422": [(64, 64), (130, 71), (34, 33)],
    "444": [(64, 64), (97, 65), (33, 50)],
}
CASES = [
    (chroma, depth, *size) for chroma, sizes in SIZES.items() for depth in (8, 10, 12)
    for size in sizes
]  # fmt: skip


def noise(layout: Layout, width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(width * height)
    return rng.integers(0, 256, (height, width, layout.channels), np.uint8)


def x265(source: Path, layout: Layout, *options: str) -> bytes:
    stream = source.with_suffix(".hevc")
    run(
        *("x265", "--input", str(source), "-D", str(layout.depth), "--preset", "ultrafast"),
        *("--qp", "30", "--no-info", *options, "-o", str(stream)),
    )
    return stream.read_bytes()


def from_raw(folder: Path, layout: Layout, width: int, height: int, *options: str) -> bytes:
    source = folder / "raw.yuv"
    source.write_bytes(write_yuv(noise(layout, width, height), layout))
    size = ("--input-res", f"{width}x{height}", "--fps", "25")
    kind = ("--input-csp", f"i{layout.chroma}", "--input-depth", str(layout.depth))
    return x265(source, layout, *size, *kind, *options)


@pytest.mark.parametrize(("chroma", "depth", "width", "height"), CASES)
def test_geometry_is_that_of_ffprobe(tmp_path, chroma, depth, width, height) -> None:
    layout = Layout(chroma, depth, "bt709", "full")
    stream = from_raw(tmp_path, layout, width, height)
    entries = ("-show_entries", "stream=width,height,pix_fmt", "-of", "json")
    said = run("ffprobe", "-v", "error", *entries, str(tmp_path / "raw.hevc"))
    (theirs,) = json.loads(said)["streams"]
    assert theirs == {"width": width, "height": height, "pix_fmt": pix_fmt(layout)}
    assert hevc_geometry(stream) == Geometry(width, height, chroma, depth)


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("chroma", ["400", "420", "422", "444"])
def test_x265_makes_the_same_of_y4m_and_of_raw_planes(tmp_path, chroma, depth) -> None:
    layout = Layout(chroma, depth, "bt709", "limited")
    source = tmp_path / "in.y4m"
    source.write_bytes(write_y4m(noise(layout, 98, 66), layout))
    streams = x265(source, layout), from_raw(tmp_path, layout, 98, 66)
    # The sequence parameter sets, which come before, say the rate of pictures in other units.
    first, second = (stream[stream.index(b"\0\0\1\x44\1") :] for stream in streams)
    assert len(first) > 1000
    assert first == second


def test_sub_layers_of_x265_are_passed_over(tmp_path) -> None:
    layers = ("--temporal-layers", "--bframes", "2")
    stream = from_raw(tmp_path, Layout("420", 8, "bt709", "full"), 98, 66, *layers)
    parameters = stream[stream.index(b"\0\0\1\x42\1") + 5]
    assert parameters >> 1 & 7 == 1
    assert hevc_geometry(stream) == Geometry(98, 66, "420", 8)


class Bits:
    """Writes the syntax elements of H.265, to build parameter sets by hand."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, count: int, value: int) -> Bits:
        self.text += f"{value:0{count}b}" if count else ""
        return self

    def ue(self, value: int) -> Bits:
        code = f"{value + 1:b}"
        self.text += "0" * (len(code) - 1) + code
        return self

    def payload(self) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def sps(
    sub_layers=(), chroma=1, size=(1920, 1088), window=(0, 0, 0, 4), depths=(8, 8), layer=0
) -> bytes:
    """A parameter set as 7.3.2.2 has it; ``sub_layers`` holds (profile, level) present flags."""
    bits = Bits().u(4, 0).u(3, len(sub_layers)).u(1, 1)
    bits.u(88, 1 << 80).u(8, 93)
    for profile, level in sub_layers:
        bits.u(1, profile).u(1, level)
    if sub_layers:
        bits.u(2 * (8 - len(sub_layers)), 0)
    for profile, level in sub_layers:
        bits.u(88 * profile, (1 << 88) - 1 if profile else 0).u(8 * level, 255 if level else 0)
    bits.ue(0).ue(chroma)
    if chroma == 3:
        bits.u(1, 1)
    bits.ue(size[0]).ue(size[1])
    bits.u(1, 1)
    for offset in window:
        bits.ue(offset)
    bits.ue(depths[0] - 8).ue(depths[1] - 8).ue(4)
    header = bytes([33 << 1 | layer >> 5, (layer & 31) << 3 | 1])
    payload = bytearray()
    zeros = 0
    for byte in bits.payload():
        if zeros >= 2 and byte <= 3:
            payload.append(3)
            zeros = 0
        payload.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\0\0\0\1" + header + bytes(payload)


@pytest.mark.parametrize("sub_layers", [(), ((0, 0),), ((1, 1),), ((1, 0), (0, 1)), ((1, 1),) * 6])
def test_profiles_and_levels_of_sub_layers(sub_layers) -> None:
    stream = sps(sub_layers)
    assert b"\0\0\3" in stream
    assert hevc_geometry(stream) == Geometry(1920, 1080, "420", 8)


@pytest.mark.parametrize(
    ("chroma", "expected"),
    [
        (0, Geometry(90, 40, "400", 10)),
        (1, Geometry(80, 30, "420", 10)),
        (2, Geometry(80, 40, "422", 10)),
        (3, Geometry(90, 40, "444", 10)),
    ],
)
def test_the_window_counts_in_units_of_chroma(chroma: int, expected: Geometry) -> None:
    stream = sps(chroma=chroma, size=(100, 50), window=(3, 7, 4, 6), depths=(10, 10))
    assert hevc_geometry(stream) == expected


def test_the_first_set_of_the_base_layer_counts() -> None:
    other = sps(size=(64, 64), window=(0, 0, 0, 0), layer=1)
    picture = b"\0\0\1\x26\1" + bytes(range(1, 40))
    assert hevc_geometry(picture + other + sps() + other) == Geometry(1920, 1080, "420", 8)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "no sequence parameter set"),
        (b"\0\0\1\x26\1\2\3\4", "no sequence parameter set"),
        (b"\0\0\1", "no sequence parameter set"),
        (sps(chroma=4), "chroma_format_idc 4 is not within 0 to 3"),
        (sps(depths=(8, 10)), "luma of 8 bits with chroma of 10 is not supported"),
        (sps(size=(0, 8)), "a picture of 0x0 is not valid"),
        (b"\0\0\1\x42\1" + b"\0\0\3" * 40, "damaged"),
    ],
)
def test_other_streams_are_refused(stream: bytes, message: str) -> None:
    with pytest.raises(BitstreamError, match=message):
        hevc_geometry(stream)


def test_every_truncation_is_an_error() -> None:
    whole = sps()
    fields_end = len(whole) - 1  # the last byte holds the end of a field that is not read
    for length in range(fields_end):
        with pytest.raises(BitstreamError, match=r"no sequence parameter set|ends early"):
            hevc_geometry(whole[:length])
