"""Numbers and lines as a page has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from rdbench.plots.figures import Line

DIGITS: Final = 7
"""Significant digits of numbers in charts; tables and measurements have those of the CSV."""


def number(value: float, digits: int = DIGITS) -> float | None:
    """A number as JSON has it; None where it is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def matrix(values: np.ndarray) -> list[list[float | None]]:
    """Rows of numbers."""
    return [[number(value) for value in row] for row in values.tolist()]


def line(drawn: Line, titles: Sequence[str], digits: int = DIGITS) -> dict[str, Any]:
    """A line of a figure, its curve by its place among ``titles``."""
    return {
        "curve": titles.index(drawn.title),
        "x": [number(value, digits) for value in drawn.x],
        "y": [number(value, digits) for value in drawn.y],
        "marks": None if drawn.measured is None else list(drawn.measured),
    }
