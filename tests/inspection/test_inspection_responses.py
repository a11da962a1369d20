"""Responses to one latent, against the network itself."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("torch", reason="it codes the latents")

from rdbench.inspection.model import open_model  # noqa: E402
from rdbench.inspection.responses import responses  # noqa: E402
from rdbench.models import architectures  # noqa: E402

SCALES = np.array([0.5, 1, 2, 1, 1, 4])


@pytest.fixture(scope="module")
def table(networks):
    model = open_model(str(networks["dumas"]), 1)
    return responses(model, [4, 1], model.means, SCALES)


def crop(table, number, row, alpha):
    own = table[(table["map"] == number) & (table["row"] == row) & (table["alpha"] == alpha)]
    assert (own["column"] == row).all()
    return own.pivot_table(index="y", columns="x", values="luma").to_numpy()


def test_latents_are_set_in_both_tails(table):
    alphas = {number: set(own["alpha"]) for number, own in table.groupby("map")}
    assert alphas == {4: {2 + 8, 2 - 8}, 1: {0.5 + 8, 0.5 - 8}}
    assert len(table) == 2 * 2 * 2 * 64 * 64


@pytest.mark.parametrize("row", [1, 6])
@pytest.mark.parametrize("sign", [1, -1])
def test_crops_are_what_the_network_decodes(table, networks, row, sign):
    network = architectures.network(networks["dumas"])[1]
    latents = network.means.double()[None, :, None, None].repeat(1, 1, 16, 16)
    latents[0, 4, row, row] += sign * 8
    image = network.double().synthesis(latents).detach()[0, 0].clamp(16, 235).round().numpy()
    image = image.astype(int)
    start = 16 * (row - 1)
    expected = image[start : start + 64, start : start + 64]
    assert expected.std() > 0
    got = crop(table, 4, row, 2 + 8 * sign)
    # The network is run in single precision.
    assert np.abs(got - expected).max() <= 1


def test_colors_have_a_column_each(networks):
    model = open_model(str(networks["hyperprior"]), 3)
    table = responses(model, [2], np.zeros(5), np.ones(5))
    assert {"red", "green", "blue"} < set(table)
    assert table["red"].dtype == np.uint8
