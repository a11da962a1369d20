"""Pillow without its limit on the size of images; rdbench has limits of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import PIL.Image

# The limit is global to the process, so threads take turns; runs load images in processes.
_lock = threading.Lock()


@contextlib.contextmanager
def no_limit() -> Iterator[None]:
    """Let Pillow open images of any size within the ``with`` block. Its limit (179 megapixels) is
    meant for servers that accept files from strangers; photographs and scans exceed it."""
    with _lock:
        limit = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit
