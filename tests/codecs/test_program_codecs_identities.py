"""Streams of programs: the same bytes as libraries make, the same planes as other decoders."""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from rdbench import metrics
from rdbench.codecs.avif import Avif
from rdbench.codecs.jpeg import Jpeg
from rdbench.codecs.jpeg2000 import Jpeg2000
from rdbench.codecs.webp import Webp
from rdbench.conforming.material import photograph
from rdbench.formats import Layout, resampling, write_y4m
from tests.codecs.programs import codec, load, run

Samples = NDArray[np.uint8]
BOTH = pytest.mark.parametrize("photo", [photograph(1), photograph(3)], ids=["gray", "color"])


def channelled(samples: Samples) -> Samples:
    return samples[:, :, None] if samples.ndim == 2 else samples


def by_pillow(stream: bytes) -> Samples:
    with Image.open(io.BytesIO(stream)) as picture:
        return channelled(np.asarray(picture))


def largest_difference(a: Samples, b: Samples) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(np.int16) - b).max())


def planes(program: str, stream: bytes, *arguments: str) -> tuple[bytes, str]:
    """The raw planes that a decoder writes, and what it prints; ``{}`` and ``[]`` stand for the
    files of the stream and of the planes."""
    with tempfile.TemporaryDirectory() as name:
        files = {"{}": Path(name, "stream"), "[]": Path(name, "planes.yuv")}
        files["{}"].write_bytes(stream)
        words = run(program, *(files.get(argument, argument) for argument in arguments))
        return files["[]"].read_bytes(), words


def by_ffmpeg(stream: bytes) -> bytes:
    arguments = ("-v", "error", "-f", "hevc", "-i", "{}", "-f", "rawvideo", "[]")
    return planes("ffmpeg", stream, *arguments)[0]


def by_hm(stream: bytes) -> tuple[bytes, str]:
    return planes("TAppDecoder", stream, "-b", "{}", "-o", "[]", "-d", "0")


def by_vtm(stream: bytes) -> tuple[bytes, str]:
    return planes("DecoderApp", stream, "-b", "{}", "-o", "[]", "-d", "0")


def by_vvdec(stream: bytes) -> tuple[bytes, str]:
    return planes("vvdecapp", stream, "-b", "{}", "-o", "[]")


@BOTH
@pytest.mark.parametrize("transform", ["9/7", "5/3"])
@pytest.mark.parametrize(
    ("target", "points"), [("ratio", (120, 30, 6)), ("psnr", (26, 34, 40))], ids=["ratio", "psnr"]
)
def test_openjpeg_is_jpeg2000(
    photo: Samples, transform: str, target: str, points: tuple[int, ...]
) -> None:
    """Through glymur: the same files with the same version of OpenJPEG, to the last byte."""
    for point in points:
        options = {"transform": transform, "target": target}
        program, library = codec("openjpeg", point, **options), Jpeg2000(point, **options)
        words = f"{program.version()}, {library.version()}"
        versions = set(re.findall(r"(?:compress|OpenJPEG) (\d+\.\d+\.\d+)", words))
        stream = program.encode(photo)
        if len(versions) == 1:
            assert stream == library.encode(photo)
        difference = largest_difference(program.decode(stream), library.decode(stream))
        assert difference <= (0 if len(versions) == 1 else 1)


@BOTH
@pytest.mark.parametrize("point", [24, 30, 36, 40])
def test_imagemagick_is_openjpeg_at_a_psnr(photo: Samples, point: int) -> None:
    magick = codec("imagemagick-jp2", point)
    openjpeg = codec("openjpeg", point, transform="5/3", target="psnr")
    streams = magick.encode(photo), openjpeg.encode(photo)
    assert len(streams[0]) == pytest.approx(len(streams[1]), rel=0.01)
    psnr_db = [
        metrics.psnr(photo, one.decode(stream))
        for one, stream in zip((magick, openjpeg), streams, strict=True)
    ]
    assert psnr_db[0] == pytest.approx(psnr_db[1], abs=0.05)


@BOTH
@pytest.mark.parametrize(
    "options",
    [{}, {"chroma": "444"}, {"optimize": True}, {"progressive": True, "chroma": "444"}],
    ids=str,
)
def test_cjpeg_is_pillow(photo: Samples, options: dict[str, Any]) -> None:
    """All versions of libjpeg-turbo from 2.1 to 3.2 make the same of the same settings."""
    assert features.check_feature("libjpeg_turbo")
    for quality in (1, 5, 24, 50, 90, 100):
        one = codec("cjpeg", quality, **options)
        if "libjpeg-turbo" not in one.version():
            pytest.skip(f"not libjpeg-turbo: {one.version()}")
        stream = one.encode(photo)
        assert stream == Jpeg(quality, **options).encode(photo)
        assert largest_difference(one.decode(stream), by_pillow(stream)) <= 1


def test_cjpeg_makes_422() -> None:
    """Sampling factors of the components, from the frame header (Rec. ITU-T T.81, B.2.2)."""
    stream = codec("cjpeg", 50, chroma="422").encode(photograph(3))
    start = stream.index(b"\xff\xc0")
    assert [stream[start + 11 + 3 * index] for index in range(3)] == [0x21, 0x11, 0x11]


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("options", [{}, {"method": 6}, {"sharp_yuv": True}], ids=str)
def test_cwebp_is_what_libraries_decode(quality: int, options: dict[str, Any]) -> None:
    """libwebp 1.2 and 1.6 also code alike."""
    photo = photograph(3)
    one = codec("cwebp", quality, **options)
    stream = one.encode(photo)
    np.testing.assert_array_equal(one.decode(stream), by_pillow(stream))
    if "sharp_yuv" not in options:
        assert stream == Webp(quality, **options).encode(photo)


@BOTH
@pytest.mark.parametrize("distance", [15, 2, 0.3])
def test_cjxl_is_what_imagecodecs_decodes(photo: Samples, distance: float) -> None:
    one = codec("cjxl", distance)
    stream = one.encode(photo)
    theirs = channelled(imagecodecs.jpegxl_decode(stream))
    assert largest_difference(one.decode(stream), theirs) <= 1


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chroma": "420", "matrix": "bt601"},
        {"depth": 8, "range": "limited"},
        {"depth": 8, "chroma": "420"},
    ],
    ids=str,
)
def test_avifenc_is_what_pillow_decodes(
    monkeypatch: pytest.MonkeyPatch, photo: Samples, options: dict[str, Any]
) -> None:
    """libavif finds matrix and range in the file and converts color by itself. It interpolates
    linearly between centered samples of chroma, and here so does the codec."""
    monkeypatch.setattr(resampling, "_QUARTER", (0, 0, 0.25, 0.75, 0, 0))
    one = codec("avifenc", 20, **options)
    stream = one.encode(photo)
    ours, theirs = one.decode(stream), by_pillow(stream)
    if photo.shape[2] == 1:
        np.testing.assert_array_equal(ours, theirs)
    assert largest_difference(ours, theirs) <= 4
    assert metrics.psnr(ours, theirs) > 45


@pytest.mark.parametrize("chroma", ["420", "444"])
@pytest.mark.parametrize("quality", [25, 65])
def test_heif_enc_is_what_pillow_heif_decodes(quality: int, chroma: str) -> None:
    one = codec("heif-enc", quality, chroma=chroma)
    stream = one.encode(photograph(3))
    theirs = np.asarray(pillow_heif.open_heif(stream))
    assert largest_difference(one.decode(stream), theirs) <= 1


@BOTH
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(
            (name, options)
            for name in ("x265", "hm")
            for options in ({}, {"chroma": "420"}, {"depth": 8})
        ),
        ("hm", {"tools": "rext", "hash": "md5"}),
        ("hm", {"matrix": "gbr"}),
        ("kvazaar", {}),
    ],
    ids=str,
)
def test_hevc_is_the_same_to_hm_and_ffmpeg(
    photo: Samples, name: str, options: dict[str, Any]
) -> None:
    """HM also checks the hash of the picture, and tells the QP of its slice: it is the point."""
    stream = codec(name, 32, **options).encode(photo)
    decoded, words = by_hm(stream)
    assert decoded == by_ffmpeg(stream)
    assert "I-SLICE, QP 32 )" in words
    assert "(OK)" in words


@BOTH
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vvenc", {"preset": "faster"}),
        ("vvenc", {"preset": "faster", "matrix": "bt601"}),
        ("vtm", {}),
        ("vtm", {"chroma": "420", "matrix": "bt601", "depth": 8}),
    ],
    ids=str,
)
def test_vvc_is_the_same_to_vtm_and_vvdec(
    photo: Samples, name: str, options: dict[str, Any]
) -> None:
    """VVdeC tells the colors (Rec. ITU-T H.273: BT.709 primaries, sRGB's transfer function)."""
    stream = codec(name, 37, **options).encode(photo[:64, :96].copy())
    decoded, words = by_vtm(stream)
    assert "I-SLICE, QP 37 )" in words
    assert ("(OK)" in words) == (name == "vtm")
    again, words = by_vvdec(stream)
    assert decoded == again
    matrix = {"bt709": 1, "bt601": 6}[options.get("matrix", "bt709")]
    said = f"colorPrim: 1 transCharacteristics: 13 matrixCoefficients: {matrix}"
    assert (said in words) == (photo.shape[2] == 3)


@pytest.mark.parametrize("name", ["x265", "kvazaar", "avifenc"])
@pytest.mark.parametrize("range_", ["full", "limited"])
@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
def test_colors_are_told(tmp_path: Path, name: str, matrix: str, range_: str) -> None:
    one = codec(name, 40, matrix=matrix, range=range_)
    path = tmp_path / f"stream{one.stream_suffix}"
    path.write_bytes(one.encode(photograph(3)))
    shown = "stream=color_space,color_range,color_primaries,color_transfer"
    (said,) = json.loads(
        run("ffprobe", "-v", "error", "-show_entries", shown, "-of", "json", path)
    )["streams"]
    assert said == {
        "color_range": {"full": "pc", "limited": "tv"}[range_],
        "color_space": {"bt709": "bt709", "bt601": "smpte170m"}[matrix],
        "color_primaries": "bt709",
        "color_transfer": "iec61966-2-1",
    }


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x265", {"chroma": "420"}),
        ("x265", {"chroma": "420", "depth": 8}),
        ("kvazaar", {}),
        ("heif-enc", {"chroma": "420"}),
        ("hevc", {}),
        ("hevc", {"depth": 10}),
    ],
    ids=str,
)
def test_hevc_streams_say_where_chroma_lies(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    """To FFmpeg, which takes a stream that says nothing for left (Rec. ITU-T H.265, E.3.1); libheif
    makes means of 2x2 samples."""
    stream = codec(name, 40, **options).encode(photograph(3))
    (tmp_path / "stream.hevc").write_bytes(elementary(stream) if b"hvcC" in stream else stream)
    shown = ("-show_entries", "stream=chroma_location", "-of", "csv=p=0")
    said = run("ffprobe", "-v", "error", *shown, tmp_path / "stream.hevc").strip()
    made = "center" if name in ("heif-enc", "hevc") else load(name).definition.form.pixels.siting
    assert said == made


def elementary(heic: bytes) -> bytes:
    """The parameter sets in the hvcC box (ISO/IEC 14496-15, 8.3.2.1) and the NAL units of the one
    item, with start codes."""
    place = heic.index(b"hvcC") + 4 + 22
    units = []
    arrays, place = heic[place], place + 1
    for _ in range(arrays):
        count, place = int.from_bytes(heic[place + 1 : place + 3]), place + 3
        for _ in range(count):
            length, place = int.from_bytes(heic[place : place + 2]), place + 2
            units.append(heic[place : place + length])
            place += length
    place = heic.index(b"mdat") + 4
    while place < len(heic):
        length, place = int.from_bytes(heic[place : place + 4]), place + 4
        units.append(heic[place : place + length])
        place += length
    return b"".join(b"\0\0\0\1" + unit for unit in units)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("svtav1", {"depth": 8}, "left"),
        ("svtav1", {"depth": 10}, "left"),
        ("aomenc", {"chroma": "420", "depth": 8}, "unspecified"),
        ("aomenc", {"chroma": "420", "depth": 10}, "unspecified"),
    ],
    ids=str,
)
def test_av1_streams_say_where_chroma_lies(
    tmp_path: Path, name: str, options: dict[str, Any], said: str
) -> None:
    """To FFmpeg; AV1 has no word for centered chroma (AV1 specification, 6.4.2)."""
    one = codec(name, 40, **options)
    (path := tmp_path / f"stream{one.stream_suffix}").write_bytes(one.encode(photograph(3)))
    shown = ("-show_entries", "stream=chroma_location", "-of", "csv=p=0")
    assert run("ffprobe", "-v", "error", *shown, path).strip() == said
    made = load(name).definition.form.pixels.siting
    assert made == ("left" if said == "left" else "center")


@pytest.mark.parametrize(("chroma", "depth"), [("420", 8), ("420", 10), ("444", 10)])
def test_avif_leaves_centered_chroma_unknown(chroma: str, depth: int) -> None:
    """chroma_sample_position of the av1C box (AV1 in ISOBMFF, 2.3.3): there is no word for center,
    and libavif's own conversions, also in Pillow, take 0 for it."""
    photo = photograph(3)
    for stream in (
        codec("avifenc", 20, chroma=chroma, depth=depth).encode(photo),
        Avif(50, speed=9, chroma=chroma).encode(photo),
    ):
        assert stream[stream.index(b"av1C") + 6] & 3 == 0
    assert load("avifenc").definition.form.pixels.siting == "center"


def test_x265_codes_the_frame_at_the_qp(tmp_path: Path) -> None:
    """Without --ipratio 1 its I-frame is coded at QP - 3 (6 log2(1.4), rounded)."""
    photo = photograph(1)
    stream = codec("x265", 29).encode(photo)
    source, other = tmp_path / "photo.y4m", tmp_path / "other.hevc"
    source.write_bytes(write_y4m(photo, Layout("400", 8, "bt709", "full")))
    sizes = {}
    for qp in (29, 32):
        run(
            *("x265", "--input", source, "--output", other, "--frames", "1", "--keyint", "1"),
            *("--qp", str(qp), "--preset", "slow", "--tune", "psnr", "--pools", "none"),
            *("--frame-threads", "1", "--no-wpp", "--no-info", "--hash", "1"),
        )
        sizes[qp] = other.stat().st_size
    assert sizes[32] == pytest.approx(len(stream), rel=0.001)
    assert sizes[29] != pytest.approx(len(stream), rel=0.1)
