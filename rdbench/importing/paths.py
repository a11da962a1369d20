"""Information in paths: the points and images of files, and images that are named by their
paths."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from rdbench.errors import UsageError
from rdbench.images.dataset import SUFFIXES
from rdbench.importing.rows import File, Request, Row, listed
from rdbench.schema import NUMBER_IN_NAME, point_text

_PATH: Final = re.compile(r"([A-Za-z]:)?[\\/]|~|\.\.?[\\/]|file:")


def names(paths: Sequence[str | Path]) -> list[str]:
    """The names of files for messages: without their common folders."""
    if len(set(paths)) < 2:
        return [Path(path).name for path in paths]
    whole = [Path(path).absolute() for path in paths]
    common = os.path.commonpath([path.parent for path in whole])
    return [path.relative_to(common).as_posix() for path in whole]


def told(files: Sequence[File], request: Request) -> list[File]:
    """The files with the information in their paths: by the patterns of the request, or, if all
    files have one name, the number at the end of the one folder name in which they differ. Raises
    :class:`UsageError` for a pattern that matches no part, or several parts, of a path.
    """
    points = [_matched(file, "point", request.point) for file in files] if request.point else []
    images = [_matched(file, "image", request.image) for file in files] if request.image else []
    points = points or _by_folder(files)
    return [
        dataclasses.replace(
            file,
            point=float(points[place]) if points else None,
            image=images[place] if images else "",
        )
        for place, file in enumerate(files)
    ]


def _matched(file: File, what: str, pattern: str) -> str:
    """The part of a path that stands for ``{}`` in ``pattern``."""
    if pattern.count("{}") != 1:
        raise UsageError(
            f"`{what}` {pattern!r} has no {{}}, which stands for the {what} in the name of the "
            "file or a folder, such as 'q{}' or '*_q{}'"
        )
    wanted = NUMBER_IN_NAME if what == "point" else ".+"
    before, after = (
        re.escape(part).replace(r"\*", ".*").replace(r"\?", ".") for part in pattern.split("{}")
    )
    form = re.compile(f"{before}({wanted}){after}")
    found: list[str] = []
    for path in (Path(file.name), file.path):  # what tells the files apart comes first
        parts = [*path.parent.parts, path.stem]
        found = found or [match[1] for part in parts if (match := form.fullmatch(part))]
    if len(found) != 1:
        raise UsageError(
            f"{file.name!r}: `{what}` {pattern!r} must match the name of one folder, or that of "
            f"the file without its suffix; in {str(file.path)!r} it matches {listed(found)}"
        )
    return found[0]


def _by_folder(files: Sequence[File]) -> list[str]:
    paths = [file.path.absolute() for file in files]
    if len(files) < 2 or len({(path.name, len(path.parts)) for path in paths}) > 1:
        return []
    folders = zip(*(path.parts for path in paths), strict=True)
    differing = [names for names in folders if len(set(names)) > 1]
    if len(differing) != 1:
        return []
    form = re.compile(f".*?({NUMBER_IN_NAME})")
    found = [match[1] for name in differing[0] if (match := form.fullmatch(name))]
    return found if len(set(map(float, found))) == len(files) else []


def applied(rows: Sequence[Row], files: Sequence[File], request: Request) -> list[Row]:
    """The rows with the point and the image of their file, if they lack them. Raises
    :class:`UsageError` if they have them although a pattern was given.
    """
    by_name = {file.name: file for file in files}
    tell_points = any("point" in row.numbers for row in rows)
    tell_images = any(row.texts.get("image") for row in rows)
    for what, given, tell in (
        ("point", request.point, tell_points),
        ("image", request.image, tell_images),
    ):
        if given and tell:
            raise UsageError(f"the rows already give their {what}; leave out `{what}`")
    result = []
    for row in rows:
        file = by_name[row.file]
        point = {} if tell_points or file.point is None else {"point": file.point}
        image = {"image": file.image} if file.image else {}
        result.append(
            dataclasses.replace(row, numbers={**row.numbers, **point}, texts={**row.texts, **image})
        )
    return result


def notes(rows: Sequence[Row], files: Sequence[File], request: Request) -> tuple[str, ...]:
    """The note that points were taken from folder names without a pattern."""
    if request.point or files[0].point is None or any("point" in row.numbers for row in rows):
        return ()
    told = listed(f"{point_text(file.point or 0)} for {file.name!r}" for file in files[:2])
    return (f"points were taken from folder names: {told}{', ...' * (len(files) > 2)}",)


def without_folders(rows: Sequence[Row]) -> list[Row]:
    """The rows of one curve whose images are named by paths, with the images named relative to
    their common folder."""
    named = [row.texts.get("image", "") for row in rows]
    if not any(map(_is_path, named)):
        return list(rows)
    paths = [PurePosixPath(name.replace("\\", "/")) for name in named]
    try:
        common = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # some are absolute and some are not
        return list(rows)
    return [
        dataclasses.replace(
            row,
            texts={**row.texts, "image": path.relative_to(common).as_posix()}
            if name
            else row.texts,
        )
        for row, name, path in zip(rows, named, paths, strict=True)
    ]


def _is_path(name: str) -> bool:
    """Whether a name is a path to a file, and not that of an image in a folder of a dataset."""
    below = "/" in name or "\\" in name
    return below and (
        bool(_PATH.match(name)) or os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122
    )
