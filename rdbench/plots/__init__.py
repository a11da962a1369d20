"""Figures: what they show as plain data, and how they are drawn."""

from __future__ import annotations

from rdbench.plots.draw import FORMATS, draw, save
from rdbench.plots.figures import Line, Plot, Scene, rate_distortion, rate_saving, scene
from rdbench.plots.styles import Style, styles

__all__ = [
    "FORMATS",
    "Line",
    "Plot",
    "Scene",
    "Style",
    "draw",
    "rate_distortion",
    "rate_saving",
    "save",
    "scene",
    "styles",
]
