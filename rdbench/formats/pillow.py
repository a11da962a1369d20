"""Pillow without its limit on the size of images, in whose place stand limits of rdbench's own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import PIL.Image

# The limit is global to the process, so threads take turns; runs load images in processes.
_lock = threading.Lock()


@contextlib.contextmanager
def no_limit() -> Iterator[None]:
    """Have Pillow open images of any size. Its limit (179 megapixels) is for servers that take
    files from strangers; photographs and scans exceed it."""
    with _lock:
        limit = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit
