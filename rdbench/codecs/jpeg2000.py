"""JPEG 2000 (ITU-T T.800 | ISO/IEC 15444-1) by OpenJPEG in Pillow.

One tile, one quality layer, six resolutions, 64×64 code blocks, LRCP, and the multiple component
transform for colour (ICT with 9/7, RCT with 5/3), as ``opj_compress`` has them. ``target=ratio``
is its ``-r``, ``target=psnr`` its ``-q``, and ``transform=9/7`` its ``-I``. Pillow uses one thread
and OpenJPEG's strict decoder, which refuses a truncated codestream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rdbench.codecs import pillow
from rdbench.codecs.base import Axis, Codec, Option

if TYPE_CHECKING:
    from rdbench.codecs.base import Image

_PSNR_AXIS = Axis("psnr", (24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44), low=1, high=100)


class Jpeg2000(Codec):
    """JPEG 2000 at a compression ratio (of raw 8-bit samples to file), or at a PSNR in dB that the
    encoder aims at in the domain of its own transform."""

    name: ClassVar[str] = "jpeg2000"
    parameter: ClassVar[str] = "ratio"
    ladder: ClassVar[tuple[float, ...]] = (240, 160, 120, 80, 60, 40, 30, 20, 15, 10, 6)
    point_range: ClassVar[tuple[float, float]] = (1, 10000)
    option_table: ClassVar = {
        "transform": Option(
            "9/7",
            "wavelet: 9/7 is irreversible, 5/3 reversible (and worse in PSNR at the same rate)",
            choices=("9/7", "5/3"),
            labelled=True,
        ),
        "target": Option(
            "ratio",
            "what a point is: a compression ratio, or a PSNR in dB",
            choices=("ratio", "psnr"),
        ),
        "container": Option(
            "jp2", "jp2 file, or the bare codestream (j2k, 85 bytes less)", choices=("jp2", "j2k")
        ),
    }
    stream_suffix: ClassVar[str] = ".jp2"

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        return _PSNR_AXIS if options["target"] == "psnr" else super().axis(options)

    @classmethod
    def version(cls) -> str:
        return pillow.version("OpenJPEG", "jpg_2000")

    def encode(self, image: Image) -> bytes:
        return pillow.save(
            image,
            "JPEG2000",
            quality_mode="dB" if self.options["target"] == "psnr" else "rates",
            quality_layers=[self.point],
            irreversible=self.options["transform"] == "9/7",
            mct=1,  # Pillow's default is to code RGB planes on their own
            no_jp2=self.options["container"] == "j2k",
        )

    def decode(self, data: bytes) -> Image:
        return pillow.load(data, "JPEG2000")
