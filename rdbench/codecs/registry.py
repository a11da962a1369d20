"""The table of codecs. Listing it imports no backend.

A codec is found by its name in the table below, through the entry-point group
``rdbench.codecs`` of an installed package, or as ``path/to/file.py:Class``.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Final

from rdbench.codecs.base import Codec, CodecEntry
from rdbench.errors import MissingBackendError, UsageError, unknown
from rdbench.schema import one_line

ENTRY_POINT_GROUP: Final = "rdbench.codecs"

_PILLOW: Final = "pip install pillow"
_IMAGECODECS: Final = "pip install imagecodecs"
_PILLOW_HEIF: Final = "pip install pillow-heif"

_BUILT_IN: Final = (
    CodecEntry("jpeg", "rdbench.codecs.jpeg:Jpeg", "JPEG, libjpeg-turbo in Pillow", _PILLOW),
    CodecEntry(
        "jpeg2000",
        "rdbench.codecs.jpeg2000:Jpeg2000",
        "JPEG 2000, OpenJPEG by glymur",
        "pip install glymur pillow",
    ),
    CodecEntry(
        "webp", "rdbench.codecs.webp:Webp", "WebP lossy, libwebp in imagecodecs", _IMAGECODECS
    ),
    CodecEntry("avif", "rdbench.codecs.avif:Avif", "AV1 still image, libaom in Pillow", _PILLOW),
    CodecEntry(
        "hevc", "rdbench.codecs.hevc:Hevc", "HEVC still image, x265 in pillow-heif", _PILLOW_HEIF
    ),
    CodecEntry(
        "jpegxl", "rdbench.codecs.jpegxl:JpegXl", "JPEG XL, libjxl in imagecodecs", _IMAGECODECS
    ),
    CodecEntry("png", "rdbench.codecs.png:Png", "PNG, the lossless reference, Pillow", _PILLOW),
)


def entries() -> dict[str, CodecEntry]:
    """All codecs that have a name, built in or offered by installed packages."""
    return {entry.name: entry for entry in (*_BUILT_IN, *_installed())}


@functools.cache
def _installed() -> tuple[CodecEntry, ...]:
    from importlib.metadata import entry_points

    return tuple(
        CodecEntry(
            point.name,
            point.value,
            f"from the package {point.dist.name}" if point.dist else "",
        )
        for point in entry_points(group=ENTRY_POINT_GROUP)
    )


def load(name: str) -> type[Codec]:
    """The class of the codec ``name``, or of ``path/to/file.py:Class``.

    Raises :class:`UsageError` for an unknown name (with those near it) or a file without such a
    class, and :class:`MissingBackendError` with what to install.
    """
    file, _, class_name = name.rpartition(":")
    if file.endswith(".py"):
        return _checked(_from_file(Path(file)), class_name, name)
    known = entries()
    if name not in known:
        raise unknown("codec", name, known, hint="a codec of your own is named FILE.py:Class")
    entry = known[name]
    module_name, _, class_name = entry.target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        install = entry.install or "reinstall the package that offers it"
        raise MissingBackendError(
            f"codec {name!r} cannot be loaded ({one_line(str(error), 200)}); {install}"
        ) from error
    return _checked(module, class_name, name)


def _from_file(path: Path) -> object:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UsageError(f"codec file {str(path)!r}: {error.strerror}") from None
    # Named by content and place, so that two files with one name do not meet in sys.modules.
    digest = hashlib.sha256(str(path.resolve()).encode() + source).hexdigest()[:16]
    module_name = f"rdbench_codec_{digest}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise UsageError(
            f"codec file {str(path)!r} cannot be imported: "
            f"{type(error).__name__}: {one_line(str(error), 200)}"
        ) from error
    return module


def _checked(module: object, class_name: str, name: str) -> type[Codec]:
    found = getattr(module, class_name, None)
    if found is None:
        here = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, Codec) and value is not Codec
        ]
        raise unknown("codec class", class_name, here, hint=f"in {name!r}")
    if not (isinstance(found, type) and issubclass(found, Codec)):
        raise UsageError(f"codec {name!r} is not a subclass of rdbench.Codec")
    missing = [field for field in ("name", "parameter", "ladder") if not hasattr(found, field)]
    missing += sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise UsageError(f"codec {name!r} lacks {', '.join(missing)}")
    return found
