"""Layers against CompressAI, explicit sums, and their definitions."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.models.layers import (  # noqa: E402
    GDN,
    MaskedContext,
    ProjectedGDN,
    SameConv2d,
    SameTransposedConv2d,
    convolution,
    lower_bound,
    reset_convolutions,
    round_ste,
    same_padding,
    transposed,
    uniform_noise,
    upsampled,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn_is_that_of_compressai_forwards_and_backwards(compressai, rng, inverse):
    theirs = compressai.layers.GDN(6, inverse=inverse)
    ours = GDN(6, inverse=inverse)
    assert torch.equal(ours.beta, theirs.beta)
    assert torch.equal(ours.gamma, theirs.gamma)
    with torch.no_grad():
        # Some parameters below their bounds, where the gradient has its rule.
        theirs.beta.copy_(torch.rand(6, generator=rng) - 0.2)
        theirs.gamma.copy_(torch.rand(6, 6, generator=rng) - 0.3)
    ours.load_state_dict({"beta": theirs.beta, "gamma": theirs.gamma})
    x = torch.randn(2, 6, 5, 7, generator=rng)
    upstream = torch.randn(2, 6, 5, 7, generator=rng)
    for layer in (theirs, ours):
        layer(x).backward(upstream)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.beta.grad, theirs.beta.grad)
    assert torch.equal(ours.gamma.grad, theirs.gamma.grad)


@pytest.mark.parametrize("inverse", [False, True])
def test_projected_gdn_is_its_definition(rng, inverse):
    layer = ProjectedGDN(3, inverse=inverse, generator=rng)
    x = torch.randn(1, 3, 2, 2, generator=rng)
    pool = np.sqrt(
        layer.beta.detach().numpy()[:, None, None]
        + np.einsum("ji,ihw->jhw", layer.gamma.detach().numpy(), x[0].numpy() ** 2)
    )
    expected = x[0].numpy() * (pool if inverse else 1 / pool)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, rtol=1e-6)


def test_projection_brings_gdn_back_after_a_step(rng):
    layer = ProjectedGDN(4, generator=rng)
    assert torch.equal(layer.gamma, layer.gamma.T)
    assert layer.gamma.min() >= 2e-5
    assert layer.gamma.max() <= 0.01
    x = torch.randn(1, 4, 8, 8, generator=rng)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    (layer(x) * torch.randn(x.shape, generator=rng)).sum().backward()
    optimizer.step()
    raw = layer.gamma.detach().clone()
    assert float(raw.min()) < 2e-5
    assert not torch.equal(raw, raw.T)
    layer.project()
    assert torch.equal(layer.gamma, layer.gamma.T)
    assert layer.gamma.min() >= 2e-5
    assert layer.beta.min() >= 2e-5
    floored = raw.clamp(min=2e-5)
    assert torch.equal(layer.gamma, (floored + floored.T) / 2)


def test_lower_bound_lets_only_rising_gradients_through_below_it():
    x = torch.tensor([0.5, 0.5, 2.0, 2.0], requires_grad=True)
    bounded = lower_bound(x, 1.0)
    assert bounded.tolist() == [1.0, 1.0, 2.0, 2.0]
    bounded.backward(torch.tensor([1.0, -1.0, 1.0, -1.0]))
    assert x.grad.tolist() == [0.0, -1.0, 1.0, -1.0]


def test_rounding_is_half_to_even_with_the_gradient_of_the_identity(rng):
    x = torch.tensor([-2.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 1234.567], requires_grad=True)
    rounded = round_ste(x)
    assert rounded.tolist() == [-2.0, 0.0, 0.0, 2.0, 2.0, 0.0, 1235.0]
    upstream = torch.randn(7, generator=rng)
    rounded.backward(upstream)
    assert torch.equal(x.grad, upstream)
    many = torch.randn(100_000, generator=rng) * 300
    assert torch.equal(round_ste(many), torch.round(many))


def test_noise_is_uniform_on_half_a_step(rng):
    noise = uniform_noise(torch.empty(200_000), rng)
    assert -0.5 <= float(noise.min()) < -0.499
    assert 0.499 < float(noise.max()) < 0.5
    assert float(noise.var()) == pytest.approx(1 / 12, rel=0.01)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (256, 9, 4, (2, 3)),  # the three layers of Dumas 2018
        (64, 5, 2, (1, 2)),
        (7, 3, 1, (1, 1)),
        (7, 5, 2, (2, 2)),
        (5, 2, 4, (0, 1)),
        (8, 2, 4, (0, 0)),
    ],
)
def test_same_padding_is_that_of_tensorflow(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


def naive_same(x: np.ndarray, weight: np.ndarray, stride: int, before: int) -> np.ndarray:
    """The sum as TensorFlow defines it; samples outside the image count as 0."""
    outputs, inputs, kernel, _ = weight.shape
    height, width = x.shape[1:]
    out = np.zeros((outputs, -(-height // stride), -(-width // stride)))
    for o, r, c in np.ndindex(*out.shape):
        for i, u, v in np.ndindex(inputs, kernel, kernel):
            row, column = r * stride + u - before, c * stride + v - before
            if 0 <= row < height and 0 <= column < width:
                out[o, r, c] += weight[o, i, u, v] * x[i, row, column]
    return out


@pytest.mark.parametrize(("kernel", "stride", "before"), [(9, 4, 2), (5, 2, 1)])
def test_same_convolution_is_the_naive_sum(rng, kernel, stride, before):
    layer = SameConv2d(2, 3, kernel, stride, std=1.0, generator=rng).double()
    x = torch.randn(1, 2, 16, 8, generator=rng, dtype=torch.float64)
    expected = naive_same(x[0].numpy(), layer.weight.detach().numpy(), stride, before)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(9, 4), (5, 2), (4, 4)])
def test_transposed_convolution_is_the_adjoint(rng, kernel, stride):
    """<conv(x), y> = <x, transposed(y)> for all x and y: sampled."""
    forwards = SameConv2d(2, 3, kernel, stride, std=1.0, generator=rng).double()
    backwards = SameTransposedConv2d(3, 2, kernel, stride, std=1.0, bias=False).double()
    backwards.load_state_dict({"weight": forwards.weight})
    for shape in ((16, 8), (8, 32)):
        x = torch.randn(1, 2, *shape, generator=rng, dtype=torch.float64)
        forward = forwards(x)
        y = torch.randn(forward.shape, generator=rng, dtype=torch.float64)
        assert backwards(y).shape == x.shape
        left, right = (forward * y).sum().item(), (x * backwards(y)).sum().item()
        assert left == pytest.approx(right, rel=1e-12)


def test_a_transposed_kernel_below_the_stride_is_refused():
    with pytest.raises(ValueError, match="kernel"):
        SameTransposedConv2d(1, 1, 3, 4, std=1.0)


def test_initial_kernels_have_the_asked_deviation(rng):
    layer = SameConv2d(16, 64, 5, 2, std=0.05, generator=rng)
    assert float(layer.weight.detach().std()) == pytest.approx(0.05, rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (3, 1)])
def test_convolutions_halve_and_double(kernel, stride):
    x = torch.zeros(1, 2, 12, 20)
    assert convolution(2, 3, kernel, stride)(x).shape == (1, 3, 12 // stride, 20 // stride)
    assert transposed(2, 3, kernel, stride)(x).shape == (1, 3, 12 * stride, 20 * stride)


def test_the_same_seed_gives_the_same_convolutions():
    layers = [torch.nn.Sequential(convolution(2, 3), transposed(3, 2)) for _ in range(2)]
    assert not torch.equal(layers[0][0].weight, layers[1][0].weight)
    for layer in layers:
        reset_convolutions(layer, torch.Generator().manual_seed(3))
    for one, other in zip(layers[0].parameters(), layers[1].parameters(), strict=True):
        assert torch.equal(one, other)
    largest = float(layers[0][0].weight.detach().abs().max())
    assert 0.9 < largest * (2 * 25) ** 0.5 <= 1


def seen(row: int, column: int, height: int, width: int) -> np.ndarray:
    """The positions of latents that Lee et al. 2019, section 4.1, let position (row, column) see:
    rows l−3..l, columns k−2..k+1, without the current one and the one to its right."""
    rows, columns = np.mgrid[:height, :width]
    window = (rows >= row - 3) & (rows <= row) & (columns >= column - 2) & (columns <= column + 1)
    return window & ((rows < row) | (columns < column))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 6), (3, 2), (4, 5), (5, 6)])
def test_context_sees_fourteen_known_latents_and_sixteen_features(rng, row, column):
    context = MaskedContext(2, 3, 4)
    latents = torch.randn(1, 2, 6, 7, generator=rng, requires_grad=True)
    features = torch.randn(1, 3, 6, 7, generator=rng, requires_grad=True)
    context(latents, features)[0, :, row, column].sum().backward()
    touched = latents.grad[0].abs().sum(0).numpy() > 0
    np.testing.assert_array_equal(touched, seen(row, column, 6, 7))
    if (row, column) == (4, 5):
        assert touched.sum() == 14
        assert (features.grad[0].abs().sum(0) > 0).sum() == 16


def test_later_latents_do_not_move_a_context(rng):
    context = MaskedContext(2, 2, 3)
    latents, features = torch.randn(2, 1, 2, 6, 7, generator=rng)
    before = context(latents, features)
    changed = latents.clone().flatten(2)
    changed[:, :, 3 * 7 + 4 :] = 1e4
    after = context(changed.view_as(latents), features)
    assert torch.equal(before.flatten(2)[:, :, : 3 * 7 + 5], after.flatten(2)[:, :, : 3 * 7 + 5])
    assert not torch.equal(before, after)


@pytest.mark.parametrize("outputs", [2, 50])
@pytest.mark.parametrize(
    ("kernel", "stride", "before"),
    [(9, 4, 2), (5, 2, 1), (5, 2, 2), (3, 2, 0), (4, 4, 0), (7, 3, 2), (8, 4, 3)],
)
def test_upsampling_is_a_cropped_transposed_convolution(kernel, stride, before, outputs, rng):
    """Few outputs go by a convolution and a shuffle, many by torch's own; both ways are those of
    the definition, with gradients."""
    x = torch.randn(2, 40, 5, 7, generator=rng, dtype=torch.float64)
    shape = (40, outputs, kernel, kernel)
    weight = torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()
    bias = torch.randn(outputs, generator=rng, dtype=torch.float64)
    far = torch.nn.functional.pad(x, (0, 9, 0, 9))
    full = torch.nn.functional.conv_transpose2d(far, weight, bias, stride=stride)
    expected = full[..., before : before + 5 * stride, before : before + 7 * stride]
    got = upsampled(x, weight, bias, stride, before)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    ours, theirs = (torch.autograd.grad((y**2).sum(), weight)[0] for y in (got, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
