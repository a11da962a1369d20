"""Figures: what they show as plain data, and how they are drawn."""

from __future__ import annotations

from rdbench.plots.draw import FORMATS, draw, save
from rdbench.plots.efforts import EffortsPlot, efforts_plot
from rdbench.plots.figures import (
    Line,
    Plot,
    Scene,
    file_name,
    from_the_top,
    member,
    rate_distortion,
    rate_saving,
    scene,
)
from rdbench.plots.forest import Estimate, Forest, ForestRow, forest
from rdbench.plots.images import ImagesPlot, ImagesRow, images_plot
from rdbench.plots.runs import plot_rd
from rdbench.plots.styles import Member, Style, styles
from rdbench.plots.tradeoff import Panel, Spot, Tradeoff, tradeoff

__all__ = [
    "FORMATS",
    "EffortsPlot",
    "Estimate",
    "Forest",
    "ForestRow",
    "ImagesPlot",
    "ImagesRow",
    "Line",
    "Member",
    "Panel",
    "Plot",
    "Scene",
    "Spot",
    "Style",
    "Tradeoff",
    "draw",
    "efforts_plot",
    "file_name",
    "forest",
    "from_the_top",
    "images_plot",
    "member",
    "plot_rd",
    "rate_distortion",
    "rate_saving",
    "save",
    "scene",
    "styles",
    "tradeoff",
]
