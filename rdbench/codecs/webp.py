"""WebP lossy (VP8 key frame, RFC 6386 and RFC 9649) by libwebp in imagecodecs.

The stream is that of ``PIL.Image.save(format="WEBP", quality=q)`` with the same libwebp. WebP is
always 4:2:0 in BT.601 limited range, which limits its PSNR, and has no gray images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import imagecodecs
import numpy as np

from rdbench.codecs.base import Codec, Option, threads_option
from rdbench.errors import BitstreamError, CodecError
from rdbench.formats import webp_size
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image


class Webp(Codec):
    """WebP lossy at libwebp's quality 0 to 100, including fractions."""

    name: ClassVar[str] = "webp"
    parameter: ClassVar[str] = "quality"
    ladder: ClassVar[tuple[float, ...]] = (5, 15, 25, 35, 50, 65, 75, 85, 90, 95)
    point_range: ClassVar[tuple[float, float]] = (0, 100)
    longest_side: ClassVar[int | None] = 16382
    longest_side_is: ClassVar[str] = "imagecodecs' limit; WebP's is 16383"
    option_table: ClassVar = {
        "method": Option(4, "effort, from 0 (fastest) to 6", low=0, high=6, effort=True),
        "threads": threads_option(),
    }
    channels: ClassVar[frozenset[int]] = frozenset({3})
    stream_suffix: ClassVar[str] = ".webp"

    @classmethod
    def version(cls) -> str:
        library = imagecodecs.webp_version().replace("-", " ")
        return f"{library} (imagecodecs {imagecodecs.__version__})"

    def encode(self, image: Image) -> bytes:
        try:
            data = imagecodecs.webp_encode(
                np.ascontiguousarray(image),
                level=self.point,
                lossless=False,
                method=self.options["method"],
                numthreads=self.options["threads"],
            )
        except (RuntimeError, ValueError) as error:
            raise CodecError(f"WebP encoder: {one_line(str(error), 200)}") from error
        return bytes(data)

    def decode(self, data: bytes) -> Image:
        self.check_size(*webp_size(data))
        try:
            image: Image = imagecodecs.webp_decode(data)
        except (RuntimeError, ValueError) as error:
            raise BitstreamError(f"WebP decoder: {one_line(str(error), 200)}") from error
        if image.ndim != 3 or image.shape[2] != 3:
            raise BitstreamError(f"WebP stream of shape {image.shape}, where RGB is expected")
        return image
