"""Figures of how a training went."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from rdbench.plots.training import losses


@pytest.mark.parametrize(
    ("psnr", "labels"),
    [
        ("30.5", ["Loss", "PSNR of batches [dB]", "Rate [bit/px]"]),
        ("nan", ["Loss", "Rate [bit/px]"]),  # on frozen latents, of which no images are made
    ],
)
def test_a_figure_has_the_panels_of_which_there_is_something(psnr, labels):
    rows = [
        {"step": str(20 * n), "loss": str(1 / n), "psnr_db": psnr, "bpp": "0.5"}
        for n in range(1, 9)
    ]
    figure = losses(rows, "network", "means of 8 stretches of steps")
    try:
        assert [axes.get_ylabel() for axes in figure.axes] == labels
    finally:
        plt.close(figure)
