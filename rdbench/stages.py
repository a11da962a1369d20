"""Parts of a learned codec's time: its transforms, and entropy coding, which is the rest. A codec
marks its transforms (:func:`transforming`); only the harness times them. Pending CUDA work is
completed at both ends of the timed part.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_seconds: list[float] | None = None
"""Of the transforms so far, while somebody times them."""


@contextmanager
def transforming() -> Iterator[None]:
    """Marks transforms: analysis and synthesis, including copies of samples and latents to a device
    and back. Hyperpriors and contexts determine probabilities, so they belong to entropy coding.

    Returns:
        A context manager without a value.

    Raises:
        Nothing: errors inside pass through.
    """
    if _seconds is None:
        yield
        return
    synchronize()
    start = time.perf_counter()
    try:
        yield
    finally:
        synchronize()
        _seconds.append(time.perf_counter() - start)


@contextmanager
def timing_transforms() -> Iterator[list[float]]:
    """The seconds of each transform inside; empty if the codec marks none."""
    global _seconds
    found: list[float] = []
    _seconds = found
    try:
        yield found
    finally:
        _seconds = None


def synchronize() -> None:
    """Wait for pending CUDA work, if torch uses CUDA in this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
