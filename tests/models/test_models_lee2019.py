"""The network of Lee et al. 2019: its tables, its context model, its two ways of training."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.models.layers import uniform_noise  # noqa: E402
from rdbench.models.lee2019 import (  # noqa: E402
    SCALE_RANGE,
    Configuration,
    Lee2019,
    configuration,
    loss_lambda,
)
from rdbench.training.trainers.lee2019 import Lee2019Trainer  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

BASE = Configuration(6, context=8)
HYBRID = Configuration(6, context=8, plain=5)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(31)


def lively(channels: Configuration, rng: torch.Generator, **options) -> Lee2019:
    """A network whose latents, contexts and scales are some steps wide."""
    network = Lee2019(channels, generator=rng, **options)
    with torch.no_grad():
        network.g_a[-1].weight.mul_(40)
        if network.hyperprior:
            network.h_a[-1].weight.mul_(100)
            network.h_s[-1].weight.mul_(5)
        network.estimator[-1].weight.mul_(20)
    return network


def test_weights_are_those_worked_out_from_the_published_curves():
    """Of the distortion beside bits: w = (1−λ)/(1000 λ ln 2), the rate of equation 6 being in nats,
    as the slopes of the paper's curves say; tabulated to three digits for the MSE networks."""

    def weight(quality, optimized="mse"):
        objective = optimized.replace("-", "_")
        bits, squares, structure = Lee2019Trainer.weights(
            loss_lambda(quality, objective), optimized
        )
        return (squares if optimized == "mse" else structure) / bits

    expected = [0.00144, 0.00216, 0.00337, 0.00577, 0.01058, 0.0226, 0.0466, 0.0834, 0.1428]
    got = [weight(quality) for quality in range(1, 10)]
    np.testing.assert_allclose(got, expected, rtol=2e-3)
    # The MS-SSIM networks have λ = .1 and .05 at qualities 5 and 6, and D = 3000 (1 − MS-SSIM).
    expected = [4.328, 6.492, 10.099, 17.312, 38.952, 82.233, 139.94, 250.27, 428.48]
    got = [weight(quality, "ms-ssim") for quality in range(1, 10)]
    np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_configurations_are_those_of_the_test_code():
    for objective, seventh in (("mse", 228), ("ms_ssim", 192)):
        got = [configuration(quality, objective) for quality in range(1, 10)]
        assert [c.hidden for c in got] == [128] * 5 + [320] * 2 + [400] * 2
        assert [c.plain for c in got] == [0] * 5 + [192, seventh, 408, 408]
        assert {c.context for c in got} == {192}
        lambdas = [loss_lambda(quality, objective) for quality in range(1, 10)]
        assert lambdas == sorted(lambdas, reverse=True)
    for quality in (0, 10):
        with pytest.raises(ValueError, match="not within 1 to 9"):
            configuration(quality)
        with pytest.raises(ValueError, match="not within 1 to 9"):
            loss_lambda(quality)


@pytest.mark.parametrize("channels", [BASE, HYBRID])
def test_shapes_over_multiples_of_the_stride(channels, rng):
    network = Lee2019(channels, generator=rng).eval()
    for rows, columns in ((1, 1), (1, 2), (2, 1)):
        images = torch.rand(2, 3, 64 * rows, 64 * columns, generator=rng) * 255
        with torch.no_grad():
            output = network(images)
        assert output.images.shape == images.shape
        shapes = {name: tuple(values.shape) for name, values in output.likelihoods.items()}
        expected = {"y1": (2, 8, 4 * rows, 4 * columns), "z": (2, 6, rows, columns)}
        if channels.plain:
            expected["y2"] = (2, 5, 4 * rows, 4 * columns)
        assert shapes == expected


def test_no_latent_moves_the_parameters_of_an_earlier_or_its_own_position(rng):
    network = lively(BASE, rng)
    y, c_prime = torch.randn(2, 1, 8, 5, 6, generator=rng) * 3
    y.requires_grad_()
    for row, column in ((0, 0), (2, 5), (4, 3)):
        mean, scale = network.all_parameters(y, c_prime)
        (gradient,) = torch.autograd.grad((mean + scale)[0, :, row, column].sum(), y)
        touched = gradient[0].abs().sum(0).flatten()
        assert not touched[row * 6 + column :].any()
        assert (row, column) == (0, 0) or touched.any()


@pytest.mark.parametrize(
    ("channels", "contexts"),
    [(BASE, "both"), (HYBRID, "both"), (HYBRID, "bit-consuming"), (BASE, "bit-free")],
)
def test_the_likelihoods_are_those_of_what_a_decoder_has(channels, contexts, photo, rng):
    network = lively(channels, rng, contexts=contexts).eval()
    with torch.no_grad():
        output = network(photo[:1])
        y_hat = torch.round(network.analysis(photo[:1]))
        assert y_hat.unique().numel() > 5
        assert torch.equal(network.synthesis(y_hat), output.images)
        modeled = {}
        c_prime = y_hat[:, :0]
        if contexts != "bit-free":
            z_hat = torch.round(network.hyper_analysis(y_hat))
            assert z_hat.unique().numel() > 2
            c_prime, plain_scale = network.hyper_synthesis(z_hat)
            assert plain_scale.shape == (1, channels.plain, 4, 4)
            z_scale = network.z_scales()[:, None, None].expand_as(z_hat)
            modeled["z"] = (z_hat, 0 * z_hat, z_scale)
        mean, scale = network.all_parameters(y_hat[:, :8], c_prime)
        assert scale.std() > 0.01
        modeled["y1"] = (y_hat[:, :8], mean, scale)
        if channels.plain:
            modeled["y2"] = (y_hat[:, 8:], 0 * y_hat[:, 8:], plain_scale)
        assert set(modeled) == set(output.likelihoods)
        # Φ by erf, not by erfc, and without the symmetry.
        for name, values in modeled.items():
            y, center, deviation = (tensor.double() for tensor in values)
            low, high = ((y + side - center) / deviation for side in (-0.5, 0.5))
            likelihood = (torch.erf(high * 0.5**0.5) - torch.erf(low * 0.5**0.5)) / 2
            got = output.likelihoods[name].double()
            torch.testing.assert_close(got, likelihood.clamp(min=1e-9), rtol=1e-3, atol=1e-6)
            assert got.std() > 1e-3


def test_what_f_sees_is_both_contexts_or_one(photo, rng):
    """By gradients: c′, bit-consuming, at all 16 positions; c″, bit-free, at the 14 known ones."""
    for contexts, of_latents, of_side in (("both", 14, 16), ("bit-consuming", 0, 16)):
        network = lively(BASE, rng, contexts=contexts)
        y, c_prime = (torch.randn(1, 8, 5, 6, generator=rng).requires_grad_() for _ in range(2))
        mean, scale = network.all_parameters(y, c_prime)
        found = torch.autograd.grad(
            (mean + scale)[0, :, 3, 3].sum(), (y, c_prime), allow_unused=True
        )
        seen = [0 if g is None else int(g.abs().sum(1).count_nonzero()) for g in found]
        assert seen == [of_latents, of_side]
    network = lively(BASE, rng, contexts="bit-free").train()
    names = {name.split(".")[0] for name, _ in network.named_parameters()}
    assert names == {"g_a", "g_s", "context", "estimator"}
    y = torch.randn(1, 8, 5, 6, generator=rng).requires_grad_()
    mean, scale = network.all_parameters(y, y[:, :0])
    (gradient,) = torch.autograd.grad((mean + scale)[0, :, 3, 3].sum(), y)
    assert int(gradient.abs().sum(1).count_nonzero()) == 14
    # All bits are those of y, and all that is left learns from them.
    output = network(photo, rng)
    assert set(output.likelihoods) == {"y1"}
    (output.bits_per_pixel() + ((output.images - photo) ** 2).mean()).backward()
    for kernel in (network.g_a[0].weight, network.context.window.weight):
        assert kernel.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("channels", "contexts", "message"),
    [
        (BASE, "free", "contexts 'free' is not one of both, bit-consuming, bit-free"),
        (HYBRID, "bit-free", "contexts 'bit-free' has no hyperprior for the 5 latents of plain"),
    ],
)
def test_contexts_that_there_cannot_be_are_refused(channels, contexts, message):
    with pytest.raises(ValueError, match=message):
        Lee2019(channels, contexts=contexts)


def test_scales_stay_within_their_range(rng):
    network = lively(HYBRID, rng)
    with torch.no_grad():
        network.estimator[-1].weight.mul_(1e4)
        network.h_s[-1].weight.mul_(1e4)
        z_hat = torch.randn(1, 6, 1, 1, generator=rng) * 10
        c_prime, plain = network.hyper_synthesis(z_hat)
        _, scale = network.all_parameters(torch.randn(1, 8, 4, 4, generator=rng), c_prime)
    for values in (plain, scale):
        assert values.min().item() == pytest.approx(SCALE_RANGE[0], rel=1e-5)
        assert values.max().item() == pytest.approx(SCALE_RANGE[1], rel=1e-5)


def test_training_evaluates_noisy_latents_under_rounded_conditions(photo, rng):
    """Discrete: images are those of rounded latents. Noisy: those of the noisy ones."""
    outputs = {}
    for discrete in (True, False):
        network = lively(HYBRID, torch.Generator().manual_seed(1), discrete=discrete)
        network.train()
        outputs[discrete] = network(photo, torch.Generator().manual_seed(2))
    y = network.analysis(photo)
    noisy = y + uniform_noise(y, torch.Generator().manual_seed(2))
    assert torch.equal(outputs[True].images, network.synthesis(torch.round(y)))
    assert torch.equal(outputs[False].images, network.synthesis(noisy))
    rounded = torch.round(y)
    z = network.hyper_analysis(rounded)
    c_prime, _ = network.hyper_synthesis(torch.round(z))
    mean, scale = network.all_parameters(rounded[:, :8], c_prime)
    normal = torch.distributions.Normal(mean.double(), scale.double())
    y1 = noisy[:, :8].double()
    expected = normal.cdf(y1 + 0.5) - normal.cdf(y1 - 0.5)
    got = outputs[True].likelihoods["y1"].double()
    torch.testing.assert_close(got, expected.clamp(min=1e-9), rtol=1e-3, atol=1e-6)
    assert not torch.equal(outputs[True].likelihoods["y1"], outputs[False].likelihoods["y1"])


def test_rounding_passes_gradients_through_to_the_analysis(photo, rng):
    network = lively(BASE, rng).train()
    ((network(photo, rng).images - photo) ** 2).mean().backward()
    assert network.g_a[0].weight.grad.abs().max() > 0
    network.zero_grad()
    (-torch.log2(network(photo, rng).likelihoods["z"])).sum().backward()
    assert network.g_a[0].weight.grad.abs().max() > 0
    assert network.z_scale.grad.abs().max() > 0


@pytest.mark.parametrize(("channels", "discrete"), [(BASE, True), (HYBRID, True), (BASE, False)])
def test_training_lowers_the_loss(channels, discrete, photo, rng):
    wide = Configuration(12, context=16, plain=2 * channels.plain)
    network = Lee2019(wide, discrete=discrete, generator=rng).train()
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        output = network(photo, rng)
        mse = ((output.images - photo) ** 2).mean()
        loss = output.bits_per_pixel() + 0.01058 * mse
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])
