"""What codecs are tried on: photographs, small pictures of odd sizes, and streams of no codec."""

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


def cuts(stream: bytes) -> dict[str, bytes]:
    """Truncations of ``stream`` by what is left of them, down to the last byte missing."""
    length = len(stream)
    kept = {1, 8, length // 4, length // 2, 3 * length // 4, length - 16, length - 2, length - 1}
    return {
        f"{left} of {length} bytes": stream[:left] for left in sorted(kept) if 0 < left < length
    }


def foreign_streams() -> dict[str, bytes]:
    """Bytes that no codec should take: noise, bare and behind the first bytes of known formats."""
    noise = np.random.default_rng(1).bytes(1000)
    return {
        "noise": noise,
        "zeros": bytes(1000),
        "text": b"this is not an image\n" * 20,
        **{f"{name} header and noise": magic + noise[:300] for name, magic in _MAGIC.items()},
    }
