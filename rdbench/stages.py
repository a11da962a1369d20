"""What a learned codec's time is made of: its transforms, and the entropy coding that is the rest.

A codec marks its transforms (:func:`transforming`); the harness, and nobody else, times them. What
CUDA was told to do and has not done yet is waited for at both ends of what is timed.
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
    """Do transforms inside: analysis and synthesis, with what moves samples and latents to a device
    and back. Hyperpriors and contexts decide probabilities, and are entropy coding.

    Returns:
        A context manager, which gives nothing.

    Raises:
        Nothing: what is raised inside passes through.
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
    """The seconds of each transform inside; none where the codec marks none."""
    global _seconds
    found: list[float] = []
    _seconds = found
    try:
        yield found
    finally:
        _seconds = None


def synchronize() -> None:
    """Wait until CUDA has done what it was told, where torch uses it in this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
