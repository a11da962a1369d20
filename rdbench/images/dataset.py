"""Datasets: from a name or path on the command line to a list of images."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from rdbench.errors import UsageError, unknown
from rdbench.images.known import KNOWN, locate
from rdbench.images.tags import TAGS_FILE, Tags, not_there, read_tags, tagged
from rdbench.sample_format import MEASURED, SampleFormat

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Color = Literal["rgb", "luma"]
Geometry = Literal["original", "dumas2018"]

_PNM_SUFFIXES: Final = (".ppm", ".pgm", ".pbm", ".pnm")
_JPEG_SUFFIXES: Final = (".jpg", ".jpeg", ".jpe", ".jfif")
_JPEG2000_SUFFIXES: Final = (".jp2", ".jpf", ".jpx", ".j2k", ".j2c", ".jpc")
_HEIF_SUFFIXES: Final = (".heic", ".heif", ".hif", ".avif")
STREAM_SUFFIXES: Final = frozenset({*_JPEG2000_SUFFIXES, *_HEIF_SUFFIXES})
"""Suffixes of images that count as the stream if another image has the same name."""
SUFFIXES: Final = STREAM_SUFFIXES.union(
    _PNM_SUFFIXES, _JPEG_SUFFIXES, (".png", ".tif", ".tiff", ".webp", ".bmp", ".gif")
)
KINDS: Final = "PNG, JPEG, TIFF, WebP, BMP, PPM, PGM, HEIC, AVIF, JPEG 2000, GIF"
"""The formats that are read, in words."""
_OTHER_IMAGES: Final = frozenset(
    {
        *(".jxl", ".jxr", ".jls", ".jxs", ".exr", ".hdr", ".pfm", ".qoi", ".svg", ".psd", ".tga"),
        *(".bpg", ".flif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".raw"),
        *(".dcm", ".fits"),
    }
)
"""Suffixes of images that are not read, which a note mentions."""


@dataclass(frozen=True)
class ImageRef:
    """One image of a dataset, not yet loaded; small enough to send to a worker."""

    dataset: str
    """Name of the dataset"""
    name: str
    """Name within the dataset: unique, and the same on every machine"""
    path: Path
    color: Color = "rgb"
    geometry: Geometry = "original"
    trim: bool = False
    """Whether the geometry ``dumas2018`` drops the first row and column before it rotates"""
    formats: frozenset[SampleFormat] = MEASURED
    """Sample formats it may have; other files are refused when they are loaded"""

    def load(self) -> Image:
        """The samples: uint8, (height, width, channels), sRGB with 3 channels, or gray or luma
        with 1; C-contiguous and not writeable.

        ``color="luma"`` is :func:`rdbench.images.luma`, and leaves gray images as they are.
        ``geometry="dumas2018"`` rotates portrait images by 90° counter-clockwise. Raises
        :class:`rdbench.errors.ImageError` and :class:`rdbench.errors.UnsupportedImageError` as
        :func:`rdbench.images.loading.read_image`, which also describes the treatment of samples.
        """
        from rdbench.images.loading import load_image

        return load_image(
            self.path,
            color=self.color,
            geometry=self.geometry,
            trim=self.trim,
            formats=self.formats,
        )


@dataclass(frozen=True)
class Dataset:
    """Images that are measured and averaged together."""

    name: str
    """Name in results, with the options that are not default: ``kodak``,
    ``bsds300-test:geometry=dumas2018``"""
    images: tuple[ImageRef, ...]
    source: str
    """Absolute path of the folder or file, or the pattern"""
    passed_over: str = ""
    """A note on image files of a folder or glob in formats that are not read"""
    tags: Tags | None = field(default=None, hash=False)
    """Tags of its images; None if it has no tags"""
    tags_not_there: str = ""
    """A note on images that its tags name but it lacks"""


def resolve(spec: str, *, color: str = "rgb", root: Path | str | None = None) -> Dataset:
    """The dataset that ``spec`` names: a known name, a folder, a file or a glob. Options follow a
    colon, ``bsds300-test:geometry=dumas2018``; an existing path that contains a colon takes
    precedence. Known names are looked up in ``root`` or else in ``$RDBENCH_DATA``, then in the
    user's cache folder. A folder gives the image files in it, not those in its subfolders (a glob
    with ``**`` does), in natural order; hidden files and files that are not images are skipped. An
    image is named by its stem, or by its path below the folder if several files have that stem.
    Raises :class:`UsageError` for an unknown name or a path that does not exist, a known dataset
    that is not found or incomplete, a dataset without images, and an unknown option or color.
    """
    if color not in get_args(Color):
        raise unknown("color", color, get_args(Color))
    base, options = _split(spec)
    folder, files, source, others = _find(base, Path(root) if root is not None else None)
    geometry = options.pop("geometry", "original")
    for option in options:
        raise unknown(f"option of dataset {base!r}", option, ["geometry"])
    if geometry not in get_args(Geometry):
        raise unknown(f"geometry of dataset {base!r}", geometry, get_args(Geometry))
    name = base if base in KNOWN else _dataset_name(folder, source)
    trim = trims(base)
    name += "" if geometry == "original" else f":geometry={geometry}"
    images = tuple(
        ImageRef(name, image, path, color, geometry, trim)  # type: ignore[arg-type]
        for image, path in zip(image_names(files, folder), files, strict=True)
    )
    tags, missed = _tags(base, folder, source, images)
    return Dataset(name, images, str(source), _passed_over(name, others), tags, missed)


def _tags(
    base: str, folder: Path, source: Path, images: Sequence[ImageRef]
) -> tuple[Tags | None, str]:
    """The tags of images by ``tags.csv`` in their folder, or else by those that ship with a
    known dataset, and what is said of images that are not there: a glob chooses some."""
    file = folder / TAGS_FILE
    if source.is_file():
        return None, ""
    if file.is_file():
        given, where = read_tags(file), f"tags {str(file)!r}"
    elif base in KNOWN and (given := dict(KNOWN[base].tags)):
        where = f"tags of dataset {base!r}"
    else:
        return None, ""
    tags, unknown = tagged({image.name for image in images}, given, where)
    return tags, not_there(unknown, where) if source == folder else ""


def trims(name: str) -> bool:
    """Whether the geometry ``dumas2018`` drops the first row and column of the images of a dataset,
    by its name in results."""
    base = name.partition(":")[0]
    return base in KNOWN and KNOWN[base].trim


def _dataset_name(folder: Path, source: Path) -> str:
    if source.is_file():
        return _text(source.stem)
    return _text(folder.name if folder.name != ".." else folder.resolve().name) or "root"


def _split(spec: str) -> tuple[str, dict[str, str]]:
    """``spec`` as base and options."""
    base, colon, text = spec.rpartition(":")
    if not colon or os.sep in text or _exists(_path(spec)):
        return spec, {}
    options = {}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        if not equals:
            raise UsageError(
                f"dataset {spec!r}: there is no such path, and {item!r} is not an option of the "
                "form name=value, such as geometry=dumas2018"
            )
        options[name] = value
    return base, options


_Found = tuple[Path, list[Path], Path, list[Path]]


def _find(spec: str, root: Path | None) -> _Found:
    """The folder that image names are relative to, the files, the source, and what else is
    there."""
    path = _path(spec)
    if spec in KNOWN:
        try:
            folder, files = locate(spec, root)
        except UsageError as error:
            here = f" (write ./{spec} for the folder of that name here)" if path.is_dir() else ""
            raise UsageError(f"{error}{here}") from None
        return folder, sorted(files, key=natural_order), folder, []
    if spec and _exists(path):
        return _in_folder(path) if path.is_dir() else (path.parent, [path], path, [])
    if glob.has_magic(spec):
        return _matches(spec)
    hint = "or the path of a folder, a file or a glob; this one does not exist"
    raise unknown("dataset", spec, KNOWN, hint=hint)


def _passed_over(name: str, paths: Iterable[Path]) -> str:
    suffixes = (path.suffix.lower() for path in paths if not path.name.startswith("."))
    kinds = Counter(suffix for suffix in suffixes if suffix in _OTHER_IMAGES)
    if not kinds:
        return ""
    listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(kinds.items()))
    files = f"{kinds.total()} image file{'s' * (kinds.total() > 1)}"
    return (
        f"dataset {name!r}: {files} skipped, in formats that are not read ({listed}); these are "
        f"read: {KINDS}"
    )


def _in_folder(folder: Path) -> _Found:
    try:
        entries = list(folder.iterdir())
        files = _images(entries)
        folders = sum(entry.is_dir() for entry in entries)
    except OSError as error:
        raise UsageError(f"dataset {str(folder)!r} cannot be listed: {error.strerror}") from None
    if files:
        return folder, files, folder, entries
    if not entries:
        raise UsageError(f"dataset {str(folder)!r} is an empty folder")
    raise UsageError(
        f"dataset {str(folder)!r} has no image files in it, but {len(entries) - folders} other "
        f"files and {folders} folders; for images in subfolders, use "
        f"{str(folder / '**' / '*')!r} (these are read: {KINDS})"
    )


def _matches(spec: str) -> _Found:
    pattern = Path(spec) if not spec.startswith("~") else _path(spec)
    # Not made absolute before: brackets in the working directory's name are no pattern.
    found = [Path(match).absolute() for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207
    if not found:
        raise UsageError(f"dataset {spec!r}: nothing matches this glob")
    files = _images(found)
    if not files:
        raise UsageError(
            f"dataset {spec!r}: none of the {len(found)} paths that match this glob is an image "
            f"file ({KINDS})"
        )
    fixed = next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))
    return fixed.absolute(), files, pattern.absolute(), found


def _images(paths: Iterable[Path]) -> list[Path]:
    # A link that leads nowhere stays in: loading it costs its own row, and is seen.
    files = [
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()
    ]
    return sorted(files, key=natural_order)


def _path(spec: str) -> Path:
    """Absolute, with links left as they are: a folder is named as its user names it."""
    try:
        return Path(spec).expanduser().absolute()
    except RuntimeError:  # the home folder of nobody
        return Path(spec).absolute()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def natural_order(path: Path) -> tuple[list[str | int], str]:
    """Sorting key under which ``image2`` comes before ``image10``."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [int(part) if part.isdecimal() else part for part in parts], str(path)


def image_names(files: Sequence[Path], folder: Path) -> list[str]:
    """A name for each of the files below ``folder``: its stem if it is unique, else its path
    relative to ``folder``, with ``/``. Raises :class:`UsageError` for two files whose paths read
    the same: bytes that are not UTF-8, and the text of their escape."""
    relative = [Path(os.path.relpath(file, folder)).as_posix() for file in files]
    stems = [_text(file.stem) for file in files]
    count = Counter(stems)
    names = [
        stem if count[stem] == 1 else _text(path)
        for stem, path in zip(stems, relative, strict=True)
    ]
    if len(set(names)) == len(names):
        return names
    names = [_escaped(path) for path in relative]
    for name, times in Counter(names).items():
        if times > 1:
            raise UsageError(
                f"{times} image files in {str(folder)!r} are called {name!r}, where \\x stands for "
                "a byte that is not UTF-8 in one of them; rename it"
            )
    return names


def _text(name: str) -> str:
    """A file name as text that is the same on every machine: file systems differ in whether they
    compose letters."""
    return unicodedata.normalize("NFC", _escaped(name))


def _escaped(name: str) -> str:
    """A file name with the bytes that are not UTF-8 escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
