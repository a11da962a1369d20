"""Figures of the progress of a training, from its ``log.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.plots.draw import canvas, style
from rdbench.plots.palette import COLORS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS: Final = (
    ("loss", "Loss"),
    ("psnr_db", "PSNR of batches [dB]"),
    ("bpp", "Rate [bit/px]"),
)


def losses(rows: Sequence[Mapping[str, str]], title: str, subtitle: str) -> Figure:
    """Loss, quality and rate over the steps of one network. ``rows``: of ``log.csv``, in order."""
    steps = np.array([float(row["step"]) for row in rows])
    columns = {column: np.array([float(row[column]) for row in rows]) for column, _ in _PANELS}
    # No images are made of frozen latents.
    panels = [panel for panel in _PANELS if np.isfinite(columns[panel[0]]).any()]
    with style():
        figure = canvas(3.0 * len(panels), 3.1, title, subtitle)
        parts = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (column, label) in zip(parts, panels, strict=True):
            values = columns[column]
            axes.plot(steps, values, color=COLORS[0], linewidth=0.5, alpha=0.35)
            middle = _running(values)
            axes.plot(steps, middle, color=COLORS[0], linewidth=1.4)
            low, high = np.percentile(values, [0.0, 97.0])
            margin = 0.08 * (high - low) or 1.0
            axes.set_ylim(low - margin, high + margin)
            if column == "loss":
                axes.ticklabel_format(axis="y", scilimits=(-2, 4))
            axes.set_xlabel("Step")
            axes.set_ylabel(label)
            axes.grid(True)
    return figure


def _running(values: np.ndarray) -> np.ndarray:
    """Means over a fiftieth of the values about each."""
    half = max(1, len(values) // 100)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low = np.maximum(np.arange(len(values)) - half, 0)
    high = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low))
