"""HEVC still image (ITU-T H.265 in HEIF, ISO/IEC 23008-12) by x265, through pillow-heif.

The point is the real QP of the one I-frame: the stream is coded at a constant QP, and x265's
``ipratio`` is 1, whereas x265 and programs that call it (bpgenc, heif-enc) would code the frame at
QP − 3. Bytes of the HEIF container are counted, some 400 of them. Color is converted by libheif
(BT.601, full range) with 8 or 10 bits of intermediate precision.

libheif enables x265's psychovisual optimizations (psy-rd 1) for any tune, and x265 then also raises
the chroma QP of 4:4:4 by 6. ``tune=psnr`` disables them, which gains 1.1 dB for 12 to 15 % of rate
on kodim23 at 4:4:4; ``tune=ssim`` is libheif's own default. Wavefronts are off: they cost up to 1 %
of rate, and there is one thread.

For 4:2:0, libheif takes means of 2x2 samples, and repeats them to decode: chroma is centered. The
stream declares it (chroma_sample_loc_type 1); without a declaration, it would mean left.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pillow_heif

from rdbench.codecs.base import Codec, Option, chroma_option
from rdbench.errors import BitstreamError, CodecError
from rdbench.schema import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdbench.sample_format import Image

_FIXED: Final = {
    "x265:ipratio": "1.0",
    "x265:pools": "none",
    "x265:frame-threads": 1,
    "x265:wpp": 0,
}
_CENTERED_CHROMA: Final = {"x265:chromaloc": 1}
_NO_PSYCHOVISUAL: Final = {"x265:psy-rd": 0, "x265:psy-rdoq": 0}
_FAILURES: Final = (ValueError, EOFError, SyntaxError, RuntimeError, OSError, IndexError)
"""What pillow-heif's documentation names as raised by its own functions, and what it raises for a
file without a picture."""


class Hevc(Codec):
    """HEVC intra at QP 0 to 51; a single channel is coded as 4:0:0."""

    name: ClassVar[str] = "hevc"
    parameter: ClassVar[str] = "qp"
    ladder: ClassVar[tuple[float, ...]] = (47, 42, 37, 32, 27, 22, 17)
    point_range: ClassVar[tuple[float, float]] = (0, 51)
    integer_points: ClassVar[bool] = True
    option_table: ClassVar = {
        "chroma": chroma_option("420"),
        "preset": Option(
            "slow",
            "x265's effort",
            choices=(
                "ultrafast",
                "superfast",
                "veryfast",
                "faster",
                "fast",
                "medium",
                "slow",
                "slower",
                "veryslow",
                "placebo",
            ),
            effort=True,
        ),
        "tune": Option(
            "psnr",
            "psnr, or with psychovisual optimizations: ssim (libheif's default) or grain",
            choices=("psnr", "ssim", "grain"),
        ),
        "depth": Option(8, "bits per sample inside the codec", choices=(8, 10)),
    }
    stream_suffix: ClassVar[str] = ".heic"

    @classmethod
    def version(cls) -> str:
        library = pillow_heif.libheif_info()
        encoder = library["encoders"]["x265"].removeprefix("x265 HEVC encoder ").strip("()")
        decoder = library["decoders"]["libde265"].rpartition(" ")[2]
        return (
            f"x265 {encoder}, libde265 {decoder}, libheif {library['libheif']} "
            f"(pillow-heif {pillow_heif.__version__})"
        )

    @classmethod
    def provenance(cls, options: Mapping[str, Any], points: Sequence[float]) -> dict[str, Any]:  # noqa: ARG003
        """What its streams declare besides the options: the siting of 4:2:0."""
        return {"parameters": siting} if (siting := cls._siting(options)) else {}

    @staticmethod
    def _siting(options: Mapping[str, Any]) -> dict[str, int]:
        return _CENTERED_CHROMA if options["chroma"] == "420" else {}

    def encode(self, image: Image) -> bytes:
        height, width, channels = image.shape
        depth = self.options["depth"]
        settings: dict[str, Any] = {"bit_depth": depth}
        parameters = {
            "preset": self.options["preset"],
            "tune": self.options["tune"],
            "x265:qp": int(self.point),
            **_FIXED,
            **(_NO_PSYCHOVISUAL if self.options["tune"] == "psnr" else {}),
        }
        if channels == 3:
            settings["chroma"] = int(self.options["chroma"])
            parameters |= self._siting(self.options)
        mode = ("L" if channels == 1 else "RGB") + (f";{depth}" if depth > 8 else "")
        stream = io.BytesIO()
        try:
            pillow_heif.encode(
                mode,
                (width, height),
                _to_depth(image, depth).tobytes(),
                stream,
                quality=None,
                enc_params=parameters,
                **settings,
            )
        except _FAILURES as error:
            raise CodecError(f"HEVC encoder: {one_line(str(error), 200)}") from error
        return stream.getvalue()

    def decode(self, data: bytes) -> Image:
        # pillow-heif takes the decoder's threads from nowhere else; four is its default.
        pillow_heif.options.DECODE_THREADS = 1
        try:
            picture = pillow_heif.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
            self.check_size(*picture.size)
            samples = np.array(picture)
            depth = picture.info["bit_depth"]
        except _FAILURES as error:
            raise BitstreamError(f"HEVC decoder: {one_line(str(error), 200)}") from error
        self.check_size(samples.shape[1], samples.shape[0])  # which may not be what it declares
        image = samples[:, :, None] if samples.ndim == 2 else samples
        if image.ndim != 3 or image.shape[2] not in (1, 3):
            raise BitstreamError(
                f"HEVC stream of shape {image.shape}, where gray or RGB is expected"
            )
        return _to_8_bits(image, depth)


def _to_depth(image: Image, depth: int) -> NDArray[np.uint8 | np.uint16]:
    if depth == 8:
        return image
    deep: NDArray[np.uint16] = np.rint(image * ((2**depth - 1) / 255)).astype("<u2")
    return deep


def _to_8_bits(samples: NDArray[np.uint8 | np.uint16], depth: int) -> Image:
    scaled = samples if depth == 8 else np.rint(samples * (255 / (2**depth - 1)))
    image: Image = np.ascontiguousarray(scaled, dtype=np.uint8)
    return image
