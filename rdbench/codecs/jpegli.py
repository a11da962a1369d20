"""JPEG (ITU-T T.81 | ISO/IEC 10918-1) by jpegli in pyjpegli, which lets only the quality be set:
chroma is 4:2:0. The decoder accepts streams without their last marker; here they are refused.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import pyjpegli

from rdbench.codecs.base import Codec
from rdbench.errors import BitstreamError, CodecError
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_END_OF_IMAGE: Final = b"\xff\xd9"


class Jpegli(Codec):
    """JPEG by jpegli at a quality of 1 to 100, similar to libjpeg's."""

    name: ClassVar[str] = "jpegli"
    parameter: ClassVar[str] = "quality"
    ladder: ClassVar[tuple[float, ...]] = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
    point_range: ClassVar[tuple[float, float]] = (1, 100)
    integer_points: ClassVar[bool] = True
    longest_side: ClassVar[int | None] = 65500
    longest_side_is: ClassVar[str] = "libjpeg-turbo's limit; JPEG's is 65535"
    channels: ClassVar[frozenset[int]] = frozenset({3})
    stream_suffix: ClassVar[str] = ".jpg"

    @classmethod
    def version(cls) -> str:
        return f"jpegli in pyjpegli {metadata.version('pyjpegli')}"

    def encode(self, image: Image) -> bytes:
        height, width, _ = image.shape
        try:
            return bytes(
                pyjpegli.encode(np.ascontiguousarray(image), width, height, int(self.point))
            )
        except (RuntimeError, ValueError) as error:
            raise CodecError(f"jpegli's encoder: {one_line(str(error), 200)}") from error

    def decode(self, data: bytes) -> Image:
        if not data.endswith(_END_OF_IMAGE):
            raise BitstreamError("JPEG stream without its last marker, so it is truncated")
        try:
            samples, width, height = pyjpegli.decode(data, max_pixels=self.max_pixels)
        except (RuntimeError, ValueError) as error:
            raise BitstreamError(f"jpegli's decoder: {one_line(str(error), 200)}") from error
        return np.frombuffer(samples, np.uint8).reshape(height, width, 3)
