from __future__ import annotations

import contextlib
import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdbench.errors import BitstreamError
from rdbench.formats import Layout, read_y4m, read_yuv, round_trip, to_planes, write_y4m, write_yuv
from rdbench.formats.layout import SITINGS
from tests.formats.shared import LAYOUTS, images, pix_fmt, run

Y4M_LAYOUTS = [
    layout
    for layout in LAYOUTS
    if (layout.matrix != "gbr" or layout.chroma == "400")
    and layout.depth in ((8, 9, 10, 12, 16) if layout.chroma == "400" else (8, 9, 10, 12, 14, 16))
]
LIMITED = [
    layout for layout in Y4M_LAYOUTS if (layout.matrix, layout.range) == ("bt709", "limited")
]
BT709 = Layout("420", 8, "bt709", "limited")


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@settings(max_examples=4)
@given(st.data())
def test_raw_planes_come_back(layout: Layout, data) -> None:
    image = data.draw(images(layout.channels))
    height, width = image.shape[:2]
    stream = write_yuv(image, layout)
    assert len(stream) == layout.frame_bytes(width, height)
    assert np.array_equal(read_yuv(stream, width, height, layout), round_trip(image, layout))


def test_words_are_little_endian_and_planes_in_order() -> None:
    image = np.array([[[255, 0, 1]]], np.uint8)
    assert write_yuv(image, Layout("444", 10, "gbr", "full")) == bytes([0, 0, 4, 0, 255, 3])
    assert write_yuv(image, Layout("444", 8, "gbr", "full")) == bytes([0, 1, 255])


@pytest.mark.parametrize("change", [-1, 1, -9, 9])
def test_raw_planes_of_another_length_are_refused(change: int) -> None:
    stream = write_yuv(np.zeros((5, 7, 3), np.uint8), BT709)
    stream = stream + b"\0" * change if change > 0 else stream[:change]
    message = f"raw planes: one frame of 7x5 420 of 8 bits has 59 bytes, not {59 + change}"
    with pytest.raises(BitstreamError, match=message):
        read_yuv(stream, 7, 5, BT709)


def test_samples_over_the_peak_are_refused() -> None:
    layout = Layout("400", 10, "bt709", "full")
    assert read_yuv(b"\xff\x03", 1, 1, layout) == 255
    with pytest.raises(BitstreamError, match="above 1023, the maximum of 10 bits"):
        read_yuv(b"\x00\x04", 1, 1, layout)


@pytest.mark.parametrize("layout", Y4M_LAYOUTS, ids=str)
@settings(max_examples=4)
@given(st.data())
def test_y4m_comes_back(layout: Layout, data) -> None:
    image = data.draw(images(layout.channels))
    other = Layout("444", 8, "bt709" if layout.matrix == "gbr" else layout.matrix, layout.range)
    assert np.array_equal(read_y4m(write_y4m(image, layout), other), round_trip(image, layout))


@pytest.mark.parametrize(
    ("layout", "tags"),
    [
        (Layout("400", 8, "bt709", "limited"), "Cmono XCOLORRANGE=FULL"),
        (Layout("400", 10, "gbr", "full"), "Cmono10 XCOLORRANGE=FULL"),
        (Layout("420", 8, "bt709", "limited"), "C420mpeg2 XCOLORRANGE=LIMITED"),
        (Layout("420", 8, "bt709", "full", "center"), "C420jpeg XCOLORRANGE=FULL"),
        (Layout("420", 8, "bt709", "full", "topleft"), "C420paldv XCOLORRANGE=FULL"),
        (Layout("420", 10, "bt709", "full"), "C420p10 XCOLORRANGE=FULL"),
        (Layout("422", 8, "bt601", "full"), "C422 XCOLORRANGE=FULL"),
        (Layout("444", 8, "bt601", "full"), "C444 XCOLORRANGE=FULL"),
        (Layout("444", 12, "bt601", "limited"), "C444p12 XCOLORRANGE=LIMITED"),
    ],
)
def test_y4m_header(layout: Layout, tags: str) -> None:
    image = np.zeros((5, 7, layout.channels), np.uint8)
    header = f"YUV4MPEG2 W7 H5 F25:1 Ip A1:1 {tags}\nFRAME\n".encode()
    assert write_y4m(image, layout) == header + write_yuv(image, layout)


@pytest.mark.parametrize("layout", LIMITED, ids=str)
def test_ffmpeg_reads_the_y4m_that_is_written(photo, layout: Layout) -> None:
    image = photo[:45, :61, : layout.channels]
    stream = write_y4m(image, layout)
    frames = run("ffmpeg", "-v", "error", "-i", "-", "-f", "rawvideo", "-", data=stream)
    assert frames == write_yuv(image, layout)
    entries = "stream=pix_fmt,color_range,width,height"
    said = run(
        *("ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", "-"), data=stream
    )
    range_ = "pc" if layout.chroma == "400" else "tv"
    assert said.decode().strip() == f"61,45,{pix_fmt(layout)},{range_}"


@pytest.mark.parametrize("layout", LIMITED, ids=str)
def test_y4m_of_ffmpeg_is_read(photo, layout: Layout) -> None:
    # Even sides: FFmpeg 5.1 drops half of the last chroma column where words are of 16 bits.
    image = photo[:44, :60, : layout.channels]
    stream = run(
        *("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", pix_fmt(layout)),
        *("-color_range", "tv", "-s", "60x44", "-i", "-"),
        *("-strict", "-1", "-f", "yuv4mpegpipe", "-"),
        data=write_yuv(image, layout),
    )
    assert b"XCOLORRANGE=LIMITED" in stream
    decoded = read_y4m(stream, Layout("444", 8, "bt709", "limited"))
    assert np.array_equal(decoded, round_trip(image, layout))


@pytest.mark.parametrize("siting", SITINGS)
def test_ffmpeg_finds_the_siting_in_the_y4m_that_is_written(photo, siting: str) -> None:
    """FFmpeg's names are left, center and topleft, too. Of over 8 bits a Y4M names none."""
    for depth, expected in ((8, siting), (10, "unspecified")):
        stream = write_y4m(photo[:44, :60], Layout("420", depth, "bt709", "limited", siting))
        entries = "stream=chroma_location"
        said = run(
            *("ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", "-"),
            data=stream,
        )
        assert said.decode().strip() == expected


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("tag", [" C420", " C420jpeg", " C420mpeg2", " C420paldv", ""])
def test_420_by_all_its_names_is_sited_as_the_layout_says(photo, tag: str, siting: str) -> None:
    """What was handed to an encoder comes back: FFmpeg writes C420jpeg where it knows no siting."""
    layout = dataclasses.replace(BT709, siting=siting)
    stream = re.sub(rb" C420\w+ XCOLORRANGE=LIMITED", tag.encode(), write_y4m(photo, layout))
    assert np.array_equal(read_y4m(stream, layout), round_trip(photo, layout))


def test_parameters_of_frames_and_comments_are_left_aside(photo) -> None:
    stream = write_y4m(photo, BT709)
    stream = stream.replace(b"FRAME\n", b"FRAME Ippp XFOO\n").replace(b" Ip ", b" It XYSCSS=420 ")
    assert np.array_equal(read_y4m(stream, BT709), round_trip(photo, BT709))


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (rb"\AY", b"Z", "does not begin with a YUV4MPEG2 header"),
        (rb"(?s)\n.*", b"", "does not begin with a YUV4MPEG2 header"),
        (rb" W\d+", b"", r"no valid W \(1 to 999999 pixels\)"),
        (rb" H\d+", b" H0", r"no valid H \(1 to 999999 pixels\)"),
        (rb" W\d+", b" W-4", r"no valid W \(1 to 999999 pixels\)"),
        (rb"C420mpeg2", b"C411", "chroma format '411' is not supported"),
        (rb"C420mpeg2", b"C444alpha", "chroma format '444alpha' is not supported"),
        (rb"C420mpeg2", b"C420p7", "chroma format '420p7' is not supported"),
        (rb"C420mpeg2", b"C444p11", "chroma format '444p11' is not supported"),
        (rb"C420mpeg2", b"Cmono14", "chroma format 'mono14' is not supported"),
        (rb"LIMITED", b"FULL", "XCOLORRANGE is 'FULL', but limited range is expected"),
        (rb"FRAME", b"FRAMES", "not followed by a frame"),
        (rb"(?s)FRAME.*", b"", "not followed by a frame"),
        (rb"(?s).\Z", b"", "has 59 bytes, not 58"),
        (rb"\Z", b"\0", "has 59 bytes, not 60"),
        (rb"\Z", b"FRAME\n" + bytes(59), "has 59 bytes, not 124"),
    ],
)
def test_other_y4m_files_are_refused(pattern, replacement, message) -> None:
    stream = write_y4m(np.full((5, 7, 3), 99, np.uint8), BT709)
    changed = re.sub(pattern, replacement, stream, count=1)
    with pytest.raises(BitstreamError, match=message) as caught:
        read_y4m(changed, BT709)
    assert "\n" not in str(caught.value)


def test_what_y4m_cannot_say_is_refused() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    gbr = Layout("444", 8, "gbr", "full")
    with pytest.raises(ValueError, match="cannot express gbr"):
        write_y4m(image, gbr)
    with pytest.raises(ValueError, match="not gbr"):
        read_y4m(write_y4m(image, BT709), gbr)
    with pytest.raises(ValueError, match="color samples of 11 bits are not supported; 8, 9, 10"):
        write_y4m(image, Layout("444", 11, "bt709", "full"))
    with pytest.raises(ValueError, match="gray samples of 14 bits are not supported; 8, 9, 10"):
        write_y4m(image[:, :, :1], Layout("400", 14, "bt709", "full"))


def test_an_image_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="image"):
        write_y4m(np.zeros((4, 4, 1), np.uint8), BT709)
    assert len(to_planes(np.zeros((4, 4, 3), np.uint8), BT709)) == 3


@settings(max_examples=200)
@given(st.binary(max_size=80), st.integers(0, 120))
def test_damage_raises_nothing_else(noise: bytes, place: int) -> None:
    stream = bytearray(write_y4m(np.full((5, 7, 3), 99, np.uint8), BT709))
    stream[place : place + len(noise)] = noise
    with contextlib.suppress(BitstreamError):
        assert read_y4m(bytes(stream), BT709).dtype == np.uint8
