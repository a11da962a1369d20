"""JPEG (ITU-T T.81 | ISO/IEC 10918-1), baseline or progressive, by libjpeg-turbo in Pillow.

Color is converted as in JFIF (BT.601, full range). With the default options the stream is that
of ``PIL.Image.save(format="JPEG", quality=q)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rdbench.codecs import pillow
from rdbench.codecs.base import Codec, Option, chroma_option

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_SUBSAMPLING: Final = {"420": "4:2:0", "444": "4:4:4"}


class Jpeg(Codec):
    """JPEG at libjpeg's quality 1 to 100 (libjpeg reads 0 as 1)."""

    name: ClassVar[str] = "jpeg"
    parameter: ClassVar[str] = "quality"
    ladder: ClassVar[tuple[float, ...]] = (5, 10, 15, 25, 35, 50, 65, 75, 85, 90, 95)
    point_range: ClassVar[tuple[float, float]] = (1, 100)
    integer_points: ClassVar[bool] = True
    longest_side: ClassVar[int | None] = 65500
    longest_side_is: ClassVar[str] = "libjpeg-turbo's limit; JPEG's is 65535"
    option_table: ClassVar = {
        "chroma": chroma_option("420"),
        "optimize": Option(
            False, "Huffman tables optimized for the image, instead of those of the standard"
        ),
        "progressive": Option(False, "progressive scans (always with optimized Huffman tables)"),
    }
    stream_suffix: ClassVar[str] = ".jpg"

    @classmethod
    def version(cls) -> str:
        return pillow.version("libjpeg-turbo", "libjpeg_turbo")

    def encode(self, image: Image) -> bytes:
        color = {"subsampling": _SUBSAMPLING[self.options["chroma"]]} if image.shape[2] > 1 else {}
        return pillow.save(
            image,
            "JPEG",
            quality=int(self.point),
            optimize=self.options["optimize"],
            progressive=self.options["progressive"],
            **color,
        )

    def decode(self, data: bytes) -> Image:
        return pillow.load(data, "JPEG", self.max_pixels)
