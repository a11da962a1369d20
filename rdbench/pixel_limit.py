"""The largest picture that decoders accept: a stream of forty bytes may declare one of
gigabytes."""

from __future__ import annotations

from typing import Final

from rdbench.errors import BitstreamError

MOST_PIXELS: Final = 1 << 26
"""The limit if the size of the original is unknown: 8192×8192, more than any image of a known
dataset."""


def check_size(width: int, height: int, most: int) -> None:
    """Raise :class:`BitstreamError` for a declared picture of more than ``most`` pixels."""
    if width * height > most:
        raise BitstreamError(
            f"the stream declares a picture of {width}x{height}, more than the limit of {most:,} "
            "pixels; if that is intended, decode it with a larger `max_pixels`"
        )
