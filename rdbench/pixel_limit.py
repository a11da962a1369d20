"""How large a picture decoders make: a stream of forty bytes may declare one of gigabytes."""

from __future__ import annotations

from typing import Final

from rdbench.errors import BitstreamError

MOST_PIXELS: Final = 1 << 26
"""What decoders take where nobody says how large the original is: 8192×8192, more than the images
of any known dataset have."""


def check_size(width: int, height: int, most: int) -> None:
    """Raise :class:`BitstreamError` for a declared picture of more than ``most`` pixels."""
    if width * height > most:
        raise BitstreamError(
            f"the stream declares a picture of {width}x{height}, more than the {most:,} pixels "
            "that are taken here; decode it with a larger `max_pixels` if it is meant"
        )
