"""Losses and steps against CompressAI, the papers' equations, and updates written out."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pytest
import pytorch_msssim
import skimage.data
import torch

from rdbench.models import architectures
from rdbench.models.dumas2018 import STEP_RANGE
from rdbench.models.layers import uniform_noise
from rdbench.models.weights import Card
from rdbench.training import trainers
from rdbench.training.configuration import Optimizer
from rdbench.training.precision import use_bfloat16
from rdbench.training.trainers.dumas2018 import Dumas2018Options
from tests.training.conftest import NETWORKS

SETTINGS = Optimizer(steps=100, rate=1e-3, warm_up=0.1, clip=0.0)


def build(architecture, **changed):
    card = Card(architecture, {**NETWORKS[architecture], **changed})
    network = architectures.build(card, torch.Generator().manual_seed(0))
    return network.train()


def crops(side, channels=3):
    image = skimage.data.astronaut()[100:, 150:]
    samples = np.stack([image[:side, :side], image[50 : 50 + side, 70 : 70 + side]])
    return torch.from_numpy(samples[..., :channels].transpose(0, 3, 1, 2).copy()).float()


def train(
    architecture,
    network,
    images,
    rate,
    optimized="mse",
    settings=SETTINGS,
    progress=0.5,
    options=None,
):
    kind = trainers.of(architecture)
    trainer = kind(network, rate, optimized, settings, scratch=True, options=options)
    return trainer.step(images, torch.Generator().manual_seed(1), progress)


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "balle2018", "theis2017"])
@pytest.mark.parametrize(("optimized", "side"), [("mse", 64), ("ms-ssim", 192)])
def test_rate_and_distortion_are_weighed_as_by_compressai(architecture, optimized, side):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        losses = pytest.importorskip("compressai.losses", reason="it is the oracle")
    network = build(architecture)
    images = crops(side) * (network.peak / 255)
    made = network(images, torch.Generator().manual_seed(1))
    expected = losses.RateDistortionLoss(lmbda=0.7, metric=optimized)(
        {"x_hat": made.images / network.peak, "likelihoods": dict(made.likelihoods)},
        images / network.peak,
    )
    measured = train(architecture, network, images, 0.7, optimized)
    assert measured.loss.item() == pytest.approx(expected["loss"].item(), rel=1e-5)
    assert measured.bpp.item() == pytest.approx(expected["bpp_loss"].item(), rel=1e-5)


@pytest.mark.parametrize(("optimized", "side"), [("mse", 64), ("ms-ssim", 192)])
def test_the_loss_of_lee_2019_is_equation_6(optimized, side):
    network, rate = build("lee2019"), 0.3
    images = crops(side)
    made = network(images, torch.Generator().manual_seed(1))
    nats = -sum(torch.log(values).sum() for values in made.likelihoods.values())
    if optimized == "mse":
        distortion = ((made.images - images) ** 2).mean()
    else:
        distortion = 3000 * (1 - pytorch_msssim.ms_ssim(made.images, images, data_range=255))
    expected = rate * nats / (2 * side * side) + (1 - rate) / 1000 * distortion
    trainer = trainers.of("lee2019")(network, rate, optimized, SETTINGS, scratch=True)
    bits, squares, structure = trainer.weights(rate, optimized)
    measured = trainer.step(images, torch.Generator().manual_seed(1), 0.5)
    assert measured.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    weight = {"mse": squares, "ms-ssim": structure}[optimized]
    # As worked out from the slopes of the paper's curves.
    assert weight / bits == pytest.approx({"mse": 0.00337, "ms-ssim": 10.1}[optimized], rel=2e-3)


def test_ms_ssim_from_random_weights_begins_with_the_squared_error():
    network = build("bmshj2018-factorized")
    images = crops(192) / 255
    made = network(images, torch.Generator().manual_seed(1))
    squares = 255**2 * ((made.images - images) ** 2).mean()
    expected = made.bits_per_pixel() + 2.4 / 1300 * squares
    early = train("bmshj2018-factorized", network, images, 2.4, "ms-ssim", progress=0.09)
    assert early.loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_step_of_dumas_2018_moves_its_three_groups(channels):
    """The densities with noise, transforms by the first step of Adam (−rate · sign of the
    gradient), quantization steps down their gradient, kept within 0.8..4."""
    network = build("dumas2018", channels=channels)
    with torch.no_grad():
        network.steps[0] = STEP_RANGE[1]
    images = crops(64, channels)
    expected = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(1)
    y = expected.analysis(images)
    expected.fit_density(y, uniform_noise(y, generator))
    loss = expected.loss(images, y, uniform_noise(y, generator), 1e4)
    kernel = expected.encoder[0].weight
    slope, direction = torch.autograd.grad(loss.total, [expected.steps, kernel])
    settings = Optimizer(steps=100, rate=1e-3, warm_up=0.1)
    options = Dumas2018Options(step_rate=1e-5)
    measured = train("dumas2018", network, images, 1e4, settings=settings, options=options)
    assert measured.loss.item() == pytest.approx(loss.total.item(), rel=1e-6)
    assert measured.bpp.item() == pytest.approx(loss.entropies.sum().item() / 256, rel=1e-6)
    squares = ((expected.synthesis(expected.noisy(y, _second_noise(y))) - images) ** 2).mean()
    assert measured.mse.item() == pytest.approx(squares.item(), rel=1e-5)
    assert torch.equal(network.density.values, expected.density.values)
    moved = (expected.steps - 1e-5 * slope).clamp(*STEP_RANGE)
    assert not torch.equal(moved, expected.steps)
    torch.testing.assert_close(network.steps, moved)
    wanted = kernel - 1e-3 * direction.sign()
    torch.testing.assert_close(network.encoder[0].weight, wanted, rtol=0, atol=1e-5)
    gamma = network.encoder[1].gamma
    assert torch.equal(gamma, gamma.T)


def _second_noise(like):
    generator = torch.Generator().manual_seed(1)
    uniform_noise(like, generator)
    return uniform_noise(like, generator)


def test_the_warm_up_of_dumas_2018_moves_the_densities_alone():
    network = build("dumas2018", channels=1)
    before = copy.deepcopy(network.state_dict())
    train("dumas2018", network, crops(64, 1), 1e4, progress=0.05)
    after = network.state_dict()
    assert [name for name in after if not torch.equal(before[name], after[name])] == [
        "density.values"
    ]


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "dumas2018"])
def test_the_weight_of_the_rate_rises_from_a_hundredth(architecture):
    images = crops(64) / (255 if architecture == "bmshj2018-factorized" else 1)
    settings = Optimizer(steps=100, rate=1e-3, warm_up=0.0, clip=0.0, bits_ramp=0.4)
    network = build(architecture, **({"channels": 3} if architecture == "dumas2018" else {}))
    rate = 1e4 if architecture == "dumas2018" else 1.0
    loss, bits = {}, 0.0
    for progress in (0.0, 0.2, 0.4):
        measured = train(
            architecture, copy.deepcopy(network), images, rate, settings=settings, progress=progress
        )
        loss[progress], bits = measured.loss.item(), measured.bpp.item()
    whole = bits * (256 * rate if architecture == "dumas2018" else 1)
    # In float32, of a loss that is much larger.
    precision = loss[0.4] * 3e-7
    assert loss[0.4] - loss[0.0] == pytest.approx(0.99 * whole, abs=precision)
    assert loss[0.4] - loss[0.2] == pytest.approx(0.9 * whole, abs=precision)


@pytest.mark.parametrize(
    ("architecture", "densities"), [("balle2018", "density."), ("lee2019", "z_scale")]
)
def test_densities_take_steps_of_their_own_length(architecture, densities):
    network = build(architecture)
    settings = Optimizer(steps=100, rate=1e-4, density_rate=30.0, warm_up=0.0)
    trainer = trainers.of(architecture)(network, 0.5, "mse", settings, scratch=True)
    trainer.set_rate(5e-5, 0.0)
    assert trainer.learning_rate == pytest.approx(5e-5)
    rates = {id(p): group["lr"] for group in trainer.adam.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        factor = 30 if name.startswith(densities) else 1
        assert rates[id(parameter)] == pytest.approx(factor * 5e-5), name


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "balle2018", "lee2019"])
def test_densities_wait_as_long_as_they_are_told(architecture):
    network = build(architecture)
    settings = Optimizer(steps=100, rate=1e-4, density_rate=30.0, density_delay=0.5)
    trainer = trainers.of(architecture)(network, 0.5, "mse", settings, scratch=True)
    (*_, densities) = trainer.adam.param_groups
    for progress, factor in ((0.0, 1), (0.49, 1), (0.5, 30), (1.0, 30)):
        trainer.set_rate(5e-5, progress)
        assert densities["lr"] == pytest.approx(factor * 5e-5)
        assert trainer.learning_rate == 5e-5


def test_large_gradients_are_clipped():
    """The first step of Adam does not see the size of the gradient, so its memory is looked at:
    a tenth of the gradient."""
    network = build("bmshj2018-factorized")
    settings = Optimizer(steps=100, rate=1e-3, warm_up=0.0, clip=1.0)
    trainer = trainers.of("bmshj2018-factorized")(network, 1.0, "mse", settings, scratch=True)
    trainer.step(crops(64) / 255, torch.Generator().manual_seed(1), 0.5)
    memory = [state["exp_avg"] for state in trainer.adam.state.values()]
    assert math.sqrt(sum((m**2).sum().item() for m in memory)) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_in_bfloat16_transforms_are_near_and_their_ends_in_float32(architecture):
    network = build(architecture)
    exact = copy.deepcopy(network)
    use_bfloat16(network, torch.device("cpu"), trainers.of(architecture).whole)
    images = crops(64, getattr(network, "channels", 3)) * (network.peak / 255)
    with torch.no_grad():
        y, exact_y = network.analysis(images), exact.analysis(images)
        # Not values that bfloat16 could hold, but near: its last place is 1/256.
        assert not torch.equal(y, y.bfloat16().float())
        assert not torch.equal(y, exact_y)
        assert (y - exact_y).norm() < 0.02 * exact_y.norm()
        x, exact_x = network.synthesis(exact_y), exact.synthesis(exact_y)
        assert not torch.equal(x, x.bfloat16().float())
        assert (x - exact_x).norm() < 0.05 * exact_x.norm()
    measured = train(architecture, network, images, 0.01)
    wanted = train(architecture, exact, images, 0.01)
    assert measured.bpp.item() == pytest.approx(wanted.bpp.item(), rel=0.02)
    assert measured.mse.item() == pytest.approx(wanted.mse.item(), rel=0.02)
