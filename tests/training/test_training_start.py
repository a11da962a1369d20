"""What a training of Dumas et al. 2018 starts from, and the coordinates that it moves in."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.fft
import skimage.data
import torch
from torch.func import functional_call

from rdbench.models import architectures, weights
from rdbench.models.dumas2018 import Dumas2018
from rdbench.models.layers import PROJECTION_FLOOR, ProjectedGDN
from rdbench.training import block_transform, trainers
from rdbench.training.conditioning import MIDDLE, conditioned
from rdbench.training.configuration_file import read
from rdbench.training.family import train


@pytest.fixture(scope="module")
def image():
    """A photograph of luma's range, (1, 1, 192, 256)."""
    samples = skimage.data.camera()[64:256, 64:320].astype(np.float32)
    return torch.from_numpy(16 + samples * (219 / 255))[None, None]


def network(case=2, maps=128, seed=0, **options):
    made = Dumas2018(case, maps=maps, generator=torch.Generator().manual_seed(seed), **options)
    block_transform.install(made)
    return made.eval()


def blocks(image):
    """(rows, columns, 16, 16)"""
    height, width = image.shape[-2:]
    return image[0, 0].reshape(height // 16, 16, width // 16, 16).permute(0, 2, 1, 3).numpy()


def hierarchical(block):
    """The 256 coefficients of one block, by transforms of the whole: the DCT of its blocks of 4×4,
    then twice a Haar transform of neighbors."""
    planes = block.reshape(4, 4, 4, 4).transpose(0, 2, 1, 3)  # rows, columns, y, x
    planes = (
        scipy.fft.dctn(planes, axes=(2, 3), norm="ortho").transpose(2, 3, 0, 1).reshape(16, 4, 4)
    )
    for side in (2, 1):
        corners = planes.reshape(-1, side, 2, side, 2).transpose(0, 2, 4, 1, 3)
        sums = corners[:, 0] + corners[:, 1], corners[:, 0] - corners[:, 1]
        both = [part for s in sums for part in (s[:, 0] + s[:, 1], s[:, 0] - s[:, 1])]
        planes = np.stack(both, axis=1).reshape(-1, side, side) / 2
    return planes.reshape(-1)


def coefficients(image):
    """(rows, columns, 256)"""
    return np.stack([[hierarchical(b.astype(np.float64)) for b in row] for row in blocks(image)])


def test_latents_are_the_coefficients_of_a_block_transform(image):
    """With 256 maps, all of them, but for what normalizations take at their least, a tenth of the
    largest."""
    with torch.no_grad():
        latents = network(maps=256).analysis(image)[0].permute(1, 2, 0).numpy()
    expected = np.stack(
        [[hierarchical(b.astype(np.float64)) for b in row] for row in blocks(image)]
    )
    error = latents * block_transform.STEP - expected
    assert np.sqrt(np.mean(error**2)) < 0.05 * expected.std()
    means = latents[..., 0] * block_transform.STEP / 16
    np.testing.assert_allclose(means, blocks(image).mean(axis=(2, 3)), rtol=0.1)


@pytest.mark.parametrize("case", [1, 2])
@pytest.mark.parametrize("maps", [32, 128, 256])
def test_what_is_lost_is_the_energy_of_the_weakest_coefficients(case, maps, image):
    """The distortion of an orthonormal transform; the normalizations add a little."""
    made = network(case, maps)
    with torch.no_grad():
        error = (made.synthesis(made.analysis(image)) - image).square().mean().item()
    coefficients = np.stack(
        [[hierarchical(b.astype(np.float64)) for b in r] for r in blocks(image)]
    )
    energy = np.sort(coefficients.reshape(-1, 256).__pow__(2).mean(axis=0))
    least = energy[: 256 - maps].sum() / 256
    assert least <= error < 1.5 * least + 6


def test_a_rough_quantization_costs_what_it_costs_a_transform_coder(image):
    """Steps of 16 of an orthonormal transform: near the mean of their squared error, 16²/12, for
    the coefficients that are not 0, and better than that for the others."""
    made = network(2, 256)
    with torch.no_grad():
        decoded = made.synthesis(torch.round(made.analysis(image)))
    assert (decoded - image).square().mean().item() < block_transform.STEP**2 / 12


def test_left_over_maps_do_not_matter_yet_and_are_not_dead(image):
    first, second = network(seed=1), network(seed=2)
    with torch.no_grad():
        a, b = first.analysis(image), second.analysis(image)
    torch.testing.assert_close(a, b, rtol=0.03, atol=0.03)
    first.synthesis(first.analysis(image)).square().sum().backward()
    left_over = first.decoder[0].weight.grad[:, 64:]
    assert left_over.abs().max() > 0


def test_rgb_begins_as_the_transform_of_its_colors(image):
    """The same image in all colors has the latents of luma, times the square root of 3, and
    none of the differences of colors."""
    rgb = network(channels=3)
    with torch.no_grad():
        latents = rgb.analysis(image.expand(-1, 3, -1, -1))
        error = (rgb.synthesis(latents) - image).square().mean().item()
    of_luma = latents.abs().amax(dim=(0, 2, 3)) > 0.2
    luma = network(maps=int(of_luma.sum()))
    with torch.no_grad():
        expected = luma.analysis(image)
        least = (luma.synthesis(expected) - image).square().mean().item()
    difference = latents[:, of_luma] - expected * 3**0.5
    assert difference.square().mean() < 0.05**2 * expected.square().mean()
    assert 60 < of_luma.sum() < 128
    assert error < 1.2 * least + 6


FOUR_STAGES = {
    "bmshj2018-factorized": {"hidden": 48, "latents": 256, "channels": 1},
    "balle2018": {"hidden": 48, "latents": 256, "channels": 1},
    "lee2019": {"hidden": 64, "context": 384},
}


def four_stages(architecture, rate, **changed):
    """A network of four stages that begins so, and an image of its channels on its scale."""
    card = weights.Card(architecture, {**FOUR_STAGES[architecture], **changed})
    made = architectures.build(card, torch.Generator().manual_seed(0))
    trainers.of(architecture).start_as_block_transform(made, rate, "mse")
    samples = torch.from_numpy(skimage.data.astronaut()[64:256, 64:320].copy()).permute(2, 0, 1)
    samples = samples[None].float() * (made.peak / 255)
    return made.eval(), samples if made.channels == 3 else samples.mean(dim=1, keepdim=True)


def haar(block):
    """The coefficients of one block of 16×16: four times the sums and differences of 2×2."""
    planes = block[None]
    for side in (8, 4, 2, 1):
        corners = planes.reshape(-1, side, 2, side, 2)
        rows = (corners[:, :, 0] + corners[:, :, 1], corners[:, :, 0] - corners[:, :, 1])
        parts = [part for r in rows for part in (r[..., 0] + r[..., 1], r[..., 0] - r[..., 1])]
        planes = np.stack(parts, axis=1).reshape(-1, side, side) / 2
    return planes.reshape(-1)


def test_four_stages_begin_as_haar_transforms():
    """With all maps of luma: coefficients in the steps for which the loss of a transform coder,
    bpp + λ·MSE, is the least: 256 of them, each s²/12 and −log2 s, in 256 pixels."""
    rate = 0.02
    made, image = four_stages("bmshj2018-factorized", rate, hidden=256)
    steps = np.linspace(1, 60, 59001)
    step = steps[np.argmin(-np.log2(steps) + rate * steps**2 / 12)]
    with torch.no_grad():
        latents = made.analysis(image)[0].permute(1, 2, 0).numpy()
    blocks_of = image[0, 0].reshape(12, 16, 16, 16).permute(0, 2, 1, 3).numpy() * 255
    expected = np.stack([[haar(block - 127.5) for block in row] for row in blocks_of]) / step
    error = latents - expected
    assert np.sqrt(np.mean(error**2)) < 0.02 * expected.std()


@pytest.mark.parametrize("architecture", FOUR_STAGES)
def test_four_stages_lose_the_weakest_functions_alone(architecture):
    """Of a photograph little, also after latents are rounded; from random weights nearly all."""
    made, image = four_stages(architecture, 0.01)
    with torch.no_grad():
        latents = made.analysis(image)
        scale = (255 / made.peak) ** 2
        exact = scale * (made.synthesis(latents) - image).square().mean().item()
        rough = scale * (made.synthesis(torch.round(latents)) - image).square().mean().item()
    power = scale * (image - image.mean()).square().mean().item()
    assert exact < 0.02 * power
    assert exact < rough < 0.06 * power


@pytest.mark.parametrize("architecture", FOUR_STAGES)
def test_entropy_models_begin_with_the_spread_of_latents(architecture):
    """The first rate is below that of the same transform with an entropy model as it is drawn."""
    made, image = four_stages(architecture, 0.1 if architecture == "lee2019" else 0.01)

    def first_bpp():
        with torch.no_grad():
            made.train()
            return made(image, torch.Generator().manual_seed(0)).bits_per_pixel().item()

    drawn = first_bpp()
    trainers.of(architecture).start_entropy_model(made, [made.analysis(image)])
    assert first_bpp() < 0.8 * drawn


@pytest.mark.parametrize("architecture", ["balle2018", "lee2019"])
def test_side_information_begins_with_some_steps(architecture):
    """Or it is always rounded to 0, and the scales learn nothing of it."""
    made, image = four_stages(architecture, 0.1 if architecture == "lee2019" else 0.01)
    with torch.no_grad():
        latents = [made.analysis(image), made.analysis(image.flip(3))]
        trainers.of(architecture).start_entropy_model(made, latents)
        z = torch.cat([made.hyper_analysis(y.round())[0].flatten(1) for y in latents], dim=1)
    assert z.mean(dim=1).abs().max() < 0.3
    torch.testing.assert_close(z.std(dim=1), torch.full((len(z),), 2.0), rtol=0.15, atol=0)


def test_a_family_of_four_stages_begins_so(toml, tmp_path):
    path = toml(
        "balle2018",
        start="block-transform",
        lambdas=[0.01, 0.02],
        network={"hidden": 16, "latents": 32},
        optimizer={"steps": 1, "rate": 1e-12, "average": 0.0},
    )
    first, second = train(read(path), tmp_path / "out").finished
    a, b = (weights.read(file)[1] for file in (first, second))
    # The step of the latents follows λ.
    torch.testing.assert_close(a["g_a.6.weight"] * 2**0.5, b["g_a.6.weight"], rtol=1e-3, atol=1e-6)


def test_a_training_begins_with_it(toml, tmp_path):
    """Before its first step, of densities alone, and whatever the seed of the rest."""
    path = toml(
        "dumas2018",
        start="neighbor",
        first="block-transform",
        lambdas=[1e4, 2e4],
        network={"maps": 32},
        data={"color": "luma"},
        optimizer={"steps": 1, "warm_up": 0.5},
    )
    files = train(read(path), tmp_path / "out").finished
    expected = network(maps=32).state_dict()["decoder.4.weight"][:16]
    assert [weights.read_card(file).training["start"] for file in files] == [
        "block-transform",
        "neighbor",
    ]
    for file in files:
        made = weights.read(file)[1]["decoder.4.weight"][:16]
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-6)


def trained(case=1):
    """A network whose normalizations are no longer where they start."""
    made = Dumas2018(case, maps=6, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, ProjectedGDN):
                layer.gamma.add_(torch.rand(layer.gamma.shape) * 0.1)
        made.encoder[0].bias.uniform_(-1, 1)
    made.project()
    return made


def test_conditioned_gradients_are_those_of_the_coordinates(image):
    """By differentiating the network as a function of roots and of shifted biases."""
    made = trained()
    plain = {name: p.detach().clone() for name, p in made.named_parameters()}
    kernel, bias = plain["encoder.0.weight"], plain["encoder.0.bias"]
    roots = {n: p.sqrt() for n, p in plain.items() if n.endswith(("beta", "gamma"))}
    coordinates = {
        **plain,
        **roots,
        "encoder.0.bias": bias + MIDDLE * kernel.sum(dim=(1, 2, 3)),
    }
    coordinates = {name: p.requires_grad_() for name, p in coordinates.items()}

    def parameters():
        made_of = dict(coordinates)
        for name in roots:
            square = coordinates[name] ** 2
            made_of[name] = (square + square.T) / 2 if square.ndim == 2 else square
        shift = MIDDLE * coordinates["encoder.0.weight"].sum(dim=(1, 2, 3))
        made_of["encoder.0.bias"] = coordinates["encoder.0.bias"] - shift
        return made_of

    def loss(model):
        return (model(image) - image).square().mean()

    class Both(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner.synthesis(self.inner.analysis(x))

    wrapped = Both(made)
    named = {f"inner.{name}": p for name, p in parameters().items()}
    loss(lambda x: functional_call(wrapped, named, (x,))).backward()
    loss(wrapped).backward()
    with conditioned(made):
        for name, parameter in made.named_parameters():
            torch.testing.assert_close(parameter.detach(), coordinates[name].detach())
            torch.testing.assert_close(
                parameter.grad, coordinates[name].grad, rtol=1e-3, atol=1e-3, msg=name
            )


def test_coordinates_that_are_not_moved_leave_the_network_as_it_was(image):
    made = trained(2)
    before = copy.deepcopy(made.state_dict())
    made.synthesis(made.analysis(image)).sum().backward()
    with conditioned(made):
        pass
    for name, values in made.state_dict().items():
        torch.testing.assert_close(values, before[name], rtol=1e-5, atol=1e-5)


def test_normalizations_cannot_leave_their_range(image):
    made = trained()
    made.synthesis(made.analysis(image)).sum().backward()
    with conditioned(made), torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, ProjectedGDN):
                layer.gamma -= 10.0
    for layer in made.modules():
        if isinstance(layer, ProjectedGDN):
            torch.testing.assert_close(
                layer.gamma, torch.full_like(layer.gamma, PROJECTION_FLOOR), rtol=1e-4, atol=0
            )
            assert torch.equal(layer.gamma, layer.gamma.T)
