"""Formats that are read, the orientation tag, and what is refused."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rdbench.errors import ImageError, UnsupportedImageError
from rdbench.formats.pillow import no_limit
from rdbench.images.loading import decode_image, read_image

pillow_heif.register_heif_opener()


def encoded(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, color: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file, from scratch; ``rows`` with their filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rows))
    magic = b"\x89PNG\r\n\x1a\n"
    return magic + chunk(b"IHDR", header) + b"".join(extra) + body + chunk(b"IEND", b"")


def tiff(tags: dict[int, tuple[int, ...]], samples: bytes) -> bytes:
    """A little-endian TIFF file of one strip, from scratch; values are 16-bit."""
    tags = {**tags, 273: (0,), 279: (len(samples),)}
    values_at = 8 + 2 + 12 * len(tags) + 4
    values = b""
    entries = b""
    for tag in sorted(tags):
        packed = struct.pack(f"<{len(tags[tag])}H", *tags[tag])
        if tag == 273:
            field = b"STRIP_AT"[:4]
        elif len(packed) > 4:
            field = struct.pack("<I", values_at + len(values))
            values += packed
        else:
            field = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, 3, len(tags[tag])) + field
    entries = entries.replace(b"STRI", struct.pack("<I", values_at + len(values)))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values + samples


# Formats

LOSSLESS = {
    "PNG": {},
    "TIFF": {},
    "TIFF lzw": {"compression": "tiff_lzw"},
    "TIFF deflate": {"compression": "tiff_deflate"},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "PPM": {},
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_the_samples_back(rgb, kind):
    decoded = decode_image(encoded(rgb, kind.split()[0], **LOSSLESS[kind]), kind)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert np.array_equal(decoded, rgb)


@pytest.mark.parametrize("kind", [kind for kind in LOSSLESS if kind != "WEBP"])
def test_gray_has_one_channel(rgb, kind):
    gray = rgb[:, :, 0]
    decoded = decode_image(encoded(gray, kind.split()[0], **LOSSLESS[kind]), kind)
    assert np.array_equal(decoded, gray[:, :, np.newaxis])


def test_jpeg_2000_files_and_codestreams_give_the_samples_back(rgb):
    for image in (rgb, rgb[:, :, 0]):
        samples = image.reshape(*rgb.shape[:2], -1)
        for bare in (False, True):
            data = encoded(image, "JPEG2000", irreversible=False, no_jp2=bare)
            assert np.array_equal(decode_image(data, "x.jp2"), samples)


def test_gif_is_expanded(rgb):
    few = Image.fromarray(rgb // 128 * 255)
    assert np.array_equal(decode_image(encoded(few, "GIF"), "x.gif"), few)


def test_heic_and_avif_are_decoded_as_by_another_binding_of_their_libraries():
    photo = np.random.default_rng(1).integers(0, 256, (5, 4, 3)).repeat(16, 0).repeat(16, 1)
    data = encoded(photo.astype(np.uint8), "HEIF", quality=80)
    assert np.array_equal(decode_image(data, "x.heic"), np.asarray(pillow_heif.open_heif(data)))
    data = encoded(photo.astype(np.uint8), "AVIF", quality=100, subsampling="4:4:4")
    # imagecodecs carries another libavif, with another conversion of colors.
    other = imagecodecs.avif_decode(data).astype(int)
    assert np.abs(decode_image(data, "x.avif") - other).max() <= 2


@pytest.mark.parametrize(("kind", "options"), [("HEIF", {}), ("AVIF", {"subsampling": "4:0:0"})])
def test_gray_heic_and_avif_have_one_channel(kind, options):
    data = encoded(np.full((64, 64), 77, np.uint8), kind, **options)
    assert decode_image(data, "x").shape == (64, 64, 1)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_jpeg_is_decoded_as_by_another_binding_of_libjpeg_turbo(progressive, subsampling):
    photo = np.random.default_rng(1).integers(0, 256, (5, 4, 3)).repeat(8, 0).repeat(8, 1)
    data = encoded(photo.astype(np.uint8), "JPEG", progressive=progressive, subsampling=subsampling)
    assert np.array_equal(decode_image(data, "x.jpg"), imagecodecs.jpeg8_decode(data))


def test_gray_jpeg():
    data = encoded(np.full((9, 7), 77, np.uint8), "JPEG")
    assert decode_image(data, "x.jpg").tolist() == np.full((9, 7, 1), 77).tolist()


def test_lossy_webp_is_decoded_as_by_another_binding_of_libwebp(rgb):
    data = encoded(rgb, "WEBP", quality=60)
    assert np.array_equal(decode_image(data, "x.webp"), imagecodecs.webp_decode(data))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_becomes_black_and_white(kind):
    bits = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 1, 0]], bool)
    decoded = decode_image(encoded(Image.fromarray(bits), kind), kind)
    assert np.array_equal(decoded[:, :, 0], np.where(bits, 255, 0))


@pytest.mark.parametrize(("bits", "scale"), [(1, 255), (2, 85), (4, 17)])
def test_gray_png_of_few_bits_is_scaled(bits, scale):
    # one byte per row: filter 0, then 8 bits of samples, the first in the high bits
    samples = [(0b10110001 >> shift) % (1 << bits) for shift in range(8 - bits, -1, -bits)]
    data = png(len(samples), 1, bits, 0, bytes([0, 0b10110001]))
    assert decode_image(data, "x.png")[0, :, 0].tolist() == [scale * value for value in samples]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_palettes_are_expanded(kind):
    colors = [(250, 3, 7), (10, 200, 30), (0, 0, 0), (255, 255, 255)]
    image = Image.new("P", (2, 2))
    image.putpalette([level for color in colors for level in color])
    image.putdata([3, 1, 0, 2])
    decoded = decode_image(encoded(image, kind), kind)
    assert decoded.reshape(4, 3).tolist() == [list(colors[index]) for index in (3, 1, 0, 2)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P2 2 1 255 7 200", [[[7], [200]]]),
        (b"P3\n# a comment\n1 1\n255\n1 2 3\n", [[[1, 2, 3]]]),
        (b"P5 2 1 255\n\x05\xff", [[[5], [255]]]),
        (b"P5 2 1 100\n\x00\x64", [[[0], [255]]]),
        (b"P4 3 1\n\xa0", [[[0], [255], [0]]]),
    ],
)
def test_pnm_as_text_and_binary(data, expected):
    assert decode_image(data, "x.pnm").tolist() == expected


def test_a_gamma_and_a_profile_change_nothing(rgb):
    plain = encoded(rgb, "PNG")
    marked = plain[:33] + chunk(b"gAMA", struct.pack(">I", 100000)) + plain[33:]
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile at all"))
    marked = marked[:33] + profile + marked[33:]
    assert np.array_equal(decode_image(marked, "x.png"), rgb)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_smallest_sizes(shape):
    image = np.full((*shape, 3), 9, np.uint8)
    assert np.array_equal(decode_image(encoded(image, "PNG"), "x.png"), image)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from(["PNG", "BMP", "PPM", "TIFF"]))
def test_any_size_comes_back(width, height, kind):
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(decode_image(encoded(image, kind), kind), image)


# Orientation

STORED = [[1, 2, 3], [4, 5, 6]]
SEEN = {  # EXIF 2.32, 4.6.4, Orientation: which side of the scene the stored row and column 0 are
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[4, 1], [5, 2], [6, 3]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[3, 6], [2, 5], [1, 4]],
}


@pytest.mark.parametrize("orientation", SEEN)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_is_applied(kind, orientation):
    blocks = (40 * np.array(STORED, np.uint8)).repeat(8, 0).repeat(8, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.fromarray(blocks).convert("RGB")
    decoded = decode_image(encoded(image, kind, exif=exif, **options), kind)
    # the middles of the blocks, each of one shade
    shades = np.rint(decoded[4::8, 4::8, 0] / 40)
    assert shades.tolist() == SEEN[orientation]


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_an_orientation_without_meaning_is_passed_over(rgb, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decode_image(encoded(rgb, "PNG", exif=exif), "x.png"), rgb)


# Refusals


def test_alpha_is_refused_even_if_opaque(rgb):
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    for kind in ("PNG", "TIFF"):
        with pytest.raises(UnsupportedImageError, match=r"transparency.*magick in.* -alpha off"):
            decode_image(encoded(opaque, kind, **LOSSLESS[kind]), f"x.{kind.lower()}")


def test_webp_with_alpha_is_refused(rgb):
    # an opaque alpha channel is left out by the encoder
    translucent = np.dstack([rgb, np.full(rgb.shape[:2], 254, np.uint8)])
    with pytest.raises(UnsupportedImageError, match="transparency"):
        decode_image(encoded(translucent, "WEBP", lossless=True), "x.webp")


def bmp_of_one_pixel(alpha_mask: int) -> bytes:
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, alpha_mask)
    header = struct.pack("<IiiHHIIiiII", 108, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0)
    header += masks + bytes(108 - len(header) - len(masks))
    return b"BM" + struct.pack("<IHHI", 126, 0, 0, 122) + header + b"\x03\x02\x01\xff"


def test_bmp_with_alpha_is_refused_and_with_a_spare_byte_is_read():
    with pytest.raises(UnsupportedImageError, match="transparency"):
        decode_image(bmp_of_one_pixel(alpha_mask=0xFF000000), "x.bmp")
    assert decode_image(bmp_of_one_pixel(alpha_mask=0), "x.bmp").tolist() == [[[1, 2, 3]]]


def test_gray_with_alpha_is_refused(rgb):
    with pytest.raises(UnsupportedImageError, match="transparency"):
        decode_image(encoded(Image.fromarray(rgb).convert("LA"), "PNG"), "x.png")


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_color_is_refused(mode):
    image = Image.new(mode, (2, 2))
    transparent = (0, 0, 0) if mode == "RGB" else 0
    with pytest.raises(UnsupportedImageError, match="transparency"):
        decode_image(encoded(image, "PNG", transparency=transparent), "x.png")


@pytest.mark.parametrize(
    ("color", "samples"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["gray", "rgb", "la", "rgba"]
)
def test_16_bit_png_is_refused(color, samples):
    data = png(1, 1, 16, color, bytes(1 + 2 * samples))
    with pytest.raises(UnsupportedImageError, match=r"16-bit samples: .* -depth 8 out\.png`"):
        decode_image(data, "x.png")


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({258: (16,), 262: (1,), 277: (1,)}, "16-bit samples"),
        ({258: (16, 16, 16), 262: (2,), 277: (3,)}, "16-bit samples"),
        ({258: (12,), 262: (1,), 277: (1,)}, "12-bit samples"),
        ({258: (32,), 262: (1,), 277: (1,), 339: (3,)}, "32-bit floating-point samples"),
        (
            {258: (32, 32, 32), 262: (2,), 277: (3,), 339: (3, 3, 3)},
            "32-bit floating-point samples",
        ),
        ({258: (8,), 262: (1,), 277: (1,), 339: (2,)}, "8-bit signed samples"),
        ({258: (8, 8, 8, 8), 262: (2,), 277: (4,), 338: (0,)}, "transparency"),
        ({258: (8, 8), 262: (1,), 277: (2,), 338: (0,)}, "transparency"),
        ({258: (8, 8, 8, 8), 262: (5,), 277: (4,)}, "CMYK colors"),
        ({258: (8, 8, 8), 262: (8,), 277: (3,)}, r"L\*a\*b\* colors"),
        ({258: (8, 8, 8), 262: (6,), 277: (3,), 530: (1, 1)}, "YCbCr samples"),
    ],
)
def test_tiff_of_other_kinds_is_refused(tags, what):
    data = tiff({256: (1,), 257: (1,), 259: (1,), 278: (1,), **tags}, bytes(16))
    with pytest.raises(UnsupportedImageError, match=f"{what}.*magick in.tif"):
        decode_image(data, "x.tif")


def test_the_tiff_files_of_these_tests_are_right():
    tags = {256: (1,), 257: (1,), 258: (8, 8, 8), 259: (1,), 262: (2,), 277: (3,), 278: (1,)}
    assert decode_image(tiff(tags, b"\x01\x02\x03"), "x.tif").tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    "data",
    [
        b"P5 1 1 65535\n\0\0",
        b"P6 1 1 65535\n" + bytes(6),
        b"P6\n# x\n1 1\n# y\n256\n" + bytes(6),
        b"P2 1 1 1023 512",
        b"P3 1 1 65535 1 2 3",
    ],
)
def test_pnm_of_more_than_8_bits_is_refused(data):
    with pytest.raises(UnsupportedImageError, match="-bit samples: convert it to 8 bit"):
        decode_image(data, "x.ppm")


def test_float_maps_are_refused():
    with pytest.raises(UnsupportedImageError, match="floating-point"):
        decode_image(b"Pf 1 1 -1.0\n" + bytes(4), "x.pfm")


def test_12_bit_jpeg_is_refused():
    data = bytearray(encoded(Image.new("L", (8, 8)), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedImageError, match="12-bit samples"):
        decode_image(bytes(data), "x.jpg")


def deep(kind: str) -> bytes:
    """A file of RGB samples of more than 8 bits."""
    samples = np.full((64, 64, 3), 500, np.uint16)
    if kind == "HEIC":
        stream = io.BytesIO()
        pillow_heif.encode("RGB;10", (64, 64), samples.tobytes(), stream, quality=90)
        return stream.getvalue()
    if kind == "AVIF":
        return imagecodecs.avif_encode(samples, bitspersample=10)
    return imagecodecs.jpeg2k_encode(samples, bitspersample=10, level=0)


@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "JP2"])
def test_10_bits_that_libraries_reduce_to_8_without_a_word_are_refused(kind):
    with pytest.raises(UnsupportedImageError, match=r"10-bit samples: .* -depth 8 out\.png`"):
        decode_image(deep(kind), f"x.{kind.lower()}")


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG2000", "GIF"])
def test_transparency_of_newer_formats_is_refused(kind):
    translucent = Image.new("RGBA", (64, 64), (1, 2, 3, 100))
    if kind == "GIF":
        translucent.putpixel((0, 0), (1, 2, 3, 0))
    with pytest.raises(UnsupportedImageError, match="transparency"):
        decode_image(encoded(translucent, kind), "x")


def test_commands_are_told_for_both_versions_of_imagemagick(rgb):
    with pytest.raises(UnsupportedImageError, match=r"`magick in\.png .*\(`convert` instead of"):
        decode_image(encoded(Image.fromarray(rgb).convert("LA"), "PNG"), "x.png")


def test_cmyk_jpeg_is_refused(rgb):
    with pytest.raises(UnsupportedImageError, match=r"CMYK.*-colorspace sRGB"):
        decode_image(encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG"), "x.jpg")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_several_frames_are_refused(rgb, kind):
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedImageError, match=r"2 frames: .*`magick 'in.*\[0\]' out\.png`"):
        decode_image(data, f"x.{kind.lower()}")


def test_the_photograph_of_a_multi_picture_jpeg_is_taken(rgb):
    second = Image.fromarray(255 - rgb)
    data = encoded(rgb, "MPO", save_all=True, append_images=[second], quality=95)
    alone = encoded(rgb, "JPEG", quality=95)
    assert np.array_equal(decode_image(data, "x.jpg"), decode_image(alone, "x.jpg"))


def test_more_pixels_than_a_gigapixel_are_refused():
    header = png(40000, 25001, 8, 0, b"")
    with pytest.raises(UnsupportedImageError, match="40000x25001 is over 1,000,000,000 pixels"):
        decode_image(header, "x.png")


def test_photographs_beyond_pillows_limit_are_read(monkeypatch, rgb):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    for kind in LOSSLESS:
        data = encoded(rgb, kind.split()[0], **LOSSLESS[kind])
        assert np.array_equal(decode_image(data, kind), rgb)
    assert PIL.Image.MAX_IMAGE_PIXELS == 10


# Damage


@pytest.mark.parametrize("data", [b"", b"\0", b"hello, world", b"GIF89a" + bytes(30)])
def test_what_is_no_image(data):
    with pytest.raises(ImageError, match=r"'x\.png'.*(0 bytes|not an image|damaged)"):
        decode_image(data, "x.png")


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((kind.split()[0], options) for kind, options in LOSSLESS.items()),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("TIFF", {"compression": "jpeg"}),
        ("WEBP", {"quality": 50}),
        ("GIF", {}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True}),
    ],
)
def test_truncated_files_are_refused_wherever_they_end(rgb, kind, options, gray):
    image = Image.fromarray(rgb)
    data = encoded(image.convert("L") if gray else image, kind, **options)
    whole = decode_image(data, kind)
    assert whole.shape[:2] == rgb.shape[:2]
    accepted = []
    for length in range(len(data)):
        with contextlib.suppress(ImageError):
            assert np.array_equal(decode_image(data[:length], kind), whole)
            accepted.append(length)
    # No sample is lost with the padding of the last row of a BMP file, nor with the pointer at the
    # end of a TIFF file, which leads nowhere, nor with the last two bytes of a GIF file.
    spare = {"BMP": -whole.shape[1] * whole.shape[2] % 4, "TIFF": 4, "GIF": 2}.get(kind, 0)
    assert all(length >= len(data) - spare for length in accepted)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_truncated_heic_and_avif_are_refused(kind):
    photo = np.random.default_rng(1).integers(0, 256, (4, 4, 3)).repeat(16, 0).repeat(16, 1)
    data = encoded(photo.astype(np.uint8), kind, quality=80)
    for length in range(0, len(data), 37):
        with pytest.raises(ImageError):
            decode_image(data[:length], kind)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("damage", ["lost in the middle", "an end too early", "a marker too many"])
def test_a_damaged_jpeg_that_the_decoder_only_warns_of_is_refused(capfd, damage, progressive):
    photo = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    data = encoded(photo, "JPEG", progressive=progressive)
    middle = len(data) // 2
    damaged = {
        "lost in the middle": data[:middle] + data[middle + 1000 :],
        "an end too early": data[:middle] + b"\xff\xd9",
        "a marker too many": data[:middle] + b"\xff\xd0" + data[middle:],
    }[damage]
    # Pillow hands out an image without a word.
    assert np.asarray(Image.open(io.BytesIO(damaged))).shape == photo.shape
    with pytest.raises(ImageError, match=r"'x\.jpg' is damaged: Corrupt JPEG data: .*`magick in"):
        decode_image(damaged, "x.jpg")
    print("stderr is back", file=sys.stderr)
    assert capfd.readouterr().err == "stderr is back\n"


@pytest.mark.parametrize("offset", range(0, 60, 7))
def test_a_flipped_bit_in_a_png_is_found(rgb, offset):
    data = bytearray(encoded(rgb, "PNG"))
    data[data.index(b"IDAT") + 4 + offset] ^= 1
    with pytest.raises(ImageError, match="checksum error in the IDAT chunk"):
        decode_image(bytes(data), "x.png")


def test_data_behind_the_end_of_a_png_is_passed_over(rgb):
    assert np.array_equal(decode_image(encoded(rgb, "PNG") + b"\0more", "x.png"), rgb)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM"]))
def test_damage_is_an_image_error_or_an_image(data, kind):
    image = np.random.default_rng(3).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    damaged = bytearray(encoded(image, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        # sizes that are made up may be huge, so bytes are replaced by small ones
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 3))
    with contextlib.suppress(ImageError):
        decoded = decode_image(bytes(damaged), kind)
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png' cannot be read: No such file"):
        read_image(tmp_path / "gone.png")


def test_a_file_is_read_by_its_content_and_not_its_suffix(tmp_path, rgb):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(rgb, "PNG"))
    assert np.array_equal(read_image(path), rgb)


def test_warnings_of_pillow_do_not_reach_the_user(rgb, monkeypatch, recwarn):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1)
    with no_limit():
        PIL.Image.open(io.BytesIO(encoded(rgb, "PNG")))
    decode_image(encoded(rgb, "PNG"), "x.png")
    assert not recwarn.list


def test_loading_does_not_import_all_formats_of_pillow():
    program = (
        "import sys; from rdbench.images import resolve;"
        "[image.load() for image in resolve('photos').images];"
        "print([name for name in ('PIL.FitsImagePlugin', 'skimage') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
