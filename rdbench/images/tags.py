"""Tags of images, which define classes: ``tags.csv`` beside them. The file is UTF-8 with the
columns ``image`` and ``tags``; others are ignored. An image is named as in its dataset, or by its
file name, and its tags are separated by blanks or ``;``. Tags are converted to lower case, so that
``People`` and ``people`` are one class.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Final

from rdbench.errors import UsageError
from rdbench.files import read_file

TAGS_FILE: Final = "tags.csv"
COLUMNS: Final = ("image", "tags")
UNTAGGED: Final = "untagged"
"""The class of images without tags; no tag may have this name."""

Tags = Mapping[str, tuple[str, ...]]
"""Tags by the name of their image, in alphabetical order; an image without tags has no entry."""


def read_tags(path: Path) -> dict[str, tuple[str, ...]]:
    """The tags in a file, by the images' names as written there. Raises :class:`UsageError` for a
    file that cannot be read, is not UTF-8 or lacks a column, for an image that occurs twice, and
    for a row whose length differs from the header.
    """
    where = f"tags {str(path)!r}"
    try:
        text = read_file(path).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{where}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where}: byte {error.start} is not UTF-8; save it as CSV in UTF-8"
        ) from None
    rows = csv.reader(io.StringIO(text, newline=""))
    header = [cell.strip() for cell in next(rows, [])]
    for column in COLUMNS:
        if header.count(column) != 1:
            raise UsageError(
                f"{where}: the header is {','.join(header)!r}; it needs one column {column!r}"
            )
    image_at, tags_at = (header.index(column) for column in COLUMNS)
    found: dict[str, tuple[str, ...]] = {}
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        line = f"{where}, line {rows.line_num}"
        if len(cells) != len(header):
            raise UsageError(
                f"{line}: {len(cells)} cells under a header of {len(header)}; several tags are "
                "separated by blanks or ';'"
            )
        image = unicodedata.normalize("NFC", cells[image_at].strip())
        if image in found:
            raise UsageError(f"{line}: image {image!r} occurs twice; give all its tags in one row")
        tags = {tag.lower() for tag in re.split(r"[\s;]+", cells[tags_at]) if tag}
        if UNTAGGED in tags:
            raise UsageError(f"{line}: {UNTAGGED!r} is the class of images without tags")
        found[image] = tuple(sorted(tags))
    return found


def tagged(
    names: Collection[str], tags: Tags, where: str
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The tags of the images ``names``, and the other names in ``tags``. Raises
    :class:`UsageError`, which begins with ``where``, for an image that occurs both by its name and
    by its file name."""
    found: dict[str, tuple[str, ...]] = {}
    unknown = []
    for given, own in tags.items():
        name = given if given in names else given.removesuffix(PurePath(given).suffix)
        if name not in names:
            unknown.append(given)
        elif name in found:
            raise UsageError(f"{where}: image {name!r} occurs twice, once as {given!r}")
        else:
            found[name] = own
    return {name: own for name, own in found.items() if own}, tuple(unknown)


def not_there(names: Iterable[str], where: str) -> str:
    """The note on images that tags name but that do not exist; empty for none."""
    listed = [*names]
    if not listed:
        return ""
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    noun = "image that is" if len(listed) == 1 else "images that are"
    return f"{where}: {len(listed)} {noun} not there ({', '.join(listed[:5])}{more})"
