"""What colour and format conversions cost before anything is coded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdbench import metrics

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.sample_format import Image


def conversion_db(codec: Codec, image: Image) -> float | None:
    """PSNR in dB of ``image`` after the codec's conversions alone, forth and back: the ceiling of
    what it can reach. None where rdbench makes no conversion for this codec."""
    converted = codec.converted(image)
    return None if converted is None else metrics.psnr(image, converted)
