from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rdbench.errors import BitstreamError
from rdbench.formats import read_png, read_pnm, write_png, write_pnm
from tests.formats.shared import images, run

CHANNELS = pytest.mark.parametrize("channels", [1, 3])
MAGIC = b"\x89PNG\r\n\x1a\n"


def pillow_read(data: bytes, shape: tuple) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data))).reshape(shape)


def pillow_write(image: np.ndarray, kind: str, **options) -> bytes:
    out = io.BytesIO()
    samples = image[:, :, 0] if image.shape[2] == 1 else image
    Image.fromarray(samples).save(out, kind, **options)
    return out.getvalue()


@given(images())
def test_stills_come_back_and_pillow_agrees(image) -> None:
    for write, read, kind in ((write_pnm, read_pnm, "PPM"), (write_png, read_png, "PNG")):
        data = write(image)
        assert np.array_equal(read(data), image)
        assert np.array_equal(pillow_read(data, image.shape), image)
        assert np.array_equal(read(pillow_write(image, kind)), image)


@CHANNELS
def test_imagemagick_and_ffmpeg_agree(photo, channels: int) -> None:
    image = np.ascontiguousarray(photo[:, :, :channels])
    size = ("-size", f"{photo.shape[1]}x{photo.shape[0]}", "-depth", "8")
    raw = "gray" if channels == 1 else "rgb"
    for data in (write_pnm(image), write_png(image)):
        assert run("convert-im6.q16", "-", f"{raw}:-", data=data) == image.tobytes()
    for kind, read in (("ppm", read_pnm), ("png", read_png), ("pam", read_pnm)):
        if (kind, channels) == ("ppm", 1):
            kind = "pgm"
        out = run("convert-im6.q16", *size, f"{raw}:-", f"{kind}:-", data=image.tobytes())
        assert np.array_equal(read(out), image)
    filters = ("-f", "image2pipe", "-c:v", "pam", "-")
    out = run("ffmpeg", "-v", "error", "-i", "-", *filters, data=write_png(image))
    assert np.array_equal(read_pnm(out), image)


@CHANNELS
def test_16_bits_of_imagemagick_are_rounded(channels: int) -> None:
    rng = np.random.default_rng(3)
    words = rng.integers(0, 65536, (9, 11, channels), np.uint16)
    words[0, :3, 0] = 0x12FF, 0x7F80, 65535
    expected = [round(Fraction(int(word) * 255, 65535)) for word in words.flat]
    arguments = ("-size", "11x9", "-depth", "16", "-endian", "MSB")
    raw = "gray:-" if channels == 1 else "rgb:-"
    data = words.astype(">u2").tobytes()
    for kind, read in (("pgm" if channels == 1 else "ppm", read_pnm), ("png", read_png)):
        out = run("convert-im6.q16", *arguments, raw, f"{kind}:-", data=data)
        image = read(out)
        assert image.shape == (9, 11, channels)
        assert image.ravel().tolist() == expected
        # what cutting off the lower byte would give
        assert not np.array_equal(image, words >> 8)


@pytest.mark.parametrize("maxval", [1, 7, 100, 254, 255, 256, 1023, 65534, 65535])
def test_any_maxval_is_scaled_and_rounded(maxval: int) -> None:
    samples = np.unique(np.linspace(0, maxval, 500).astype(int))
    dtype = np.uint8 if maxval < 256 else ">u2"
    header = b"P5 %d 1 %d\n" % (len(samples), maxval)
    image = read_pnm(header + samples.astype(dtype).tobytes())
    assert image.shape == (1, len(samples), 1)
    for sample, got in zip(samples, image.flat, strict=True):
        assert abs(int(got) - Fraction(255 * int(sample), maxval)) <= Fraction(1, 2)


@pytest.mark.parametrize(
    "header",
    [
        b"P6 2 1 255 ",
        b"P6\n# by a program\n2 1\n255\n",
        b"P6# 7 7 7\r\n 2\t1 # width, height\n#\n 255\n",
        b"P6\n002\n01\n0255\n",
        b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
        b"P7\n# one\nMAXVAL 255\nDEPTH 3\nHEIGHT 1\nWIDTH  2\nENDHDR\n",
    ],
)
def test_headers_of_pnm(header: bytes) -> None:
    # the first samples look like space and comment, and are neither
    assert read_pnm(header + b"\n# \n#\n").tolist() == [[[10, 35, 32], [10, 35, 10]]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin with a valid P5, P6 or P7 header"),
        (b"P3 1 1 255\n1 2 3", "does not begin with a valid P5"),
        (b"P6 2 255\n", "does not begin with a valid P5"),
        (b"P6 0 1 255\n", "does not begin with a valid P5"),
        (b"P6 2 1 255", "does not begin with a valid P5"),
        (b"P5 1 1 65536\n\0\0", "maxval 65536 is above 65535"),
        (b"P6 2 1 255\n12345", "P6 file: the header declares 6 bytes of samples, but 5 follow it"),
        (b"P6 2 1 255\n1234567", "declares 6 bytes of samples, but 7 follow it"),
        (b"P5 2 1 256\n123", "P5 file: the header declares 4 bytes of samples, but 3 follow it"),
        (b"P5 999999999 999999999 255\n", "but 0 follow it"),
        (b"P5 1 1 100\ne", "a sample is 101, above the maxval 100"),
        (b"P5 1 1 1023\n\4\0", "a sample is 1024, above the maxval 1023"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\n", "does not end with ENDHDR"),
        (b"P7\nWIDTH 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n1", "the header has no HEIGHT above 0"),
        (
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n1234",
            "DEPTH 4 with TUPLTYPE 'RGB_ALPHA'",
        ),
        (
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\1",
            "DEPTH 1 with TUPLTYPE 'BLACKANDWHITE'",
        ),
    ],
)
def test_other_pnm_files_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(BitstreamError, match=message) as caught:
        read_pnm(data)
    assert "\n" not in str(caught.value)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(color: int, depth: int, width: int, row: bytes, *extra: bytes) -> bytes:
    """One row of samples, written by the letter of the PNG specification, clause 11.2."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, color, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return MAGIC + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


PALETTE = chunk(b"PLTE", bytes(range(12)))
GAMMA = chunk(b"gAMA", struct.pack(">I", 100000))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(0, 1, 8, b"\xa5"), [[255], [0], [255], [0], [0], [255], [0], [255]]),
        (png(0, 4, 2, b"\xa5"), [[170], [85]]),
        (png(0, 16, 3, b"\x12\xff\x7f\x80\0\x81"), [[19], [127], [1]]),
        (png(2, 16, 1, b"\x12\xff\x7f\x80\0\x81"), [[19, 127, 1]]),
        (png(3, 8, 2, b"\0\3", PALETTE), [[0, 1, 2], [9, 10, 11]]),
        (png(3, 2, 2, b"\x30", PALETTE), [[0, 1, 2], [9, 10, 11]]),
        (png(3, 8, 1, b"\3", PALETTE, chunk(b"tRNS", b"\xff" * 4)), [[9, 10, 11]]),
        (png(3, 8, 1, b"\3", PALETTE, chunk(b"tRNS", b"\0")), [[9, 10, 11]]),
        (png(4, 8, 1, b"\x07\xff"), [[7]]),
        (png(6, 8, 1, b"\1\2\3\xff"), [[1, 2, 3]]),
        (png(6, 16, 1, b"\1\1\2\2\3\3\xff\xff"), [[1, 2, 3]]),
        (png(2, 8, 1, b"\x80\x81\x82", GAMMA), [[128, 129, 130]]),
    ],
)
def test_kinds_of_png(data: bytes, expected: list) -> None:
    assert read_png(data).tolist() == [expected]


@pytest.mark.parametrize(
    "data",
    [
        png(4, 8, 2, b"\x07\xff\x07\xfe"),
        png(6, 16, 1, b"\1\1\2\2\3\3\xff\xfe"),
        png(3, 8, 2, b"\0\3", PALETTE, chunk(b"tRNS", b"\x40")),
        png(2, 8, 1, b"\1\2\3", chunk(b"tRNS", b"\0\1\0\2\0\3")),
    ],
)
def test_transparent_png_is_refused(data: bytes) -> None:
    with pytest.raises(BitstreamError, match="transparent"):
        read_png(data)


def test_png_has_no_metadata(photo) -> None:
    data = write_png(photo)
    names, position = set(), len(MAGIC)
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        names.add(data[position + 4 : position + 8])
        position += 12 + length
    assert names == {b"IHDR", b"IDAT", b"IEND"}
    assert data == write_png(photo)


def test_every_truncation_of_a_png_is_an_error(photo) -> None:
    for data in (write_png(photo[:9, :7]), pillow_write(photo[:9, :7], "PNG")):
        for length in range(len(data)):
            with pytest.raises(BitstreamError) as caught:
                read_png(data[:length])
            assert "\n" not in str(caught.value)


@settings(max_examples=100)
@given(st.data())
def test_a_changed_byte_of_a_png_is_an_error(data) -> None:
    stream = bytearray(write_png(np.full((5, 7, 3), 99, np.uint8)))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BitstreamError):
        read_png(bytes(stream))


def test_other_png_files_are_refused() -> None:
    whole = write_png(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BitstreamError, match="1 bytes follow the end of the image"):
        read_png(whole + b"\0")
    with pytest.raises(BitstreamError, match=f"{len(whole)} bytes follow"):
        read_png(whole + whole)
    with pytest.raises(BitstreamError, match="Not enough image data"):
        read_png(png(2, 8, 2, b"\1\2\3"))
    with pytest.raises(BitstreamError, match="signature"):
        read_png(b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize("write", [write_pnm, write_png])
@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (0, 4, 3)])
def test_other_images_are_refused(write, shape) -> None:
    with pytest.raises(ValueError, match="image"):
        write(np.zeros(shape, np.uint8))


@CHANNELS
def test_a_view_that_is_not_contiguous_is_written(photo, channels: int) -> None:
    view = photo[::-2, ::3, :channels]
    assert np.array_equal(read_png(write_png(view)), view)
    assert np.array_equal(read_pnm(write_pnm(view)), view)
