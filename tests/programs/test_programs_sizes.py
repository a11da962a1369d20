"""Images of any size through raw planes and padding: the same shape comes back, and what the
stream does not tell is in a header that is counted."""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rdbench import formats
from rdbench.codecs import registry
from rdbench.codecs.base import Codec
from rdbench.errors import BitstreamError
from rdbench.formats import Layout
from rdbench.schema import OK

from .kit import measured, request, write_definition, write_program, write_script

SIZES = [(1, 1), (33, 17), (511, 767)]
"""Height and width."""


def image(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A gradient with noise, so that padding and chroma planes are not all alike."""
    generator = np.random.default_rng(height)
    ramp = np.linspace(0, 200, height * width * channels).reshape(height, width, channels)
    return (ramp + generator.integers(0, 56, ramp.shape)).astype(np.uint8)


def written(folder: Path, pixels: str, kind: str = "yuv") -> Codec:
    """The faulty program, which works here, with these settings."""
    write_program(folder)
    path = write_definition(folder, kind=kind)
    text = path.read_text()
    start, end = text.index("[pixels]"), text.index("[encode]")
    table = f'[pixels]\ninput = "{kind}"\noutput = "{kind}"\n{pixels}\n'
    path.write_text(text[:start] + table + text[end:])
    return registry.load(str(path))(1)


def header(height: int, width: int, channels: int = 3) -> bytes:
    """Channels, then width and height in base 128, least significant group first (LEB128)."""
    data = [channels]
    for side in (width, height):
        while side > 127:
            data.append(side % 128 + 128)
            side //= 128
        data.append(side)
    return bytes(data)


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_raw_planes_with_a_header(tmp_path, places, depth, channels, height, width):
    codec = written(
        tmp_path,
        f'geometry = "header"\nchroma = "420"\ndepth = {depth}\nrange = "limited"\n'
        f"gray_depth = {depth}",
    )
    original = image(height, width, channels)
    stream = codec.encode(original)
    head = header(height, width, channels)
    assert stream.startswith(head)
    chroma = 2 * -(-height // 2) * -(-width // 2) if channels == 3 else 0
    planes = zlib.decompress(stream[len(head) :])
    assert len(planes) == (height * width + chroma) * (2 if depth == 10 else 1)
    decoded = codec.decode(stream)
    assert decoded.shape == original.shape
    layout = Layout("420" if channels == 3 else "400", depth, "bt709", "limited")
    np.testing.assert_array_equal(decoded, formats.round_trip(original, layout))
    np.testing.assert_array_equal(decoded, codec.converted(original))


@pytest.mark.parametrize("kind", ["yuv", "y4m"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_padding_of_planes(tmp_path, places, kind, height, width):
    """To even sides of at least 64, by repeating the last row and column."""
    geometry = 'geometry = "header"\n' if kind == "yuv" else ""
    codec = written(
        tmp_path,
        f'{geometry}chroma = "420"\ndepth = 8\nleast = 64\nmultiple = {{ 420 = 2 }}',
        kind,
    )
    original = image(height, width)
    stream = codec.encode(original)
    assert stream.startswith(header(height, width))
    rows, columns = (max(64, side + side % 2) for side in (height, width))
    padded = original[np.minimum(np.arange(rows), height - 1)]
    padded = padded[:, np.minimum(np.arange(columns), width - 1)]
    planes = zlib.decompress(stream[len(header(height, width)) :])
    layout = Layout("420", 8, "bt709", "full")
    write = formats.write_yuv if kind == "yuv" else formats.write_y4m
    assert planes == write(np.ascontiguousarray(padded), layout)
    expected = formats.round_trip(padded, layout)[:height, :width]
    np.testing.assert_array_equal(codec.decode(stream), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_padding_of_whole_images(tmp_path, places, height, width, channels):
    codec = written(tmp_path, "least = 64", "pnm")
    original = image(height, width, channels)
    stream = codec.encode(original)
    padded = min(height, width) < 64
    head = header(height, width, channels) if padded else b""
    pixels = formats.read_pnm(zlib.decompress(stream[len(head) :]))
    assert pixels.shape == (max(height, 64), max(width, 64), channels)
    assert stream.startswith(head)
    np.testing.assert_array_equal(codec.decode(stream), original)


@pytest.mark.parametrize(("first", "head"), [(1, header(8, 8)), (3, header(8, 8)), (2, b"")])
def test_a_stream_that_looks_like_a_header_gets_one(tmp_path, places, first, head):
    """Without it, a program's stream that begins with 1 or 3 would be taken for one."""
    codec = copying(tmp_path, "least = 4", "pnm")
    write_script(
        tmp_path / "faulty",
        f"#!/bin/sh\nif [ $1 = encode ]; then\n(printf '\\00{first}'; cat $3) > $4\n"
        "else\ntail -c +2 $3 > $4\nfi\n",
    )
    stream = codec.encode(image(8, 8))
    assert stream == head + bytes([first]) + formats.write_pnm(image(8, 8))
    np.testing.assert_array_equal(codec.decode(stream), image(8, 8))


def copying(folder: Path, pixels: str, kind: str) -> Codec:
    """A codec whose programs copy their files: what is in a stream is what is read."""
    codec = written(folder, pixels, kind)
    path = folder / "faulty.toml"
    text = path.read_text().replace('version = ["--version"]\n', "")
    path.write_text(text.replace("pattern = 'faulty (\\S+)'\n", ""))
    write_script(folder / "faulty", '#!/bin/sh\ncp "$3" "$4"\n')
    codec = registry.load(str(path))(1)
    assert codec.decode(codec.encode(image(40, 56))).shape == (40, 56, 3)
    return codec


RAW = 'geometry = "header"\nchroma = "420"\ndepth = {}\nrange = "full"\n'
COPIES = {
    "raw, 8 bits": (RAW.format(8), "yuv"),
    "raw, 10 bits": (RAW.format(10), "yuv"),
    "raw, padded": (RAW.format(8) + "least = 64\nmultiple = { 420 = 2 }", "yuv"),
    "y4m, padded": ('chroma = "420"\ndepth = 8\nleast = 64', "y4m"),
    "pnm, padded": ("least = 64", "pnm"),
    "png, padded": ("least = 64", "png"),
}


class Copies(dict[str, tuple[Codec, bytes]]):
    """Codecs that copy, each with the stream of an image of 5×3."""

    def __repr__(self) -> str:  # Hypothesis shows arguments
        return "copies"


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    found = Copies()
    for number, (name, (pixels, kind)) in enumerate(COPIES.items()):
        codec = copying(tmp_path_factory.mktemp(f"copy{number}"), pixels, kind)
        found[name] = (codec, codec.encode(image(3, 5)))
    return found


@pytest.mark.parametrize("name", COPIES)
def test_a_damaged_header_is_no_stream(copies, name):
    codec, stream = copies[name]
    head = header(3, 5)
    assert stream.startswith(head)
    assert codec.decode(stream).shape == (3, 5, 3)
    body = stream[len(head) :]
    for damaged in (
        *(stream[:length] for length in range(len(head) + 1)),
        bytes([1]) + stream[1:],
        bytes([2]) + stream[1:],
        header(3, 1000) + body,
        header(1000, 5) + body,
        b"\x03\x00\x03" + body,
        b"\x03\x80\x80\x80\x80\x01\x03" + body,
        b"\x03\xff\xff\xff\x7f\xff\xff\xff\x7f" + body,
    ):
        with pytest.raises(BitstreamError):
            codec.decode(damaged)


HEADERS = st.builds(
    header, st.integers(1, 2**28 - 1), st.integers(1, 2**28 - 1), st.sampled_from([1, 3])
)
SMALL_HEADERS = st.builds(header, st.integers(1, 8), st.integers(1, 8), st.sampled_from([1, 3]))
BYTES = st.one_of(
    st.binary(max_size=40),
    st.builds(bytes.__add__, HEADERS | SMALL_HEADERS, st.binary(max_size=100)),
)


@pytest.mark.parametrize("name", COPIES)
@settings(max_examples=60)
@given(data=BYTES)
def test_random_bytes_raise_nothing_but_what_they_should(copies, name, data):
    codec, _ = copies[name]
    with contextlib.suppress(BitstreamError):
        assert codec.decode(data).dtype == np.uint8


@pytest.mark.parametrize("name", COPIES)
@settings(max_examples=40)
@given(place=st.integers(0, 200), value=st.integers(0, 255), cut=st.integers(0, 40))
def test_damaged_streams_raise_nothing_but_what_they_should(copies, name, place, value, cut):
    codec, stream = copies[name]
    damaged = bytearray(stream[: len(stream) - cut])
    damaged[place % len(damaged)] = value
    with contextlib.suppress(BitstreamError):
        assert codec.decode(bytes(damaged)).dtype == np.uint8


def test_the_header_is_counted_in_a_run(tmp_path, places):
    folder = tmp_path / "images"
    folder.mkdir()
    for height, width in SIZES[:2]:
        Image.fromarray(image(height, width)).save(folder / f"{width}x{height}.png")
    written(tmp_path / "codec", RAW.format(10) + "least = 16")
    path = tmp_path / "codec" / "faulty.toml"
    outcome = measured(folder, [request(path)], tmp_path / "out", keep_streams=True)
    streams = {
        file.stem.rpartition("-")[2]: file for file in (outcome.path / "streams").rglob("*.z")
    }
    assert len(outcome.rows) == len(streams) == 2
    for row in outcome.rows:
        assert row.status == OK
        size = streams[row.image].stat().st_size
        assert row.size_bytes == size
        assert row.bpp == 8 * size / (row.width * row.height)
        head = header(row.height, row.width)
        data = streams[row.image].read_bytes()
        assert data.startswith(head)
        zlib.decompress(data[len(head) :])
