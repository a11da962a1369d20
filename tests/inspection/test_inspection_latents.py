"""Fits and histograms against SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from rdbench.inspection.latents import BINS, histograms, laplace_fits


@pytest.fixture
def latents() -> list[np.ndarray]:
    """Three maps over two images of other sizes: Laplace, Gaussian, constant."""
    rng = np.random.default_rng(4)
    images = []
    for shape in ((120, 90), (60, 200)):
        maps = [rng.laplace(2, 0.7, shape), rng.normal(-1, 3, shape), np.full(shape, 0.5)]
        images.append(np.stack(maps).astype(np.float32))
    return images


def test_fits_have_the_mean_and_the_likeliest_scale(latents):
    fits = laplace_fits(latents)
    assert fits["map"].tolist() == [0, 1, 2]
    for number in range(3):
        values = np.concatenate([image[number].ravel() for image in latents]).astype(float)
        fit = fits.loc[number]
        assert fit["mean"] == pytest.approx(values.mean())
        # SciPy's own choice of the location would be the median.
        scale = scipy.stats.laplace.fit(values, floc=values.mean())[1]
        assert fit["scale"] == pytest.approx(scale, abs=1e-12)
        assert (fit["lowest"], fit["highest"]) == (values.min(), values.max())
    assert fits["mean"][0] == pytest.approx(2, abs=0.02)
    assert fits["scale"][0] == pytest.approx(0.7, abs=0.02)
    assert fits["scale"][2] == 0


def test_histograms_are_densities_over_the_whole_range(latents):
    table = histograms(latents)
    assert table.groupby("map").size().tolist() == [BINS] * 3
    for number, own in table.groupby("map"):
        widths = own["high"] - own["low"]
        assert (own["density"] * widths).sum() == pytest.approx(1)
        np.testing.assert_allclose(own["low"][1:], own["high"][:-1])
        values = np.concatenate([image[number].ravel() for image in latents])
        row = own.iloc[30]
        inside = ((values >= row["low"]) & (values < row["high"])).mean()
        assert row["density"] * widths.iloc[30] == pytest.approx(inside, abs=1e-3)
    laplace = table[(table["map"] == 0) & (table["density"] > 0.05)]
    middles = (laplace["low"] + laplace["high"]) / 2
    expected = scipy.stats.laplace.pdf(middles, 2, 0.7)
    # One bin holds the kink.
    assert np.median(np.abs(laplace["density"] / expected - 1)) < 0.1
