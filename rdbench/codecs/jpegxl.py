"""JPEG XL lossy (ISO/IEC 18181-1, VarDCT in XYB) by libjxl in imagecodecs.

The stream is a bare codestream. Gray images are coded as gray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import imagecodecs
import numpy as np

from rdbench.codecs.base import Codec, Option, threads_option
from rdbench.errors import BitstreamError, CodecError
from rdbench.formats import jpegxl_size
from rdbench.sample_format import checked
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image


class JpegXl(Codec):
    """JPEG XL at a Butteraugli distance: 1 is meant to be visually lossless, smaller is better.
    0.01 is the smallest that libjxl's lossy mode distinguishes."""

    name: ClassVar[str] = "jpegxl"
    parameter: ClassVar[str] = "distance"
    ladder: ClassVar[tuple[float, ...]] = (15, 10, 7, 5, 3.5, 2.5, 1.7, 1.2, 0.8, 0.5, 0.3)
    point_range: ClassVar[tuple[float, float]] = (0.01, 25)
    option_table: ClassVar = {
        "effort": Option(7, "effort, from 1 (fastest) to 10", low=1, high=10, effort=True),
        "threads": threads_option(),
    }
    stream_suffix: ClassVar[str] = ".jxl"

    @classmethod
    def version(cls) -> str:
        library = imagecodecs.jpegxl_version().replace("-", " ")
        return f"{library} (imagecodecs {imagecodecs.__version__})"

    def encode(self, image: Image) -> bytes:
        try:
            data = imagecodecs.jpegxl_encode(
                np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image),
                distance=self.point,
                lossless=False,
                effort=self.options["effort"],
                usecontainer=False,
                numthreads=self.options["threads"],
            )
        except (RuntimeError, ValueError) as error:
            raise CodecError(f"JPEG XL encoder: {one_line(str(error), 200)}") from error
        return bytes(data)

    def decode(self, data: bytes) -> Image:
        self.check_size(*jpegxl_size(data))
        try:
            samples = imagecodecs.jpegxl_decode(data, numthreads=self.options["threads"])
        except (RuntimeError, ValueError) as error:
            raise BitstreamError(f"JPEG XL decoder: {one_line(str(error), 200)}") from error
        image = samples[:, :, None] if samples.ndim == 2 else samples
        try:
            return checked(image)
        except ValueError as error:
            raise BitstreamError(f"JPEG XL stream with unexpected samples: {error}") from error
