"""The compressive autoencoder of Theis et al. 2017: its layers, mixtures and bound."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.models.theis2017 import GaussianScaleMixture, Theis2017  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(41)


def lively(rng: torch.Generator) -> Theis2017:
    network = Theis2017(maps=6, width=16, generator=rng)
    with torch.no_grad():
        network.encoder[-1].weight.mul_(30)
    return network


def test_layers_are_those_of_figure_2():
    kernels = [p for p in Theis2017().parameters() if p.ndim == 4]
    shapes = [(len(w), w.shape[2]) for w in kernels]
    residual = [(128, 3)] * 6
    encoder = [(64, 5), (128, 5), *residual, (96, 5)]
    assert shapes == [*encoder, (512, 3), *residual, (256, 3), (12, 3)]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 40), (64, 24)])
def test_latents_are_an_eighth_and_images_come_back_in_their_size(rng, height, width):
    network = lively(rng).eval()
    images = torch.rand(2, 3, height, width, generator=rng) * 255
    with torch.no_grad():
        assert network.analysis(images).shape == (2, 6, height // 8, width // 8)
        output = network(images)
    assert output.images.shape == images.shape
    assert output.likelihoods["y"].shape == (2, 6, height // 8, width // 8)


def mixture(rng: torch.Generator) -> GaussianScaleMixture:
    density = GaussianScaleMixture(2)
    with torch.no_grad():
        density.logits.copy_(torch.randn(2, 6, generator=rng))
        density.log_scales.add_(torch.randn(2, 6, generator=rng) * 0.3)
    return density


def test_mixtures_are_those_of_scipy(rng):
    density = mixture(rng)
    values = torch.randn(3, 2, 4, 5, generator=rng, dtype=torch.float64) * 5
    got = density.density(values).detach().numpy()
    masses = density.mass(values).detach().numpy()
    weights = np.exp(density.logits.detach().numpy())
    weights /= weights.sum(axis=1, keepdims=True)
    scales = np.exp(density.log_scales.detach().numpy())
    for i in range(2):
        x = values[:, i].numpy()[..., None]
        expected = (weights[i] * scipy.stats.norm.pdf(x, scale=scales[i])).sum(-1)
        np.testing.assert_allclose(got[:, i], expected, rtol=1e-5)
        cdf = scipy.stats.norm(scale=scales[i]).cdf
        expected = (weights[i] * (cdf(x + 0.5) - cdf(x - 0.5))).sum(-1)
        np.testing.assert_allclose(masses[:, i], expected, rtol=1e-5)


@pytest.mark.parametrize("width", [0.5, 2.7, 10.0])
def test_masses_of_bins_of_any_width_are_those_of_scipy_and_sum_to_one(rng, width):
    density = mixture(rng)
    values = (torch.arange(-700, 701, dtype=torch.float64) * width).repeat(2, 1)[None, :, None]
    masses = density.mass(values, width).detach().numpy()[0, :, 0]
    assert masses.dtype == np.float64
    np.testing.assert_allclose(masses.sum(1), 1, atol=1e-12)
    weights = scipy.special.softmax(density.logits.detach().numpy(), axis=1)
    scales = np.exp(density.log_scales.detach().numpy())
    cdf = scipy.stats.norm(scale=scales[0]).cdf
    expected = (weights[0] * (cdf(1.5 * width) - cdf(0.5 * width))).sum()
    assert masses[0, 701] == pytest.approx(expected, rel=1e-5)


def test_the_rate_in_training_is_above_that_of_the_masses(rng):
    """Jensen: −log2 Q(z) ≤ −∫ log2 q(z + u) du, here by quadrature over u."""
    density = mixture(rng)
    for symbol in range(-8, 9):
        u = torch.linspace(-0.5, 0.5, 1001, dtype=torch.float64).repeat(2, 1)[None, :, None]
        bits = -torch.log2(density.density(symbol + u)).detach()[0, :, 0].numpy()
        bound = scipy.integrate.trapezoid(bits, dx=1e-3, axis=1)
        mass = density.mass(torch.full((1, 2, 1, 1), float(symbol), dtype=torch.float64))
        exact = -torch.log2(mass).detach().numpy().ravel()
        assert (bound >= exact - 1e-6).all()
        assert (bound <= exact + 0.5).all()


def test_images_are_those_of_rounded_latents_in_training_too(rng, photo):
    network = lively(rng)
    y = network.analysis(photo)
    assert torch.round(y).unique().numel() > 5
    expected = network.synthesis(torch.round(y))
    assert torch.equal(network.train()(photo, rng).images, expected)
    assert torch.equal(network.eval()(photo).images, expected)


def test_larger_gains_cost_more_and_change_the_image_less(rng, photo):
    network = lively(rng).eval()
    outputs = []
    with torch.no_grad():
        plain = network.synthesis(network.analysis(photo))
        for gain in (0.25, 1.0, 4.0):
            network.log_gains.fill_(np.log(gain))
            outputs.append(network(photo))
    bits = [output.bits_per_pixel().item() for output in outputs]
    errors = [((output.images - plain) ** 2).mean().item() for output in outputs]
    assert bits == sorted(bits)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 4 * errors[2]


def test_training_lowers_the_loss(rng, photo):
    network = Theis2017(maps=8, width=16, generator=rng).train()
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        output = network(photo, rng)
        loss = output.bits_per_pixel() + 0.01 * ((output.images - photo) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])
