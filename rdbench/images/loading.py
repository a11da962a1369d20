"""Image files as arrays: 8 bit, gray or RGB, with a clear refusal of everything else. Samples are
taken as stored. Gamma (PNG gAMA) and color profiles are not applied: codecs are compared on the
stored samples, and after a conversion other programs would read a different image from the file.
The orientation in EXIF (or XMP) is applied, so that rows and columns are as displayed.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import PIL.Image

# Importing a plug-in registers its format; naming them spares the import of all the others.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from rdbench.errors import ImageError, UnsupportedImageError
from rdbench.files import read_file
from rdbench.formats.pillow import no_limit
from rdbench.images.damage import jpeg_damage
from rdbench.images.dataset import KINDS
from rdbench.images.headers import (
    JPEG_MAGIC,
    MOST_FRAMES,
    PNG_MAGIC,
    Samples,
    check_png,
    declared_samples,
    is_heif,
)
from rdbench.images.samples import dumas2018_geometry, luma
from rdbench.sample_format import MEASURED, SampleFormat
from rdbench.schema import one_line

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from rdbench.sample_format import Image

MAX_PIXELS: Final = 1_000_000_000
MOST_SCANNED: Final = 4 * MAX_PIXELS
"""Pixels over all scans of a JPEG file. Ten scans of 20000x20000 are as many."""

_FORMATS: Final = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF", "JPEG2000", "AVIF")
_READ_AS: Final = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
_REFUSED: Final = {
    "CMYK": "CMYK colors",
    "YCbCr": "YCbCr samples",
    "LAB": "L*a*b* colors",
}


def load_image(
    path: Path,
    *,
    color: str,
    geometry: str,
    trim: bool,
    formats: frozenset[SampleFormat] = MEASURED,
) -> Image:
    """The image in a file, as :meth:`rdbench.images.ImageRef.load` returns it."""
    image = read_image(path, formats)
    if geometry == "dumas2018":
        image = dumas2018_geometry(image, trim=trim)
    if color == "luma":
        image = luma(image)
    image = np.ascontiguousarray(image)
    image.flags.writeable = False
    return image


def read_image(path: Path, formats: frozenset[SampleFormat] = MEASURED) -> Image:
    """The samples of an image file: uint8, (height, width, channels), 1 or 3 channels, sRGB; of
    one of ``formats``.

    PNG, JPEG, TIFF, WebP, BMP, PPM, PGM, PBM, HEIC, AVIF, JPEG 2000 and GIF with up to 8 bits are
    read; palettes are expanded, samples of fewer bits are scaled to 0..255. If a JPEG file contains
    several pictures (CIPA DC-007), the first one, the photograph, is taken. Raises
    :class:`ImageError` for a file that is missing, damaged or not an image, and
    :class:`UnsupportedImageError` for one with alpha (even if opaque), with CMYK or other colors,
    with more than 8 bits, with several frames, or with over 10⁹ pixels.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise ImageError(f"image {str(path)!r} cannot be read: {error.strerror}") from None
    return decode_image(data, str(path), formats)


def decode_image(data: bytes, name: str, formats: frozenset[SampleFormat] = MEASURED) -> Image:
    """As :func:`read_image`, from the bytes of a file; messages call it ``name``."""
    if not data:
        raise ImageError(f"image {name!r}: the file is empty (0 bytes)")
    with _damage(name), no_limit(), warnings.catch_warnings(action="ignore"):
        declared = declared_samples(data)
        image = _opened(data, name, declared, formats)
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if data.startswith(JPEG_MAGIC) and (lost := jpeg_damage(data)):
            raise ImageError(
                f"image {name!r} is damaged: {lost}; if it looks right nevertheless, save it "
                f"again, e.g. with {imagemagick(name, '{}')}"
            )
    mode = "L" if declared.gray else _READ_AS[image.mode]
    samples: Image = np.asarray(image if image.mode == mode else image.convert(mode))
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    return np.ascontiguousarray(_oriented(samples, orientation))


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """Width and height from an image's header; nothing is decoded. Raises :class:`ImageError` as
    :func:`decode_image`."""
    with _damage(name), no_limit(), warnings.catch_warnings(action="ignore"):
        width, height = _opened(data, name, declared_samples(data), MEASURED).size
    return width, height


def _opened(
    data: bytes, name: str, samples: Samples, formats: frozenset[SampleFormat]
) -> ImageFile:
    """The image opened but not decoded, once it is known to be of a kind that is read."""
    deepest = max(form.depth for form in formats)
    if samples.bits > deepest or samples.kind:
        what = f"{samples.bits}-bit {samples.kind}samples"
        raise _refusal(name, what, "convert it to 8 bit", "{} -depth 8")
    if data.startswith(PNG_MAGIC):
        check_png(data)
    if samples.frames > 1:
        raise _frames(name, f"{samples.frames}{' or more' * (samples.frames == MOST_FRAMES)}")
    if samples.extra:
        raise _transparency(name)
    if samples.ycbcr:  # which some versions of Pillow take for RGB
        raise _refusal(name, _REFUSED["YCbCr"], "convert it to RGB", "{} -colorspace sRGB")
    known: tuple[str, ...] = _FORMATS
    if is_heif(data):
        import pillow_heif

        pillow_heif.register_heif_opener()
        known = (*_FORMATS, "HEIF")
    image = PIL.Image.open(io.BytesIO(data), formats=known)
    bits = image.info.get("bit_depth", 8)  # of HEIC, which pillow-heif reduces to 8
    if bits > deepest:
        raise _refusal(name, f"{bits}-bit samples", "convert it to 8 bit", "{} -depth 8")
    width, height = image.size
    if width * height > MAX_PIXELS:
        what = f"{width}x{height} is over {MAX_PIXELS:,} pixels"
        raise _refusal(name, what, "cut it into tiles", "{} -crop 8192x8192 +repage")
    if width * height * samples.scans > MOST_SCANNED:
        what = f"{samples.scans} scans of {width}x{height} are over {MOST_SCANNED:,} pixels"
        raise _refusal(name, what, "save it with one scan", "{} -interlace none")
    if image.format == "GIF" and getattr(image, "is_animated", False):  # counting reads all of it
        raise _frames(name, "several")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise _frames(name, str(frames))
    if image.has_transparency_data:
        raise _transparency(name)
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        what = "floating-point samples" if image.mode == "F" else "samples of over 8 bits"
        raise _refusal(name, what, "convert it to 8 bit", "{} -depth 8")
    if image.mode not in _READ_AS:
        what = _REFUSED.get(image.mode, f"colors of the kind {image.mode}")
        raise _refusal(name, what, "convert it to RGB", "{} -colorspace sRGB")
    return image


def _frames(name: str, count: str) -> UnsupportedImageError:
    return _refusal(name, f"{count} frames", "take one of them", "'{}[0]'")


def _transparency(name: str) -> UnsupportedImageError:
    what = "transparency (an alpha channel or a fourth one)"
    flatten = "{} -background white -alpha remove -alpha off"
    return _refusal(name, what, "flatten it onto a background", flatten)


def _refusal(name: str, what: str, advice: str, arguments: str) -> UnsupportedImageError:
    command = imagemagick(name, arguments)
    return UnsupportedImageError(f"image {name!r}: {what}: {advice} first, e.g. with {command}")


def imagemagick(name: str, arguments: str) -> str:
    """The ImageMagick command, for messages, that converts the image ``name`` to PNG with
    ``arguments``, in which ``{}`` stands for it."""
    command = f"magick {arguments.format('in' + Path(name).suffix)} out.png"
    return f"`{command}` (`convert` instead of `magick` with ImageMagick 6)"


@contextlib.contextmanager
def _damage(name: str) -> Iterator[None]:
    """Whatever a decoder raises, as an :class:`ImageError`; but for want of memory."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except PIL.UnidentifiedImageError:
        raise ImageError(
            f"image {name!r} is not an image that can be read ({KINDS}), or its header is damaged"
        ) from None
    except Exception as error:
        reason = one_line(str(error), 200) or type(error).__name__
        raise ImageError(f"image {name!r} is truncated or damaged: {reason}") from error


def _oriented(samples: Image, orientation: object) -> Image:
    """``samples`` as they are to be seen, by the Orientation tag (EXIF 2.32, 4.6.4)."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples
