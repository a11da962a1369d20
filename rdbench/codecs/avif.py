"""AVIF (AV1 Image File Format 1.1), 8 bits, by libaom through libavif in Pillow.

Note for careful comparisons: by default, libavif tunes libaom for a visual metric (IQ), which costs
4 % of rate at equal PSNR and up to 1.5 dB at equal quality settings; rdbench measures PSNR and
MS-SSIM and tunes for PSNR by default. Speed 4 saves 7 % of rate over Pillow's default of 6; speed 2
saves another 2 % in three times the time. (Crops of six Kodak photographs, libaom 3.14.1.) Color is
converted by libavif (BT.601, full range), in Pillow's build by libyuv, whose approximation limits
4:4:4 to some 49 dB, while a rounded conversion reaches 53. Tiles are not used, since they would
depend on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rdbench.codecs import pillow
from rdbench.codecs.base import Codec, Option, chroma_option

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_SUBSAMPLING: Final = {"420": "4:2:0", "444": "4:4:4"}


class Avif(Codec):
    """AVIF at libavif's quality 0 to 100; a single channel is coded as 4:0:0."""

    name: ClassVar[str] = "avif"
    parameter: ClassVar[str] = "quality"
    ladder: ClassVar[tuple[float, ...]] = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
    point_range: ClassVar[tuple[float, float]] = (0, 100)
    integer_points: ClassVar[bool] = True
    longest_side: ClassVar[int | None] = 32768
    longest_side_is: ClassVar[str] = "the limit of libavif's decoder; AV1's is 65536"
    option_table: ClassVar = {
        "chroma": chroma_option("420"),
        "speed": Option(4, "effort, from 0 (slowest) to 10", low=0, high=10, effort=True),
        "tune": Option(
            "psnr",
            "the metric that libaom optimizes; iq is libavif's default",
            choices=("psnr", "ssim", "iq"),
        ),
        "threads": Option(
            1,
            "threads of the encoder and the decoder; more than one changes the stream",
            low=1,
            high=64,
        ),
    }
    stream_suffix: ClassVar[str] = ".avif"

    @classmethod
    def version(cls) -> str:
        from PIL import AvifImagePlugin

        aom, dav1d = (AvifImagePlugin.get_codec_version(name) for name in ("aom", "dav1d"))
        return f"libaom {aom}, dav1d {dav1d}, {pillow.version('libavif', 'avif')}"

    def encode(self, image: Image) -> bytes:
        color = image.shape[2] > 1
        return pillow.save(
            image,
            "AVIF",
            quality=int(self.point),
            subsampling=_SUBSAMPLING[self.options["chroma"]] if color else "4:0:0",
            speed=self.options["speed"],
            codec="aom",
            range="full",
            autotiling=False,
            max_threads=self.options["threads"],
            advanced={"tune": self.options["tune"]},
        )

    def decode(self, data: bytes) -> Image:
        from PIL import AvifImagePlugin

        # Pillow takes the decoder's threads from nowhere else; all cores is its default.
        AvifImagePlugin.DEFAULT_MAX_THREADS = self.options["threads"]
        return pillow.load(data, "AVIF", self.max_pixels)
