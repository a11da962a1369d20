"""Names of datasets, and of what was measured of them, in titles of figures and pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rdbench.curves.curve import Curve
from rdbench.images.known import KNOWN

_GEOMETRY: Final = ":geometry="
_DUMAS: Final = "dumas2018"


def dataset_title(dataset: str) -> str:
    """The title of a known dataset, whatever its geometry (``Kodak`` of
    ``kodak:geometry=dumas2018``), or else its name."""
    name, _, _ = dataset.partition(_GEOMETRY)
    return KNOWN[name].title if name in KNOWN else name


def place_title(dataset: str, curves: Iterable[Curve], images: int) -> str:
    """The images, and what was measured of them: ``Kodak, luma, 24 images``. The color is left out
    if no curve gives it."""
    color, _, _ = _color_text(curves).partition(" (")
    counted = f"{images} image{'s' * (images != 1)}" if images else ""
    return ", ".join(filter(None, (dataset_title(dataset), color, counted)))


def place_details(dataset: str, curves: Iterable[Curve]) -> tuple[str, ...]:
    """What the title leaves out: which luma was measured, and how images were prepared."""
    color, _, which = _color_text(curves).partition(" (")
    name, _, geometry = dataset.partition(_GEOMETRY)
    found = [f"{color}: {which.removesuffix(')')}"] if which else []
    if geometry == _DUMAS:
        trimmed = name in KNOWN and KNOWN[name].trim
        found.append(
            f"images turned to landscape{', without a row and a column' if trimmed else ''}"
        )
    elif geometry:
        found.append(f"geometry {geometry}")
    return tuple(found)


def _color_text(curves: Iterable[Curve]) -> str:
    """What was measured, as measured curves tell it before published ones: they say which luma."""
    ordered = sorted(curves, key=lambda curve: curve.source)
    return next((curve.color_text for curve in ordered if curve.color), "")
