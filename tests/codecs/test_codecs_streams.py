"""What is in the streams: the same bytes as other programs make, and the chroma format meant."""

import io
import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from rdbench.codecs import registry
from rdbench.codecs.avif import Avif
from rdbench.codecs.hevc import Hevc
from rdbench.codecs.jpeg import Jpeg
from rdbench.codecs.jpeg2000 import Jpeg2000
from rdbench.codecs.webp import Webp
from rdbench.conforming.material import photograph
from rdbench.errors import CodecError, UsageError

Samples = NDArray[np.uint8]
Size = tuple[int, int]


@pytest.fixture(scope="module")
def photo() -> Samples:
    return photograph(3)


@pytest.fixture(scope="module")
def gray() -> Samples:
    return photograph(1)


def pillow_file(image: Samples, file_format: str, **settings: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2:] == (1,) else image).save(
        stream, file_format, **settings
    )
    return stream.getvalue()


def psnr_db(a: Samples, b: Samples) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.mark.parametrize("quality", [1, 25, 75, 95, 100])
def test_jpeg_is_what_pillow_saves(photo: Samples, gray: Samples, quality: int) -> None:
    for image in (photo, gray):
        assert Jpeg(quality).encode(image) == pillow_file(image, "JPEG", quality=quality)


@pytest.mark.parametrize("method", range(7))
@pytest.mark.parametrize("quality", [0, 30, 75, 100])
def test_webp_is_what_pillow_saves(photo: Samples, quality: int, method: int) -> None:
    codec = Webp(quality, method=method)
    data = codec.encode(photo)
    assert data == pillow_file(photo, "WEBP", quality=quality, method=method)
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(codec.decode(data), np.asarray(picture))


@pytest.mark.parametrize("transform", ["9/7", "5/3"])
def test_jpeg2000_at_a_psnr_is_what_openjpeg_does_elsewhere(photo: Samples, transform: str) -> None:
    """imagecodecs calls an OpenJPEG of its own, with five resolutions and precincts."""
    codec = Jpeg2000(34, target="psnr", transform=transform)
    data = codec.encode(photo)
    other = imagecodecs.jpeg2k_encode(
        photo, level=34, reversible=transform == "5/3", codecformat="jp2", mct=True
    )
    decoded = codec.decode(data)
    np.testing.assert_array_equal(decoded, imagecodecs.jpeg2k_decode(data))
    assert len(data) == pytest.approx(len(other), rel=0.01)
    assert psnr_db(decoded, photo) == pytest.approx(
        psnr_db(imagecodecs.jpeg2k_decode(other), photo), abs=0.1
    )


@pytest.mark.skipif("Pillow" not in Jpeg2000.version(), reason="another OpenJPEG than Pillow's")
@pytest.mark.parametrize("transform", ["9/7", "5/3"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (31, 33), (64, 64), (200, 120)])
def test_jpeg2000_is_what_pillow_saves(photo: Samples, size: Size, transform: str) -> None:
    """Pillow calls the same library by code of its own."""
    height, width = size
    for channels in (1, 3):
        image = np.ascontiguousarray(photo[:height, :width, :channels])
        for target, mode, point in (("ratio", "rates", 7), ("psnr", "dB", 33)):
            assert Jpeg2000(point, target=target, transform=transform).encode(image) == pillow_file(
                image[:, :, 0] if channels == 1 else image,
                "JPEG2000",
                quality_mode=mode,
                quality_layers=[point],
                irreversible=transform == "9/7",
                mct=channels > 1,
            )


@pytest.mark.skipif(
    shutil.which("opj_compress") is None or "Pillow" in Jpeg2000.version(),
    reason="needs opj_compress, and glymur on the same OpenJPEG",
)
@pytest.mark.parametrize("transform", ["9/7", "5/3"])
@pytest.mark.parametrize(("target", "flag"), [("ratio", "-r"), ("psnr", "-q")])
def test_jpeg2000_is_what_opj_compress_writes(
    photo: Samples, gray: Samples, tmp_path: Path, transform: str, target: str, flag: str
) -> None:
    for image, suffix in ((photo, "ppm"), (gray, "pgm")):
        original, stream = tmp_path / f"x.{suffix}", tmp_path / "x.jp2"
        original.write_bytes(pillow_file(image, "PPM"))
        command = ["opj_compress", "-i", original, "-o", stream, flag, "30"]
        command += ["-I"] if transform == "9/7" else []
        subprocess.run(command, check=True, capture_output=True)
        codec = Jpeg2000(30, transform=transform, target=target)
        assert codec.encode(image) == stream.read_bytes()


@pytest.mark.parametrize("container", ["jp2", "j2k"])
@pytest.mark.parametrize("ratio", [8, 20, 60])
def test_jpeg2000_meets_its_ratio(photo: Samples, ratio: int, container: str) -> None:
    """The ratio is of raw samples to codestream; a jp2 file has 85 bytes of boxes around it."""
    size = len(Jpeg2000(ratio, container=container).encode(photo))
    boxes = 85 if container == "jp2" else 0
    assert 0.95 * photo.size / ratio < size - boxes <= photo.size / ratio


def test_jpeg2000_reversible_is_lossless_at_ratio_1(photo: Samples) -> None:
    codec = Jpeg2000(1, transform="5/3")
    np.testing.assert_array_equal(codec.decode(codec.encode(photo)), photo)


def test_hevc_qp_is_the_qp_of_the_frame(gray: Samples) -> None:
    """x265 codes an I-frame at QP - 3 unless told otherwise: 6 log2(1.4) rounded."""

    def heif(qp: int) -> bytes:
        stream = io.BytesIO()
        parameters = {
            "preset": "slow",
            "tune": "psnr",
            "x265:qp": qp,
            "x265:psy-rd": 0,
            "x265:psy-rdoq": 0,
            "x265:wpp": 0,
        }
        size = (gray.shape[1], gray.shape[0])
        pillow_heif.encode("L", size, gray.tobytes(), stream, quality=None, enc_params=parameters)
        return stream.getvalue()

    for qp in (22, 37):
        assert len(Hevc(qp).encode(gray)) == pytest.approx(len(heif(qp + 3)), rel=0.001)
        assert len(Hevc(qp).encode(gray)) != pytest.approx(len(heif(qp)), rel=0.05)


def jpeg_sampling(data: bytes) -> list[int]:
    """Sampling factors of the components, from the frame header (ITU-T T.81, B.2.2)."""
    start = data.index(b"\xff\xc0")
    return [data[start + 11 + 3 * index] for index in range(data[start + 9])]


def av1_chroma(data: bytes) -> str:
    """From the av1C box (AV1 in ISOBMFF, 2.3.3): monochrome and the two subsampling bits."""
    flags = data[data.index(b"av1C") + 6]
    bits = (flags >> 4 & 1, flags >> 3 & 1, flags >> 2 & 1)
    return {(1, 1, 1): "400", (0, 1, 1): "420", (0, 0, 0): "444"}[bits]


def hevc_format(data: bytes) -> tuple[str, int]:
    """From the hvcC box (ISO/IEC 14496-15, 8.3.2.1): chroma format and luma bit depth."""
    record = data[data.index(b"hvcC") + 4 :]
    return {0: "400", 1: "420", 3: "444"}[record[16] & 3], (record[17] & 7) + 8


def test_chroma_formats(photo: Samples, gray: Samples) -> None:
    assert jpeg_sampling(Jpeg(50).encode(photo)) == [0x22, 0x11, 0x11]
    assert jpeg_sampling(Jpeg(50, chroma="444").encode(photo)) == [0x11, 0x11, 0x11]
    assert jpeg_sampling(Jpeg(50, chroma="444").encode(gray)) == [0x11]
    for chroma in ("420", "444"):
        assert av1_chroma(Avif(50, speed=9, chroma=chroma).encode(photo)) == chroma
        assert av1_chroma(Avif(50, speed=9, chroma=chroma).encode(gray)) == "400"
        for depth in (8, 10):
            codec = Hevc(32, chroma=chroma, depth=depth)
            assert hevc_format(codec.encode(photo)) == (chroma, depth)
            assert hevc_format(codec.encode(gray)) == ("400", depth)


def test_that_hevc_names_its_siting_is_in_its_identity() -> None:
    """The rows of before were of streams without it, though of the same pixels and sizes."""
    assert Hevc.provenance(Hevc.resolve_options({}), [32]) == {"parameters": {"x265:chromaloc": 1}}
    assert Hevc.provenance(Hevc.resolve_options({"chroma": "444"}), [32]) == {}


@pytest.mark.parametrize(("name", "point"), [("webp", 50), ("jpegxl", 2), ("jpeg2000", 20)])
def test_threads_do_not_change_the_stream(photo: Samples, name: str, point: float) -> None:
    codec = registry.load(name)
    assert codec(point, threads=1).encode(photo) == codec(point, threads=4).encode(photo)


@pytest.mark.parametrize(
    ("name", "options"),
    [("avif", {"tune": "iq", "speed": 6}), ("hevc", {"tune": "ssim", "chroma": "444"})],
)
def test_tuned_for_psnr_by_default(photo: Samples, name: str, options: dict[str, str]) -> None:
    """At the PSNR of the visually tuned streams, the default needs fewer bytes on average."""
    codec = registry.load(name)
    default = {key: value for key, value in options.items() if key != "tune"}
    axis = codec.axis(codec.resolve_options(default))

    def curve(settings: dict[str, str]) -> tuple[list[float], list[float]]:
        sizes, qualities = [], []
        for point in axis.ladder[2:7]:
            one = codec(point, **settings)
            data = one.encode(photo)
            sizes.append(float(np.log(len(data))))
            qualities.append(psnr_db(one.decode(data), photo))
        return sizes, qualities

    visual_sizes, visual = curve(options)
    sizes, qualities = curve(default)
    inside = [i for i, db in enumerate(visual) if qualities[0] <= db <= qualities[-1]]
    assert len(inside) >= 3
    needed = np.interp([visual[i] for i in inside], qualities, sizes)
    assert np.mean(needed - [visual_sizes[i] for i in inside]) < 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("jpeg", "libjpeg-turbo "),
        ("jpeg2000", "OpenJPEG "),
        ("avif", "libaom "),
        ("webp", "libwebp "),
        ("hevc", "x265 "),
        ("jpegxl", "libjxl "),
        ("png", "zlib-ng "),
    ],
)
def test_version_names_library_and_package(name: str, shown: str) -> None:
    version = registry.load(name).version()
    assert version.startswith(shown)
    assert version[len(shown)].isdigit()
    assert "None" not in version
    assert version.endswith(")")


def test_labels_show_the_chroma_format() -> None:
    options = Jpeg.resolve_options({"chroma": "444", "progressive": True})
    assert Jpeg.label(options) == "jpeg 4:4:4 progressive=True"
    assert Jpeg.label(options, color=False) == "jpeg progressive=True"
    assert Jpeg2000.label(Jpeg2000.resolve_options({"transform": "5/3"})) == "jpeg2000 5/3"


@pytest.mark.parametrize(
    ("name", "point"), [("jpeg", 101), ("jpeg", 0), ("jpeg", 50.5), ("hevc", 52), ("jpegxl", 0)]
)
def test_points_out_of_range(name: str, point: float) -> None:
    with pytest.raises(UsageError):
        registry.load(name)(point)


def test_too_large_for_the_format() -> None:
    with pytest.raises(CodecError):
        Webp(50).encode(np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(CodecError):
        Jpeg(50).encode(np.zeros((1, 65501, 3), np.uint8))
