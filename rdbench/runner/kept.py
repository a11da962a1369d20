"""Streams and decoded images that a run keeps: where they are, how they are written and read."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rdbench.errors import RdbenchError
from rdbench.files import read_file, write_error
from rdbench.images import ImageRef, pixel_sha256
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.experiment import Task
    from rdbench.sample_format import Image


def place(kind: str, task: Task, suffix: str) -> str:
    """Where the stream or decoded image (``kind``) of a task is kept within the run directory:
    kind/label/point/image, in names that any system takes."""
    image = image_slug(task.image)
    if task.repeat:
        image += f".repeat{task.repeat}"
    return f"{kind}/{slug(task.codec.label)}/{slug(point_text(task.point))}/{image}{suffix}"


def image_slug(ref: ImageRef) -> str:
    """The stem of the names of an image's kept files, without repeats."""
    return slug(f"{ref.dataset}-{ref.name}")


def slug(text: str) -> str:
    """``text`` as a file name of letters, digits, dots, dashes and underscores; if other characters
    had to be removed, a hash keeps it distinct."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")
    if plain and plain == text and len(plain) <= 100:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{plain[:100]}-{digest[:6]}"


def inside(out: Path, name: str) -> Path:
    """The file ``name`` of a run directory. Raises :class:`RdbenchError` where that is gone: it is
    not made anew for what is kept."""
    if not out.is_dir():
        raise RdbenchError(f"{str(out)!r} was moved or removed while it was being written")
    return out / name


def write(path: Path, data: bytes) -> None:
    """Write a file, or nothing of it. Raises :class:`RdbenchError` where the file system
    refuses it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise write_error(path, error) from error


def write_image(path: Path, pixels: Image) -> None:
    """Write an image, gray or RGB, losslessly: as PNG, or as WebP if that is its suffix."""
    import cv2

    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if path.suffix == ".webp" else []
    if pixels.shape[2] == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(path.suffix, pixels, lossless)
    if not done:
        raise RdbenchError(f"cannot write {str(path)!r} as {path.suffix[1:].upper()}")
    write(path, data.tobytes())


def read_stream(path: Path, sha256: str | None) -> bytes:
    """A kept stream. Raises :class:`RdbenchError` if it is gone or has changed."""
    try:
        data = read_file(path)
    except OSError as error:
        raise RdbenchError(f"kept stream {str(path)!r}: {error.strerror}") from None
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise RdbenchError(f"kept stream {str(path)!r} is not what was measured, by its SHA-256")
    return data


def read_png(path: Path, sha256: str | None) -> Image:
    """A kept decoded image. Raises :class:`RdbenchError` if it is gone, damaged or has changed."""
    from rdbench.images.loading import read_image

    try:
        pixels = read_image(path)
    except RdbenchError as error:
        raise RdbenchError(f"kept {error}") from None
    if sha256 and pixel_sha256(pixels) != sha256:
        raise RdbenchError(f"kept image {str(path)!r} is not what was measured, by its SHA-256")
    return pixels
