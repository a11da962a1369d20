"""The networks of Ballé et al. against CompressAI's, with the same weights."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.models.balle import (  # noqa: E402
    CHANNELS,
    Balle2018,
    FactorizedPrior,
)
from rdbench.models.layers import uniform_noise  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = [(FactorizedPrior, "FactorizedPrior"), (Balle2018, "ScaleHyperprior")]


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(23)


def theirs(compressai, name: str, rng: torch.Generator):
    """A network of CompressAI whose latents are some steps apart from zero and medians not 0."""
    with torch.random.fork_rng():
        torch.manual_seed(23)  # CompressAI draws its weights from the global generator
        network = getattr(compressai.models, name)(6, 10)
    with torch.no_grad():
        network.g_a[-1].weight.mul_(40)
        if name == "ScaleHyperprior":
            network.h_a[-1].weight.mul_(20)
            network.h_s[-2].weight.mul_(20)  # or nearly all scales are at their bound
        quantiles = network.entropy_bottleneck.quantiles
        quantiles[:, 0, 1] = torch.randn(len(quantiles), generator=rng)
    return network.eval()


def like(oracle, kind):
    """Ours with the weights of CompressAI's network; constants and tables of its coder apart."""
    network = kind(6, 10).eval()
    state = {}
    for key, value in oracle.state_dict().items():
        name = re.sub(r"^entropy_bottleneck\._matrix(\d)$", r"density.matrices.\1", key)
        name = re.sub(r"^entropy_bottleneck\._bias(\d)$", r"density.biases.\1", name)
        name = re.sub(r"^entropy_bottleneck\._factor(\d)$", r"density.factors.\1", name)
        if name == "entropy_bottleneck.quantiles":
            name, value = "density.medians", value[:, 0, 1]
        state[name] = value
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize("trained", [False, True])
def test_output_is_that_of_compressai(compressai, photo, rng, kind, name, trained):
    oracle = theirs(compressai, name, rng)
    if trained:  # with the coder's tables in the state
        oracle.update()
    network = like(oracle, kind)
    with torch.no_grad():
        expected, got = oracle(photo / 255), network(photo / 255)
    assert torch.equal(got.images, expected["x_hat"])
    assert set(got.likelihoods) == set(expected["likelihoods"])
    for key, values in expected["likelihoods"].items():
        torch.testing.assert_close(got.likelihoods[key], values, rtol=1e-5, atol=1e-6)
        assert values.unique().numel() > 5


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_gradients_in_training_are_those_of_compressai(compressai, photo, rng, kind, name):
    """With the noise that CompressAI draws, in its order, drawn from the same seed."""
    oracle = theirs(compressai, name, rng).train()
    network = like(oracle, kind).train()

    def noisy(values, mode, means=None):
        by_map = values.ndim == 3
        shape = (len(values), len(photo), -1) if by_map else values.shape
        noise = uniform_noise(torch.empty(values.shape), rng).reshape(shape)
        noises.append(noise)
        return values + noise.reshape(values.shape)

    noises: list[torch.Tensor] = []
    oracle.entropy_bottleneck.quantize = noisy
    if name == "ScaleHyperprior":
        oracle.gaussian_conditional.quantize = noisy
    expected = oracle(photo / 255)
    taken = iter(noises)

    def replay(like, generator=None):
        noise = next(taken)
        if noise.ndim == 3:
            return noise.reshape(like.shape[1], like.shape[0], *like.shape[2:]).transpose(0, 1)
        return noise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdbench.models.balle.uniform_noise", replay)
        got = network(photo / 255)
    pixels = 4 * 64 * 64
    bits = sum(-torch.log2(values).sum() for values in expected["likelihoods"].values()) / pixels
    torch.testing.assert_close(got.bits_per_pixel(), bits, rtol=1e-5, atol=1e-5)
    (bits + ((expected["x_hat"] - photo / 255) ** 2).mean()).backward()
    (got.bits_per_pixel() + ((got.images - photo / 255) ** 2).mean()).backward()
    theirs_by_name = dict(oracle.named_parameters())
    for key, parameter in network.named_parameters():
        if key.startswith("density."):
            continue
        expected_gradient = theirs_by_name[key].grad
        size = expected_gradient.abs().max()
        assert (parameter.grad - expected_gradient).abs().max() <= 1e-3 * size + 1e-9, key


def test_channels_are_those_of_compressais_zoo(compressai):
    for name in ("bmshj2018-factorized", "bmshj2018-hyperprior"):
        assert compressai.zoo.image.cfgs[name] == CHANNELS


@pytest.mark.parametrize("kind", [FactorizedPrior, Balle2018])
def test_shapes_over_multiples_of_the_stride(kind, rng):
    network = kind(4, 6, generator=rng).eval()
    for height, width in ((1, 1), (2, 3)):
        images = torch.rand(1, 3, height * kind.stride, width * kind.stride, generator=rng)
        with torch.no_grad():
            output = network(images)
        assert output.images.shape == images.shape
        side = kind.stride // 16
        assert output.likelihoods["y"].shape == (1, 6, height * side, width * side)
        if "z" in output.likelihoods:
            assert output.likelihoods["z"].shape == (1, 4, height, width)


@pytest.mark.parametrize("kind", [FactorizedPrior, Balle2018])
def test_training_lowers_the_loss(kind, photo, rng):
    network = kind(12, 16, generator=rng).train()
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        output = network(photo / 255, rng)
        loss = output.bits_per_pixel() + 650 * ((output.images - photo / 255) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])


def test_seeded_networks_and_their_noise_are_equal(photo):
    outputs = []
    for _ in range(2):
        rng = torch.Generator().manual_seed(3)
        outputs.append(Balle2018(4, 6, generator=rng)(photo / 255, rng))
    assert torch.equal(outputs[0].images, outputs[1].images)
