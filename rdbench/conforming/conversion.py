"""The loss of color and format conversions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdbench import metrics, returned

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.sample_format import Image


def conversion_db(codec: Codec, image: Image, who: str = "converted") -> float | None:
    """PSNR in dB of ``image`` after the codec's conversions alone, there and back: the ceiling of
    what it can reach. None if rdbench makes no conversion for this codec.

    Raises :class:`rdbench.RdbenchError` if ``who`` did not return such an image."""
    converted = codec.converted(image)
    return None if converted is None else metrics.psnr(image, returned.image(converted, image, who))
