"""PNG (ISO/IEC 15948), the lossless reference, by Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rdbench.codecs import pillow
from rdbench.codecs.base import Codec
from rdbench.errors import BitstreamError

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_END: Final = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82"


class Png(Codec):
    """PNG at an effort of deflate, which is the point, since nothing else changes the rate."""

    name: ClassVar[str] = "png"
    parameter: ClassVar[str] = "level"
    ladder: ClassVar[tuple[float, ...]] = (9,)
    point_range: ClassVar[tuple[float, float]] = (0, 9)
    integer_points: ClassVar[bool] = True
    lossless: ClassVar[bool] = True
    stream_suffix: ClassVar[str] = ".png"

    @classmethod
    def version(cls) -> str:
        return pillow.version("zlib-ng", "zlib_ng")

    def encode(self, image: Image) -> bytes:
        return pillow.save(image, "PNG", compress_level=int(self.point))

    def decode(self, data: bytes) -> Image:
        # Pillow is content as soon as it has all rows, and would not miss the end.
        if not data.endswith(_END):
            raise BitstreamError("PNG stream without its IEND chunk at the end")
        return pillow.load(data, "PNG", self.max_pixels)
