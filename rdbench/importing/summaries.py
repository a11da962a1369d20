"""Rows in a table of images that are not images: averages, totals and the like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rdbench.importing.rows import Row, listed

_WORD: Final = (
    r"(?:average|avg|(?:(?:geo|harmonic|geometric)[ _-]?)?mean|aggregate|total|all|overall|sum"
    r"|median|min|max|std(?:[ ._]{0,2}d?ev)?)"
)
_GAP: Final = r"[\W_]"
_SUMMARY: Final = re.compile(
    rf"{_GAP}*{_WORD}(?:{_GAP}+{_WORD})*"
    rf"(?:{_GAP}+(?:(?:of|over){_GAP}+)?(?:(?:the|all){_GAP}+)?(?:\d+{_GAP}+)?(?:images|files))?"
    rf"{_GAP}*(?:[(\[].*)?",
    re.IGNORECASE,
)
_MEAN: Final = re.compile(rf"{_GAP}*(?:average|avg|mean)(?![^\W_])", re.IGNORECASE)


def is_summary(image: str) -> bool:
    """Whether a row of this name summarizes images, such as ``AVG``, ``Average:``, ``mean (24
    images)``. A name with the suffix of an image, such as ``all.png``, is an image."""
    return bool(_SUMMARY.fullmatch(image))


def is_mean(image: str) -> bool:
    """Whether a summary of this name is the mean of the images."""
    return bool(_MEAN.match(image))


def split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of images and the summaries. If all rows have such names, they are taken for images,
    and none is left out."""
    over_images = [row for row in rows if is_summary(_name(row))]
    others = [row for row in rows if not is_summary(_name(row))]
    if not any(map(_name, others)):
        return list(rows), []
    return others, over_images


def _name(row: Row) -> str:
    """What a row is of: its image, or what its line begins with."""
    return row.texts.get("image") or row.title


def notes(rows: Sequence[Row], left_out: Sequence[Row]) -> list[str]:
    """Notes on summaries: those that were left out, and those that were taken."""
    if left_out:
        return [
            f"left out as summaries: {_told(left_out)}; to keep an image of such a name, give it "
            "its suffix, as in all.png"
        ]
    if taken := [row for row in rows if is_summary(row.texts.get("image", ""))]:
        return [
            f"all rows have names of summaries, and are taken for images: {_told(taken)}; if "
            "they are means, leave out the column of images, and give their number with "
            "`images`"
        ]
    return []


def _told(rows: Sequence[Row]) -> str:
    """Each name once, with how many rows have it and where the first is."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(_name(row), []).append(row)
    return listed(
        f"{name!r} ({found[0].where}" + (f" and {len(found) - 1} more)" if found[1:] else ")")
        for name, found in by_name.items()
    )
