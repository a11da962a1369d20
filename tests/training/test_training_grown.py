"""Lee et al. 2019 grown out of a scale hyperprior: it begins with that one's side information."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import skimage.data

pytest.importorskip("torch", reason="training needs torch")

import torch

from rdbench.errors import UsageError
from rdbench.models import architectures, weights
from rdbench.models.compression.base import Execution
from rdbench.models.compression.lee import LeeCompressor
from rdbench.models.densities import total_bits
from rdbench.models.weights import Card
from rdbench.training.configuration_file import read
from rdbench.training.family import train
from rdbench.training.trainers.lee2019 import fit_last, grow_out_of_hyperprior

TRAINED = Path(__file__).parents[2] / "baselines" / "weights" / "entropy-models"
PARTS = ["g_a", "g_s", "h_a", "h_s"]


def lee(hidden=64, context=96, **network):
    """A network that is drawn at random."""
    network = {"hidden": hidden, "context": context, "magnitudes": True, **network}
    return architectures.build(Card("lee2019", network), torch.Generator().manual_seed(0)).eval()


@pytest.fixture(scope="module")
def hyperprior():
    """The trained one, and its latents of some photographs."""
    card, state = weights.read(TRAINED / "balle2018-0.0106.safetensors")
    network = architectures.build(card)
    network.load_state_dict(state)
    photographs = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "rocket")]
    crops = [
        photograph[:384, start : start + 256]
        for photograph in photographs
        for start in (0, photograph.shape[1] - 256)
    ]
    crops.append(skimage.data.chelsea()[:256, 64:448])
    with torch.no_grad():
        latents = [
            network.analysis(torch.from_numpy(crop / 255).float().permute(2, 0, 1)[None])
            for crop in crops
        ]
    return network.eval(), latents


def bits(network, latents):
    with torch.no_grad():
        return sum(total_bits(network.modeled(y)[1]).item() for y in latents)


@pytest.mark.parametrize("plain", [0, 32])
def test_the_first_rate_is_nearly_that_of_the_hyperprior(hyperprior, plain):
    """Also on latents that it was not fitted to, at half of what they cost as it is drawn. The
    layers cannot say quite the same: z has no medians here, and scales are exponentials. In a
    hybrid network, some of these come from h_s alone."""
    source, latents = hyperprior
    network = lee(context=96 - plain, plain=plain)
    drawn = bits(network, latents[6:])
    grow_out_of_hyperprior(network, source, latents[:6])
    assert bits(network, latents[:6]) < 1.03 * bits(source, latents[:6])
    assert bits(network, latents[6:]) < 1.08 * bits(source, latents[6:])
    assert bits(network, latents[6:]) < 0.6 * drawn


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_side_information_is_that_of_the_hyperprior(hyperprior, beta):
    """Exactly, less its medians; of a coarser step as well."""
    source, latents = hyperprior
    network = lee()
    grow_out_of_hyperprior(network, source, [y / beta for y in latents], beta)
    with torch.no_grad():
        medians = source.density.medians[:, None, None]
        z = source.hyper_analysis(latents[0]) - medians
        torch.testing.assert_close(network.hyper_analysis(latents[0] / beta), z)
        z_hat = torch.round(z)
        found = torch.exp(network.hyper_synthesis(z_hat)[0])
        expected = source.scales(z_hat + medians) / beta
        differences = (found / expected).log().abs()
        assert differences[expected > 0.3].mean() < 0.25
        mean, scale = network.all_parameters(torch.round(latents[0] / beta), found.log())
        assert not mean.any()
        torch.testing.assert_close(scale, found.clamp(min=0.01), rtol=1e-4, atol=0)
    # By the first step the context begins to count.
    network.all_parameters(torch.round(latents[0]), found.log())[0].sum().backward()
    assert network.estimator[3].weight.grad[:96].any()


def test_a_family_begins_so_and_learns(toml, photos, tmp_path):
    """From a file, with the scale of samples folded; the file says what it grew out of."""
    first = train(read(toml("balle2018", optimizer={"steps": 40, "rate": 1e-2})), tmp_path / "b")
    path = toml(
        "lee2019",
        start={"file": str(first.finished[0]), "parts": PARTS},
        network={"hidden": 4, "context": 6, "plain": 0, "magnitudes": True},
        freeze=True,
        optimizer={"steps": 40, "rate": 1e-2},
    )
    (file,) = train(read(path), tmp_path / "out").finished
    assert file.name == "lee2019-magnitudes-0.5.safetensors"
    card = weights.read_card(file)
    assert card.training["start"] == "balle2018-0.5.safetensors: g_a, g_s, h_a, h_s"
    assert card.configuration["magnitudes"] is True
    log = (tmp_path / "out" / "log.csv").read_text().splitlines()
    first_bpp, last_bpp = (float(line.split(",")[3]) for line in (log[1], log[-1]))
    assert last_bpp < first_bpp


@pytest.mark.parametrize(
    ("parts", "network", "message"),
    [
        (["g_a", "g_s", "h_a"], {}, "'h_a' of balle2018 is not what it is in lee2019; g_a and g_s"),
        (["h_a", "h_s"], {}, "are, or g_a, g_s, h_a, h_s together"),
        ([*PARTS, "density"], {}, "'h_a' of balle2018 is not"),
        (PARTS, {"magnitudes": False}, "fit networks with 'magnitudes = true'"),
        (PARTS, {"context": 4, "plain": 3}, "does not fit lee2019-magnitudes-0.5"),
        (PARTS, {"hidden": 5}, "does not fit lee2019-magnitudes-0.5"),
    ],
)
def test_what_cannot_grow_is_answered(toml, tmp_path, parts, network, message):
    (file,) = train(read(toml("balle2018")), tmp_path / "b").finished
    network = {"hidden": 4, "context": 6, "plain": 0, "magnitudes": True, **network}
    path = toml("lee2019", start={"file": str(file), "parts": parts}, network=network)
    with pytest.raises(UsageError) as caught:
        train(read(path), tmp_path / "out")
    assert message in str(caught.value)


def test_magnitudes_are_of_networks_with_a_hyperprior():
    with pytest.raises(UsageError, match="has no h_a for magnitudes"):
        lee(contexts="bit-free")
    network, signed = lee(hidden=4, context=6), lee(hidden=4, context=6, magnitudes=False)
    y = torch.randn(1, 6, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(network.hyper_analysis(y), network.hyper_analysis(-y))
        assert torch.equal(network.hyper_analysis(-y), signed.hyper_analysis(y.abs()))
        assert not torch.equal(signed.hyper_analysis(-y), signed.hyper_analysis(y))


def test_a_fit_finds_the_layer_that_there_was():
    generator = torch.Generator().manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(4, 2, 3, padding=1)
    )
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    inputs = [torch.randn(1, 3, 20, 20, generator=generator) for _ in range(3)]
    with torch.no_grad():
        targets = [layers(values) for values in inputs]
        weight = layers[1].weight.clone()
        layers[1].weight.zero_()
        fit_last(layers, inputs, targets)
    torch.testing.assert_close(layers[1].weight, weight, rtol=0, atol=1e-3)


def test_magnitudes_are_of_latents_that_are_not_rounded():
    """In training and in streams alike, at any step; signed latents are rounded ones."""
    network, signed = lee(hidden=4, context=6), lee(hidden=4, context=6, magnitudes=False)
    y = 3 * torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(1))
    for one, seen in ((network, y), (signed, 2 * torch.round(y / 2))):
        with torch.no_grad():
            z = torch.round(one.hyper_analysis(seen))[0].numpy()
        execution = Execution()
        coder = LeeCompressor("lee2019", copy.deepcopy(one), bytes(8), execution)
        with torch.inference_mode():
            assert (coder.encode_latents(y, 2.0).symbols["z"] == z).all()
