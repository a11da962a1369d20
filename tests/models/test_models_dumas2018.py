"""The autoencoder of Dumas et al. 2018: its counts, its loss, its way through quantization."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.errors import UsageError  # noqa: E402
from rdbench.models.compression.base import Execution  # noqa: E402
from rdbench.models.compression.dumas import DumasCompressor  # noqa: E402
from rdbench.models.dumas2018 import (  # noqa: E402
    STEP_RATE,
    Dumas2018,
    empirical_bits,
    exception_map,
    map_means,
    uniformity,
)
from rdbench.models.layers import uniform_noise  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.fixture
def luma(photo):
    return photo.mean(dim=1, keepdim=True)


@pytest.mark.parametrize(("case", "count"), [(1, 1_758_848), (2, 1_725_824), (3, 1_758_848)])
def test_parameter_counts_are_those_of_the_authors_code(case, count):
    network = Dumas2018(case)
    assert sum(p.numel() for p in network.transform_parameters()) == count
    assert sum(p.numel() for p in network.step_parameters()) == (128 if case == 2 else 0)


def test_layers_follow_one_another_as_in_the_authors_code():
    def names(part) -> list[str]:
        short = {"SameConv2d": "conv", "SameTransposedConv2d": "tconv", "ProjectedGDN": "gdn"}
        return [short[type(layer).__name__] + "i" * getattr(layer, "inverse", 0) for layer in part]

    plain, normalized = Dumas2018(2, maps=4), Dumas2018(1, maps=4)
    assert names(plain.encoder) == ["conv", "gdn", "conv", "gdn", "conv"]
    assert names(plain.decoder) == ["tconv", "gdni", "tconv", "gdni", "tconv"]
    assert names(normalized.encoder) == ["conv", "gdn", "conv", "gdn", "conv", "gdn"]
    assert names(normalized.decoder) == ["gdni", "tconv", "gdni", "tconv", "gdni", "tconv"]
    assert [layer.stride for layer in plain.encoder if hasattr(layer, "stride")] == [4, 2, 2]
    assert [layer.stride for layer in plain.decoder if hasattr(layer, "stride")] == [2, 2, 4]
    assert plain.decoder[-1].bias is None
    assert plain.decoder[0].bias is not None
    deviations = [p.detach().std().item() for p in Dumas2018(1).encoder.parameters() if p.ndim == 4]
    np.testing.assert_allclose(deviations, [0.01, 0.02, 0.05], rtol=0.03)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 48), (80, 112)])
@pytest.mark.parametrize("channels", [1, 3])
def test_latents_are_a_sixteenth_and_images_come_back_in_their_size(height, width, channels):
    network = Dumas2018(1, maps=4, channels=channels)
    images = torch.zeros(2, channels, height, width)
    latents = network.encoder(images)
    assert latents.shape == (2, 4, height // 16, width // 16)
    assert network.decoder(latents).shape == images.shape


def test_seeded_networks_are_equal(rng):
    first, second = (Dumas2018(2, maps=4, generator=rng.manual_seed(1)) for _ in range(2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_unknown_cases_and_channels_are_refused():
    with pytest.raises(ValueError, match="case 4"):
        Dumas2018(4)
    with pytest.raises(ValueError, match="2 channels"):
        Dumas2018(1, channels=2)


def test_the_loss_is_that_of_the_paper(rng):
    """Equation 4 with the sums written out for crops of 256×256, where no scaling takes place."""
    network = Dumas2018(2, maps=3, generator=rng)
    with torch.no_grad():
        network.steps.copy_(torch.tensor([0.8, 1.0, 2.5]))
    images = torch.rand(2, 1, 256, 256, generator=rng) * 255
    latents = network.encoder(images)
    noise = uniform_noise(latents, rng)
    loss = network.loss(images, latents, noise, 12000.0)

    noisy = latents.detach() + torch.tensor([0.8, 1.0, 2.5])[:, None, None] * noise
    error = (images - network.decoder(noisy)).detach().numpy() ** 2
    entropies = []
    for i, step in enumerate((0.8, 1.0, 2.5)):
        grid = np.linspace(-10, 10, 101)
        density = np.interp(noisy[:, i].numpy(), grid, network.density.values[i].numpy())
        entropies.append(-math.log2(step) - np.log2(density).mean())
    kernels = [p.detach().numpy() for p in network.parameters() if p.ndim == 4]
    decay = 5e-4 * sum(0.5 * (w.astype(float) ** 2).sum() for w in kernels)
    assert len(kernels) == 6
    distortion = error.sum() / 2
    np.testing.assert_allclose(loss.entropies.detach(), entropies, rtol=1e-4)
    np.testing.assert_allclose(loss.decay.detach(), decay, rtol=1e-5)
    np.testing.assert_allclose(loss.distortion.detach(), distortion, rtol=1e-4)
    total = distortion + 12000 * sum(entropies) + decay
    np.testing.assert_allclose(loss.total.detach(), total, rtol=1e-4)
    # Per pixel it is MSE + (γ/256)·bpp.
    bits_per_pixel = loss.bits_per_pixel.item()
    assert bits_per_pixel == pytest.approx(sum(entropies) / 256, rel=1e-4)
    per_pixel = error.mean() + 12000 / 256 * bits_per_pixel + decay / 65536
    assert loss.total.item() / 65536 == pytest.approx(per_pixel, rel=1e-4)


def test_crops_of_another_size_weigh_rate_and_distortion_alike(rng):
    network = Dumas2018(1, maps=3, generator=rng)
    with torch.no_grad():
        for name in ("encoder", "decoder"):
            for parameter in getattr(network, name).parameters():
                parameter.mul_(parameter.ndim != 4)
    flat = {}
    for side in (64, 256):
        images = torch.full((1, 1, side, side), 7.0)
        latents = network.encoder(images)
        flat[side] = network.loss(images, latents, torch.zeros_like(latents), 10000.0)
    assert flat[64].distortion.item() == flat[256].distortion.item() == 49 * 65536
    assert flat[64].total.item() == pytest.approx(flat[256].total.item())


def test_steps_have_the_gradient_of_equation_4(rng):
    """Against finite differences in double precision."""
    network = Dumas2018(2, maps=2, generator=rng).double()
    images = torch.rand(1, 1, 32, 32, generator=rng, dtype=torch.float64) * 255
    latents = network.encoder(images).detach()
    noise = uniform_noise(latents, rng)
    network.loss(images, latents, noise, 10000.0).total.backward()
    for i in range(2):
        ends = []
        for change in (1e-7, -1e-7):
            with torch.no_grad():
                network.steps[i] += change
                ends.append(network.loss(images, latents, noise, 10000.0).total.item())
                network.steps[i] -= change
        slope = (ends[0] - ends[1]) / 2e-7
        assert network.steps.grad[i].item() == pytest.approx(slope, rel=1e-4)


def test_projection_clips_steps_and_normalizations(rng):
    network = Dumas2018(2, maps=3, generator=rng)
    with torch.no_grad():
        network.steps.copy_(torch.tensor([0.1, 2.0, 9.0]))
        network.encoder[1].gamma[0, 1] = -1
    network.project()
    np.testing.assert_allclose(network.steps.detach(), [0.8, 2.0, 4.0], rtol=1e-6)
    gamma = network.encoder[1].gamma.detach()
    assert gamma.min() >= 2e-5
    assert torch.equal(gamma, gamma.T)


def test_densities_widen_before_they_are_fitted(rng):
    network = Dumas2018(1, maps=2, generator=rng)
    latents = torch.zeros(1, 2, 4, 4)
    latents[0, 1, 0, 0] = -17.5
    network.fit_density(latents, torch.zeros_like(latents))
    # max|y| + ½ = 18, so ρ = 19; all of the histogram falls on the grid.
    assert network.density.extent == 19
    assert network.density.values[1, 5 * 19 - 87].item() == pytest.approx(
        0.08 * 5 / 16 / 2, rel=0.01
    )
    with pytest.raises(UsageError, match="diverged"):
        network.fit_density(latents / 0, latents)


@pytest.mark.parametrize(("case", "channels"), [(1, 1), (2, 1), (1, 3)])
def test_training_lowers_the_loss(case, channels, luma, photo, rng):
    images = luma if channels == 1 else photo
    network = Dumas2018(case, maps=32, channels=channels, generator=rng)
    adam = torch.optim.Adam(network.transform_parameters(), lr=1e-4)
    steps = network.step_parameters()
    descent = torch.optim.SGD(steps, lr=STEP_RATE) if steps else None
    totals = []
    for _ in range(50):
        latents = network.encoder(images)
        network.fit_density(latents, uniform_noise(latents, rng))
        loss = network.loss(images, latents, uniform_noise(latents, rng), 10000.0)
        network.zero_grad()
        loss.total.backward()
        adam.step()
        if descent:
            descent.step()
        network.project()
        totals.append(loss.total.item())
    assert np.mean(totals[-5:]) < 0.7 * np.mean(totals[:3])
    if case == 2:
        moved = network.steps.detach() - 1
        assert 0 < moved.abs().max() < 0.5


def test_means_are_taken_off_in_cases_2_and_3():
    assert [Dumas2018(case, maps=2).centered for case in (1, 2, 3)] == [False, True, True]


def test_luma_is_clipped_to_its_range_and_rgb_to_eight_bits(rng):
    for channels, low, high in ((1, 16, 235), (3, 0, 255)):
        network = Dumas2018(1, maps=2, channels=channels, generator=rng)
        with torch.no_grad():
            network.decoder[-1].weight.mul_(1e5)
        coder = DumasCompressor("any", network, bytes(8), Execution())
        pixels = coder.synthesis(torch.randn(1, 2, 4, 4, generator=rng) * 10, 64, 64)
        assert pixels.dtype == np.uint8
        assert (int(pixels.min()), int(pixels.max())) == (low, high)


def test_means_are_taken_over_images_of_any_size():
    rng = np.random.default_rng(0)
    latents = [rng.normal(size=(2, h, w)).astype(np.float32) for h, w in ((3, 4), (5, 2))]
    joined = np.concatenate([image.reshape(2, -1) for image in latents], axis=1)
    np.testing.assert_allclose(map_means(latents), joined.mean(axis=1, dtype=float), rtol=1e-9)


def test_uniformity_is_the_divergence_of_scipy():
    values = np.random.default_rng(1).laplace(0.3, 2, 5000).astype(np.float32)
    counts = np.bincount(np.floor(values - np.floor(values.min())).astype(int))
    counts = counts[counts > 0]
    # SciPy's distance is the root of the divergence.
    expected = scipy.spatial.distance.jensenshannon(counts, np.ones(counts.size), base=2) ** 2
    assert uniformity(values) == pytest.approx(expected, rel=1e-9)
    assert uniformity(np.full(9, 3.0, np.float32)) == 1
    assert uniformity(np.full(9, 3.2, np.float32)) == 1
    assert uniformity(np.arange(64, dtype=np.float32) + 0.5) == 0


def test_the_exception_map_is_the_one_like_a_brightness():
    rng = np.random.default_rng(2)
    latents = [rng.laplace(0, 1.5, (5, 8, 8)).astype(np.float32) for _ in range(20)]
    for image in latents:
        image[3] = rng.uniform(0, 200, (8, 8))
    assert exception_map(latents) == 3


def test_empirical_bits_are_the_entropy_of_each_map():
    symbols = np.random.default_rng(3).integers(-3, 4, (2, 6, 5)).astype(np.int32)
    symbols[1] = 7
    counts = np.bincount(symbols[0].ravel() + 3)
    expected = 30 * scipy.stats.entropy(counts, base=2)
    assert empirical_bits(symbols) == pytest.approx(expected)


def test_observed_densities_are_those_of_the_latents():
    """At the trained step: a map that is nearly always 0 costs next to nothing, as its frequencies
    say, and where a small set has nothing among its latents there is no gap."""
    latents = np.zeros((128, 40, 25), np.float32)
    latents[:, ::10, 0] = 3.0
    latents[:, 5, 5] = 3.5
    network = Dumas2018(1)
    network.observe([latents], torch.Generator().manual_seed(0))
    ones, zeros = torch.ones(128, dtype=torch.float64), torch.zeros(128, dtype=torch.float64)
    masses = network.density.bin_masses(ones, zeros, -4, 4) / network.density.integral()[:, None]
    assert (masses[:, 4] > 0.97).all()  # of latents 0.995
    assert (masses[:, 5] > 0.005).all()  # beside 0, where no latent is
