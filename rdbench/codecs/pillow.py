"""Helpers for the codecs in Pillow: arrays to files in memory and back."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
import PIL.Image
from PIL import features

from rdbench.errors import BitstreamError, CodecError
from rdbench.formats.pillow import no_limit
from rdbench.pixel_limit import check_size
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image


def save(image: Image, file_format: str, **settings: Any) -> bytes:
    """The file of ``image``, uint8 (height, width, 1 or 3), in Pillow's ``file_format``.

    One channel is written as mode L, so no chroma is coded. Raises :class:`CodecError` where
    Pillow or the library behind it refuses.
    """
    samples = image[:, :, 0] if image.shape[2] == 1 else image
    stream = io.BytesIO()
    try:
        PIL.Image.fromarray(samples).save(stream, file_format, **settings)
    except (OSError, ValueError, SystemError) as error:
        raise CodecError(f"{file_format} encoder: {one_line(str(error), 200)}") from error
    return stream.getvalue()


def load(data: bytes, file_format: str, max_pixels: int) -> Image:
    """The inverse of :func:`save`: uint8, (height, width, 1 or 3).

    Raises :class:`BitstreamError` for anything but a whole file of this format with gray or RGB
    samples of 8 bits, and of at most ``max_pixels``.
    """
    try:
        with (
            no_limit(),
            PIL.Image.open(io.BytesIO(data), formats=[file_format]) as picture,
        ):
            check_size(*picture.size, max_pixels)
            picture.load()
            mode, samples = picture.mode, np.array(picture)
    except PIL.UnidentifiedImageError:
        raise BitstreamError(f"not a readable {file_format} stream ({len(data)} bytes)") from None
    except (
        OSError,
        SyntaxError,  # how Pillow's plugins report damage
        ValueError,
        EOFError,
        IndexError,
        OverflowError,
        RuntimeError,  # of libavif
        struct.error,
    ) as error:
        raise BitstreamError(f"{file_format} decoder: {one_line(str(error), 200)}") from error
    if mode not in ("L", "RGB"):
        raise BitstreamError(f"{file_format} stream of mode {mode}, where L or RGB is expected")
    return samples.reshape(*samples.shape[:2], -1)


def version(library: str, feature: str) -> str:
    """``library`` with the version that Pillow was built with, and Pillow's own:
    ``"libjpeg-turbo 3.1.2 (Pillow 13.0.0)"``."""
    found = features.version(feature)
    return f"{library} {found or 'of unknown version'} (Pillow {PIL.__version__})"
