"""Densities against CompressAI, SciPy, NumPy's interpolation and automatic differentiation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.errors import UsageError  # noqa: E402
from rdbench.models.densities import (  # noqa: E402
    FactorizedDensity,
    PiecewiseLinearDensity,
    Reconstruction,
    gaussian_likelihood,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_gaussian_likelihood_is_that_of_scipy_far_into_the_tails():
    y = torch.linspace(-60, 60, 241, dtype=torch.float64)
    for mean, scale, width in [(0.0, 1.0, 1.0), (0.3, 2.5, 1.0), (-1.0, 30.0, 4.0)]:
        got = gaussian_likelihood(y, mean, scale, width).numpy()
        distance = np.abs(y.numpy() - mean)
        sf = scipy.stats.norm.sf
        expected = sf((distance - width / 2) / scale) - sf((distance + width / 2) / scale)
        seen = expected > 1e-290
        assert seen.sum() > 60
        np.testing.assert_allclose(got[seen], expected[seen], rtol=1e-10)
        assert 0.5 * (got[0] + got[-1]) <= got.max() <= 1


def test_gaussian_likelihood_in_single_precision_keeps_its_digits_in_the_tails():
    y = torch.tensor([0.0, 1.0, -4.0, 7.0, -9.0, 12.0])
    exact = gaussian_likelihood(y.double(), 0.0, 1.0)
    assert float(exact[-1]) < 1e-29
    np.testing.assert_allclose(gaussian_likelihood(y, 0.0, 1.0), exact, rtol=3e-5)


def test_gaussian_likelihoods_of_all_steps_sum_to_one():
    y = torch.arange(-400, 401, dtype=torch.float64)
    for scale in (0.01, 0.5, 20.0):
        assert float(gaussian_likelihood(y, 0.37, scale).sum()) == pytest.approx(1, abs=1e-12)


def test_rate_of_a_reconstruction_is_minus_log2_of_its_likelihoods():
    likelihoods = {"y": torch.full((2, 3, 2, 2), 0.25), "z": torch.full((2, 1, 1, 1), 0.5)}
    reconstruction = Reconstruction(torch.zeros(2, 3, 32, 32), likelihoods)
    assert reconstruction.bits_per_pixel().item() == (24 * 2 + 2) / (2 * 32 * 32)


def both(compressai, rng: torch.Generator, channels: int = 4):
    """CompressAI's density and ours with the same random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(7)  # CompressAI draws its weights from the global generator
        theirs = compressai.entropy_models.EntropyBottleneck(channels)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name != "quantiles":
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=rng))
        theirs.quantiles[:, 0, 1] = torch.randn(channels, generator=rng)
    ours = FactorizedDensity(channels)
    state = {"medians": theirs.quantiles.detach()[:, 0, 1]}
    for ours_name, theirs_name in (
        ("matrices", "matrix"),
        ("biases", "bias"),
        ("factors", "factor"),
    ):
        for k in range(5 if ours_name != "factors" else 4):
            state[f"{ours_name}.{k}"] = getattr(theirs, f"_{theirs_name}{k}").detach()
    ours.load_state_dict(state)
    return theirs.eval(), ours


def test_factorized_likelihood_is_that_of_compressai(compressai, rng):
    theirs, ours = both(compressai, rng)
    latents = torch.randn(2, 4, 3, 5, generator=rng) * 6
    rounded, likelihood = theirs(latents)
    assert torch.equal(ours.round(latents), rounded)
    torch.testing.assert_close(ours(rounded), likelihood, rtol=1e-5, atol=1e-6)


def test_factorized_medians_are_those_of_compressai(compressai, rng):
    theirs, ours = both(compressai, rng)
    theirs._update_quantiles()
    ours.find_medians()
    expected = theirs.quantiles.detach()[:, 0, 1].numpy()
    np.testing.assert_allclose(ours.medians.numpy(), expected, atol=2e-3)
    at_medians = ours.logits(ours.medians.double()[:, None, None]).detach()
    assert float(at_medians.abs().max()) < 1e-5


def test_factorized_gradient_is_that_of_compressai(compressai, rng):
    theirs, ours = both(compressai, rng)
    latents = torch.round(torch.randn(2, 4, 3, 5, generator=rng) * 3)
    with torch.no_grad():
        theirs.quantiles[:, 0, 1] = 0
    for values in (theirs(latents)[1], ours(latents)):
        (-torch.log2(values)).sum().backward()
    torch.testing.assert_close(ours.matrices[2].grad, theirs._matrix2.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours.biases[0].grad, theirs._bias0.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.7, 10.0])
def test_factorized_masses_of_bins_of_any_width_sum_to_one(rng, width):
    density = FactorizedDensity(3, generator=rng)
    steps = torch.arange(-800, 801, dtype=torch.float64) * width
    values = (density.medians.double()[:, None] + steps)[None, :, None]
    masses = density.mass(values, width).detach()[0, :, 0]
    assert masses.dtype == torch.float64
    np.testing.assert_allclose(masses.sum(1), 1, atol=1e-6)
    edges = torch.tensor([[[0.5 * width, 1.5 * width]]], dtype=torch.float64).repeat(3, 1, 1)
    cumulative = scipy.special.expit(density.logits(edges).detach().numpy())[:, 0]
    np.testing.assert_allclose(masses[:, 801], cumulative[:, 1] - cumulative[:, 0], rtol=1e-9)


def test_factorized_likelihoods_keep_their_digits_in_both_tails():
    """Single precision against sigmoids of double precision, written as differences of tanh."""
    density = FactorizedDensity(1, generator=torch.Generator().manual_seed(1))
    latents = torch.linspace(-150, 150, 61)
    got = density(latents.view(1, 1, 1, -1)).detach().flatten()
    lower, upper = (
        density.logits((latents.double() + side).view(1, 1, -1)).detach().flatten()
        for side in (-0.5, 0.5)
    )
    # σ(b) − σ(a) = sinh((b − a)/2) / (2 cosh(a/2) cosh(b/2))
    exact = torch.sinh((upper - lower) / 2) / (2 * torch.cosh(lower / 2) * torch.cosh(upper / 2))
    assert exact[0] < 1e-6
    assert exact[-1] < 1e-6
    seen = exact > 2e-9
    np.testing.assert_allclose(got[seen], exact[seen], rtol=1e-3)


def test_a_latent_at_the_very_center_has_its_likelihood():
    """Where both logits are equal and opposite, neither side is the lower tail."""
    density = FactorizedDensity(1)
    with torch.no_grad():
        for bias in density.biases:
            bias.zero_()
    assert density(torch.zeros(1, 1, 1, 1)).item() > 0.01


def test_seeded_factorized_densities_are_equal():
    first, second = (FactorizedDensity(2, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    assert all(torch.equal(a, b) for a, b in zip(first.biases, second.biases, strict=True))


def random_density(rng: torch.Generator, maps: int = 2, extent: int = 4) -> PiecewiseLinearDensity:
    density = PiecewiseLinearDensity(maps, extent=extent)
    density.values.copy_(torch.rand(density.values.shape, generator=rng) + 0.01)
    return density


def test_grid_starts_as_a_cauchy_density():
    density = PiecewiseLinearDensity(3)
    assert density.values.shape == (3, 101)
    expected = scipy.stats.cauchy.pdf(np.linspace(-10, 10, 101))
    np.testing.assert_allclose(density.values, np.tile(expected, (3, 1)), rtol=1e-5)


def test_piecewise_density_interpolates(rng):
    density = random_density(rng)
    latents = (torch.rand(3, 2, 4, 5, generator=rng) - 0.5) * 8
    latents[0, 0, 0, :4] = torch.tensor([-4.0, 4.0, 0.0, 0.2])
    got = density(latents)
    grid = np.linspace(-4, 4, 41)
    for i in range(2):
        expected = np.interp(latents[:, i].numpy(), grid, density.values[i].numpy())
        np.testing.assert_allclose(got[:, i].numpy(), expected, rtol=2e-4)


def test_gradient_of_the_density_is_its_slope(rng):
    density = random_density(rng, maps=1)
    latents = torch.tensor([-3.97, -0.05, 0.31, 2.55]).view(1, 1, 1, 4).requires_grad_()
    density(latents).sum().backward()
    cells = np.floor((latents.detach().numpy().ravel() + 4) * 5).astype(int)
    values = density.values[0].numpy()
    slopes = (values[cells + 1] - values[cells]) * 5
    np.testing.assert_allclose(latents.grad.numpy().ravel(), slopes, rtol=1e-5)


def test_beyond_the_grid_the_density_is_its_floor_without_gradient(rng):
    density = random_density(rng)
    latents = torch.tensor([-1e9, -4.01, 4.5, 77.0]).repeat(2, 1)[None, :, None].requires_grad_()
    got = density(latents)
    assert torch.equal(got, torch.full_like(got, 1e-6))
    got.sum().backward()
    assert not latents.grad.any()


def test_a_density_step_is_gradient_descent_on_its_loss(rng):
    """The loss by an interpolation matrix, differentiated by torch, stepped by torch's SGD."""
    density = random_density(rng)
    latents = (torch.rand(3, 2, 4, 5, generator=rng) - 0.5) * 8
    psi = torch.nn.Parameter(density.values.double())
    grid = torch.linspace(-4, 4, 41, dtype=torch.float64)
    samples = latents.double().transpose(0, 1).flatten(1)
    hats = (1 - 5 * (samples[:, :, None] - grid).abs()).clamp(min=0)
    loss = (psi**2).sum() / 5 - 2 * torch.einsum("inl,il->i", hats, psi).sum() / 60
    loss.backward()
    torch.optim.SGD([psi], lr=0.2).step()
    density.step(latents)
    np.testing.assert_allclose(density.values, psi.detach(), rtol=1e-4)


def test_a_density_step_is_a_moving_average_of_histograms(rng):
    """ψ ← 0.92 ψ + 0.08 ĥ with ĥ the linear-interpolation histogram."""
    density = PiecewiseLinearDensity(1, extent=2)
    before = density.values.clone()
    density.step(torch.tensor([0.0, 0.0, 0.1, 1.2]).view(1, 1, 2, 2))
    histogram = torch.zeros(21)
    histogram[10], histogram[11], histogram[16] = 2.5, 0.5, 1
    torch.testing.assert_close(density.values[0], 0.92 * before[0] + 0.08 * 5 / 4 * histogram)


def test_densities_fit_what_they_are_shown(rng):
    density = PiecewiseLinearDensity(1)
    for _ in range(150):
        density.step(torch.randn(4, 1, 32, 32, generator=rng) * 2 + 1)
    grid = np.linspace(-10, 10, 101)
    expected = scipy.stats.norm.pdf(grid, 1, 2)
    assert np.abs(density.values[0].numpy() - expected).max() < 0.01
    assert density.integral().item() == pytest.approx(1, abs=1e-4)


def test_values_stay_above_the_floor():
    density = PiecewiseLinearDensity(1, extent=2)
    for _ in range(400):
        density.step(torch.zeros(1, 1, 2, 2))
    assert density.values.min().item() == pytest.approx(1e-6)
    assert density.values[0, 10].item() == pytest.approx(5, rel=1e-4)


def test_the_grid_widens_to_cover_what_comes(rng):
    density = random_density(rng)
    before = density.values.clone()
    assert not density.cover(3.99)
    assert density.cover(4.0)
    assert density.extent == 5
    assert density.cover(6.1)
    assert density.extent == 8
    assert density.values.shape == (2, 81)
    assert torch.equal(density.values[:, 20:-20], before)
    assert torch.equal(density.values[:, :20], torch.full((2, 20), 1e-6))
    assert not density.cover(1.0)
    with pytest.raises(UsageError, match="diverged"):
        density.cover(math.nan)


def test_a_widened_grid_is_saved_and_loaded(rng):
    density = random_density(rng)
    density.cover(20.0)
    other = PiecewiseLinearDensity(2)
    other.load_state_dict(density.state_dict())
    assert torch.equal(other.values, density.values)
    assert other.extent == 21
    with pytest.raises(RuntimeError, match="size mismatch"):
        PiecewiseLinearDensity(3).load_state_dict(density.state_dict())


def test_integrals_are_those_of_quadrature(rng):
    density = random_density(rng)
    edges = torch.tensor([[-4.0, -3.333, -0.01, 0.2, 3.999]]).repeat(2, 1)
    got = density.cumulative(edges).numpy()
    grid = np.linspace(-4, 4, 41)
    for i in range(2):
        values = density.values[i].numpy().astype(float)
        for edge, integral in zip(edges[i].double().numpy(), got[i], strict=True):
            kinks = [*grid[grid < edge], edge]
            expected = scipy.integrate.trapezoid(np.interp(kinks, grid, values), kinks)
            assert integral == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("width", [0.3, 1.0, 1.7, 10.0])
def test_bins_of_any_width_sum_to_the_integral(rng, width):
    density = random_density(rng)
    widths, centers = torch.tensor([width, 0.8]), torch.tensor([0.4, -2.0])
    masses = density.bin_masses(widths, centers, -30, 30)
    assert masses.dtype == torch.float64
    np.testing.assert_allclose(masses.sum(1), density.integral(), rtol=1e-12)
    fine = np.linspace(0.4 + 0.5 * width, 0.4 + 1.5 * width, 200_001)
    values = np.interp(fine, np.linspace(-4, 4, 41), density.values[0].numpy(), left=0, right=0)
    assert masses[0, 31].item() == pytest.approx(scipy.integrate.trapezoid(values, fine), abs=1e-4)
