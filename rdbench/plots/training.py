"""Figures of how a training went, from its ``log.csv``."""

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
    with style():
        figure = canvas(9.0, 3.1, title, subtitle)
        for axes, (column, label) in zip(figure.subplots(1, 3), _PANELS, strict=True):
            values = np.array([float(row[column]) for row in rows])
            if not np.isfinite(values).any():  # no images are made of frozen latents
                axes.set_axis_off()
                continue
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
