"""What is counted, against streams, SciPy's entropies and sums over other axes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("torch", reason="it codes the latents")

from rdbench.errors import UnsupportedImageError  # noqa: E402
from rdbench.images import resolve  # noqa: E402
from rdbench.inspection.model import open_model  # noqa: E402
from rdbench.inspection.survey import costliest, rate_map, survey  # noqa: E402
from rdbench.models import container  # noqa: E402

BETAS = (0.5, 2.0)
COLOR = {"dumas": "luma", "hyperprior": "rgb"}


@pytest.fixture(scope="module", params=COLOR)
def case(request, networks, photos):
    """A model, the images, and their survey."""
    color = COLOR[request.param]
    model = open_model(str(networks[request.param]), 1 if color == "luma" else 3)
    images = resolve(str(photos), color=color).images
    return model, images, survey(model, images, BETAS)


def test_rates_are_those_of_the_streams(case):
    model, images, found = case
    rates = found.rates.set_index(["image", "beta"])
    assert len(rates) == 4
    for image in images:
        samples = image.load()
        pixels = samples.shape[0] * samples.shape[1]
        for beta in BETAS:
            row = rates.loc[(image.name, beta)]
            assert row["pixels"] == pixels
            for name, coder in model.coders.items():
                stream = container.read(coder.encode(samples, beta)[0])
                assert row[f"{name}_bpp"] * pixels == 8 * sum(map(len, stream.payloads))
            assert row["ans_bpp"] >= 0.99 * row["model_bpp"]
            assert row["ans_bpp"] * pixels <= 1.01 * row["model_bpp"] * pixels + 96
    mean = found.rates.groupby("beta")["ans_bpp"].mean()
    assert mean[2.0] < mean[0.5]


def test_rates_of_maps_add_up_and_maps_of_zeros_are_counted(case):
    model, _, found = case
    keys = ["image", "beta"]
    rates, by_map = found.rates.set_index(keys), found.map_rates
    sums = by_map.groupby(keys)["bpp"].sum()
    np.testing.assert_allclose(sums[rates.index], rates["model_bpp"])
    zeros = by_map[by_map["latents"] == "y"].groupby(keys)["zero"].sum()
    assert zeros[rates.index].tolist() == rates["zero_maps"].tolist()
    assert set(by_map["latents"]) == ({"y", "z"} if model.name == "hyperprior" else {"y"})
    if model.name == "dumas":
        assert (rates["zero_maps"] >= 1).all(), "the kernels of map 0 are 0"


def test_the_costliest_maps_come_first(case):
    model, _, found = case
    order = costliest(found.map_rates)
    assert sorted(order) == list(range(model.maps))
    own = found.map_rates
    own = own[(own["latents"] == "y") & (own["beta"] == 0.5)]
    costs = [own[own["map"] == number]["bpp"].mean() for number in order]
    assert costs == sorted(costs, reverse=True)


def test_latents_are_those_of_the_network(case):
    model, images, found = case
    for image, latents in zip(images, found.latents, strict=True):
        expected = model.compressor.analysis(image.load())[0].numpy()
        np.testing.assert_array_equal(latents, expected)
        assert len(latents) == model.maps


def test_the_estimate_of_dumas_is_the_entropy_of_each_map(networks, photos):
    model = open_model(str(networks["dumas"]), 1)
    images = resolve(str(photos), color="luma").images[:1]
    found = survey(model, images, [0.5])
    symbols = model.compressor.encode(images[0].load(), 0.5)[1].symbols["y"]
    bits = sum(
        values.size * scipy.stats.entropy(np.unique(values, return_counts=True)[1], base=2)
        for values in symbols
    )
    assert found.rates["estimated_bpp"][0] == pytest.approx(bits / found.rates["pixels"][0])


def test_a_rate_map_adds_up_to_the_rate_and_lies_on_the_image(case):
    model, images, found = case
    table = rate_map(model, images[0], 2.0)
    row = found.rates.set_index(["image", "beta"]).loc[(images[0].name, 2.0)]
    assert table["bits"].sum() == pytest.approx(row["model_bpp"] * row["pixels"])
    height, width = images[0].load().shape[:2]
    assert table["top"].max() + 16 >= height
    assert table["left"].max() + 16 >= width
    stride = model.compressor.stride
    assert len(table) == np.prod([-(-side // stride) * stride // 16 for side in (height, width)])
    assert (table["top"] == 16 * table["row"]).all()
    assert table["bits"].std() > 0


def test_an_image_of_other_channels_is_refused_with_what_to_do(networks, photos):
    model = open_model(str(networks["hyperprior"]), 3)
    with pytest.raises(UnsupportedImageError, match="convert it to RGB"):
        survey(model, resolve(str(photos), color="luma").images, BETAS)
