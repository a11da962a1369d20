"""Test material for codecs and metrics: photographs, small pictures of odd sizes, invalid streams,
and degraded versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rdbench.sample_format import Image

SIZES: Final = ((1, 1), (1, 17), (17, 33), (33, 17), (64, 64), (161, 163))
"""Heights and widths: the smallest, sides under and over powers of two, and sides just above the
160 pixels from which MS-SSIM is defined."""

_MAGIC: Final = {
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "JP2": b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    "J2K": b"\xff\x4f\xff\x51",
    "WebP": b"RIFF\x2c\x01\x00\x00WEBPVP8 ",
    "AVIF": b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1",
    "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    "JPEG XL": b"\xff\x0a",
    "BPG": b"BPG\xfb",
}


def photograph(channels: int) -> Image:
    """A crop of a photograph from scikit-image's wheel: uint8, (192, 256, ``channels``)."""
    from skimage import data

    photo: Image = (
        data.chelsea()[20:212, 80:336] if channels == 3 else data.camera()[60:252, 90:346]
    )
    return np.ascontiguousarray(photo.reshape(192, 256, channels))


def small_pictures(channels: int) -> list[Image]:
    """A picture for each of :data:`SIZES`, cut out of the photograph."""
    photo = photograph(channels)
    return [np.ascontiguousarray(photo[:height, :width]) for height, width in SIZES]


def picture(channels: int, height: int, width: int) -> Image:
    """The top left of the photograph, reflected at its borders where it is too small."""
    photo = photograph(channels)
    below, right = max(0, height - photo.shape[0]), max(0, width - photo.shape[1])
    padded = np.pad(photo, ((0, below), (0, right), (0, 0)), mode="reflect")
    return np.ascontiguousarray(padded[:height, :width])


def noisy(image: Image, sigma: float) -> Image:
    """``image`` with Gaussian noise, always the same, of a standard deviation of ``sigma``."""
    noise = np.random.default_rng(1).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def compressed(image: Image, quality: int) -> Image:
    """``image`` as it comes back from the JPEG of OpenCV."""
    import cv2

    coded = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    found = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.ascontiguousarray(found.reshape(image.shape)[:, :, ::-1], np.uint8)


def cuts(stream: bytes) -> dict[str, bytes]:
    """Truncations of ``stream`` by what is left of them, down to the last byte missing."""
    length = len(stream)
    kept = {1, 8, length // 4, length // 2, 3 * length // 4, length - 16, length - 2, length - 1}
    return {
        f"{left} of {length} bytes": stream[:left] for left in sorted(kept) if 0 < left < length
    }


def foreign_streams() -> dict[str, bytes]:
    """Bytes that no codec should accept: noise, alone and after the first bytes of known
    formats."""
    noise = np.random.default_rng(1).bytes(1000)
    return {
        "noise": noise,
        "zeros": bytes(1000),
        "text": b"this is not an image\n" * 20,
        **{f"{name} header and noise": magic + noise[:300] for name, magic in _MAGIC.items()},
    }
