"""Checks of what plug-ins return. NumPy and torch scalars become Python numbers; anything that
violates the contract is refused, with who returned what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rdbench.errors import RdbenchError
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image


def number(value: object, who: str) -> float:
    """A Python, NumPy or torch scalar as a float, which may be infinite.

    Raises :class:`RdbenchError` for anything else and for NaN, with ``who`` ("score") returned it.
    """
    found = value
    if getattr(value, "ndim", 0) == 0 and callable(item := getattr(value, "item", None)):
        found = item()
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise RdbenchError(f"{who} returned {described(value)}, where a number is needed")
    if math.isnan(found):
        raise RdbenchError(f"{who} returned NaN")
    return float(found)


def bits(value: object, who: str = "estimated_bits") -> float | None:
    """The result of ``estimated_bits``: a number of at least 0, or None."""
    if value is None:
        return None
    found = number(value, who)
    if not 0 <= found < math.inf:
        raise RdbenchError(
            f"{who} returned {found:g}, where a finite number of at least 0 is needed"
        )
    return found


def payload(value: object, size_bytes: int, who: str = "payload_bytes") -> int | None:
    """The result of ``payload_bytes`` for a stream of ``size_bytes``: a whole number from 0 to
    that, or None."""
    if value is None:
        return None
    found = number(value, who)
    if hasattr(value, "dtype"):
        value = getattr(value, "item", lambda: value)()
    if not isinstance(value, int) or not 0 <= found <= size_bytes:
        raise RdbenchError(
            f"{who} returned {described(value)}, where a whole number from 0 to the "
            f"{size_bytes} bytes of the stream is needed"
        )
    return int(found)


def stream(value: object, who: str = "encode") -> bytes:
    """The result of ``encode``: bytes."""
    if not isinstance(value, bytes):
        raise RdbenchError(f"{who} returned {type(value).__name__}, not bytes")
    return value


def image(value: object, original: Image, who: str = "decode") -> Image:
    """The result of ``decode``: an array of the original's shape and dtype."""
    import numpy as np

    if not isinstance(value, np.ndarray):
        raise RdbenchError(f"{who} returned {type(value).__name__}, not a NumPy array")
    if value.dtype != original.dtype:
        raise RdbenchError(f"{who} returned {value.dtype} samples, not {original.dtype}")
    if value.shape != original.shape:
        raise RdbenchError(f"{who} returned shape {value.shape}, but the image is {original.shape}")
    return value


def described(value: object) -> str:
    """An unexpected value, in a few words."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    return f"{one_line(repr(value), 60)} ({type(value).__name__})"
