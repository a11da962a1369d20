"""Files that another program wrote: which decoded image and which stream belong to which original
and point."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from rdbench.errors import UsageError
from rdbench.images import ImageRef
from rdbench.images.dataset import STREAM_SUFFIXES, SUFFIXES
from rdbench.runner import kept
from rdbench.runner.file_names import NamePattern, as_text, suggestion
from rdbench.schema import NUMBER_IN_NAME

_POINT: Final = re.compile(f"{NUMBER_IN_NAME}$")
_PART: Final = re.compile(r"(.+)\.(\d\d)\.[^.]+", re.DOTALL)
_NO_STREAMS: Final = frozenset(
    {".csv", ".json", ".log", ".rgb", ".tsv", ".txt", ".xml", ".y4m", ".yuv"}
)
"""Suffixes of reports and raw planes, as encoders leave them beside their streams."""
_RAW: Final = frozenset({".raw", ".rgb", ".y4m", ".yuv"})

Files = Mapping[str, Sequence[Path]]
"""Files by the name of the original that they belong to."""


@dataclass(frozen=True)
class DecodedPoint:
    """One point of the program: where its decoded images and, if kept, its streams are."""

    point: float
    decoded: Path
    streams: Path | None = None
    images: Files = field(default_factory=dict)
    parts: Files = field(default_factory=dict)
    """The files of the streams, in order."""
    hint: str = ""
    """If no original has an image: a pattern that would find the files that are there."""

    def of(self, name: str) -> DecodedPoint:
        """The same of one original."""
        images, parts = ({name: files.get(name, ())} for files in (self.images, self.parts))
        return dataclasses.replace(self, images=images, parts=parts)


def find_points(
    originals: Sequence[ImageRef],
    decoded: Path,
    streams: Path | None = None,
    *,
    point: float | None = None,
    name: str = "",
    stream_name: str = "",
) -> list[DecodedPoint]:
    """The points of a folder of decoded images, with the files of each.

    Images directly in ``decoded`` are one point, ``point`` (0 if None). Otherwise each of its
    subfolders is one, named by the number that it ends with (``50``, ``q50``, ``qp-37.5``,
    ``v1.2-q50``, ``lambda1e-05``); ``streams`` then has the same subfolders. Hidden folders and
    files that are not images are skipped. ``name`` is the pattern of the names of decoded images,
    such as ``rec_{image}_q{point}``, and ``stream_name`` that of streams, by default ``name`` with
    any suffix; both are :class:`rdbench.runner.file_names.NamePattern`. With ``{point}``, they give
    the points. Raises :class:`UsageError` for any other layout, and for a file that ``name``
    matches to two originals or points.
    """
    for folder, what in ((decoded, "decoded images"), (streams, "streams")):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{str(folder)!r} is not a folder of {what}")
    images = NamePattern(name, "name") if name else None
    parts = NamePattern(stream_name, "stream_name") if stream_name else None
    if images and not parts:
        parts = images.of_streams()
    if images and images.tells_points:
        if point is not None:
            raise UsageError("`name` gives the points; leave out `point`")
        return _by_name(originals, decoded, streams, images, parts)
    if parts and parts.tells_points:
        raise UsageError("`stream_name` has a {point}, so `name` must have one, too")
    return [
        _filled(originals, *place, images, parts) for place in _folders(decoded, streams, point)
    ]


def _folders(
    decoded: Path, streams: Path | None, point: float | None
) -> list[tuple[float, Path, Path | None]]:
    entries = [path for path in sorted(decoded.iterdir()) if not path.name.startswith(".")]
    folders = [path for path in entries if path.is_dir()]
    if any(path.is_file() and is_image(path) for path in entries) or not folders:
        return [(0.0 if point is None else point, decoded, streams)]
    if point is not None:
        raise UsageError(f"{str(decoded)!r} has a folder for each point; leave out `point`")
    points: dict[float, tuple[float, Path, Path | None]] = {}
    for folder in folders:
        number = _POINT.search(folder.name)
        if number is None:
            raise UsageError(
                f"folder {str(folder)!r}: its name must end with the point's number, as in "
                "'q50'; for another layout, give the pattern of the image names with `name`, as "
                f"in '{{image}}/q{{point}}'"
            )
        there = (float(number[0]), folder, streams / folder.name if streams else None)
        points.setdefault(there[0], there)
    if len(points) < len(folders):
        raise UsageError(f"two folders in {str(decoded)!r} end with the same number")
    return list(points.values())


def _by_name(
    originals: Sequence[ImageRef],
    decoded: Path,
    streams: Path | None,
    images: NamePattern,
    parts: NamePattern | None,
) -> list[DecodedPoint]:
    """The points that are in the names of files."""
    if parts is None or not parts.tells_points:
        raise UsageError("`name` has a {point}, so `stream_name` must have one, too")
    found = images.found(originals, decoded, is_image)
    if not found:
        raise UsageError(
            f"no image in {str(decoded)!r} matches `name` {images.text!r}"
            + suggestion(originals, decoded, is_image)
        )
    coded = parts.found(originals, streams, may_be_stream) if streams else {}
    return [
        DecodedPoint(point, decoded, streams, _shown(found[point]), coded.get(point, {}))
        for point in sorted(found)
    ]


def _filled(
    originals: Sequence[ImageRef],
    point: float,
    decoded: Path,
    streams: Path | None,
    images: NamePattern | None,
    parts: NamePattern | None,
) -> DecodedPoint:
    """The point of a folder with its files."""
    if images:
        found = images.found(originals, decoded, is_image).get(0.0, {})
    else:
        found = _files(originals, decoded)
    coded: Files = {}
    if streams and parts:
        coded = parts.found(originals, streams, may_be_stream).get(0.0, {})
    elif streams:
        coded = _with_parts(originals, streams, _files(originals, streams))
    shown = _shown(found)
    hint = "" if shown else suggestion(originals, decoded, is_image) or _raw(decoded)
    return DecodedPoint(point, decoded, streams, shown, coded, hint)


def is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def may_be_stream(path: Path) -> bool:
    """Whether a file is neither a report nor raw planes."""
    return path.suffix.lower() not in _NO_STREAMS


def no_images(paths: Sequence[Path]) -> list[Path]:
    """Those of several files of one name that are streams, not decoded images."""
    return [path for path in paths if path not in _images(paths)]


def _images(paths: Iterable[Path]) -> list[Path]:
    """Those of several files of one name that are decoded images, not streams."""
    images = [path for path in paths if is_image(path)]
    return [path for path in images if path.suffix.lower() not in STREAM_SUFFIXES] or images


def _shown(files: Files) -> Files:
    """The decoded images of each original that has any."""
    return {name: images for name, paths in files.items() if (images := _images(paths))}


def _raw(folder: Path) -> str:
    """Advice on raw planes, if there are any."""
    raw = next((path for path in sorted(folder.iterdir()) if path.suffix.lower() in _RAW), None)
    if raw is None:
        return ""
    return (
        f"; {raw.name!r} holds raw planes, which give neither size nor color: convert them, for "
        f"example with `ffmpeg -f rawvideo -pixel_format yuv420p -video_size WxH -i {raw.name} "
        f"{raw.stem}.png`"
    )


def _files(images: Sequence[ImageRef], folder: Path) -> defaultdict[str, list[Path]]:
    """The files in a folder that are named as one of the images, by the name of the image.

    A file belongs to one image at most: that whose file name it has; else that whose name (as the
    dataset has it), file name or name in a run directory it has, but for one suffix.
    """
    names = {ref.name: ref.name for ref in images}
    originals = {_beside(ref.name, as_text(ref.path.name)): ref.name for ref in images}
    slugs = {kept.image_slug(ref): ref.name for ref in images}
    found = defaultdict(list)
    for path, name in _listed(images, folder):
        stem = name.removesuffix(path.suffix)
        owners = (
            originals.get(name),
            None if is_image(path) else names.get(name),  # a stream without any suffix
            names.get(stem),
            originals.get(stem),
            slugs.get(stem),
        )
        if owner := next(filter(None, owners), None):
            found[owner].append(path)
    return found


def _with_parts(images: Sequence[ImageRef], folder: Path, files: Files) -> Files:
    """The files of streams, also of those in numbered parts (``kodim01.00.bin``,
    ``kodim01.01.bin``), as CompressAI-Trainer writes them; none where a number is missing."""
    streams = {name: list(filter(may_be_stream, paths)) for name, paths in files.items()}
    taken = {path for paths in files.values() for path in paths}
    numbered: defaultdict[str, dict[int, Path]] = defaultdict(dict)
    names = {ref.name for ref in images}
    for path, name in _listed(images, folder):
        match = _PART.fullmatch(name)
        if match and match[1] in names and path not in taken and not is_image(path):
            numbered[match[1]][int(match[2])] = path
    for name, parts in numbered.items():
        if not no_images(streams.get(name, ())):
            whole = sorted(parts) == list(range(len(parts)))
            streams[name] = [parts[number] for number in sorted(parts)] if whole else []
    return streams


def _listed(images: Sequence[ImageRef], folder: Path) -> Iterator[tuple[Path, str]]:
    """The files in a folder, and in those of its subfolders that names of images speak of, each
    with its name below the folder."""
    inner = {str(PurePosixPath(ref.name).parent) for ref in images}
    for below in sorted(inner | {"."}):
        place = folder / below
        try:
            paths = sorted(place.iterdir()) if place.is_dir() else []
        except OSError as error:
            raise UsageError(f"folder {str(place)!r} cannot be listed: {error.strerror}") from None
        for path in paths:
            if path.is_file():
                yield path, _beside(f"{below}/", as_text(path.name))


def _beside(name: str, other: str) -> str:
    """``other`` in the folder that ``name`` is in."""
    return str(PurePosixPath(name.rpartition("/")[0]) / other)
