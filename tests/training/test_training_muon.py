"""Muon: steps along the orthogonal part of the momentum."""

from __future__ import annotations

import pytest
import torch

from rdbench.models import architectures
from rdbench.models.weights import Card
from rdbench.training import trainers
from rdbench.training.configuration import Optimizer
from rdbench.training.muon import MOMENTUM, Muon, orthogonal
from tests.training.conftest import NETWORKS


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_singular_vectors_stay_and_values_become_alike(shape):
    """Against the singular value decomposition, of matrices not too far from singular."""
    generator = torch.Generator().manual_seed(0)
    u, _, v = torch.linalg.svd(
        torch.randn(shape, generator=generator, dtype=torch.float64), full_matrices=False
    )
    values = torch.logspace(0, 1.3, len(v), dtype=torch.float64)
    made = u.T @ orthogonal(u @ torch.diag(values) @ v) @ v.T
    diagonal = made.diagonal()
    assert ((diagonal > 0.6) & (diagonal < 1.25)).all()
    torch.testing.assert_close(made, torch.diag(diagonal), rtol=0, atol=1e-9)


def test_a_step_has_the_size_of_its_kernel_whatever_the_gradients():
    generator = torch.Generator().manual_seed(1)
    kernel = torch.randn((6, 4, 5, 5), generator=generator)
    gradient = torch.randn((6, 4, 5, 5), generator=generator)
    moved = []
    for scale, factor in ((1.0, 1.0), (1e4, 1.0), (1.0, 20.0)):
        parameter = torch.nn.Parameter(kernel * factor)
        parameter.grad = gradient * scale
        Muon([parameter], 0.01).step()
        moved.append((kernel - parameter.detach() / factor) / 0.01)
    assert moved[0].square().mean().item() == pytest.approx(kernel.square().mean().item(), rel=1e-4)
    assert (moved[0] * gradient).sum() > 0
    for other in moved[1:]:
        torch.testing.assert_close(other, moved[0], rtol=1e-2, atol=1e-3)


def test_momentum_is_a_moving_average_that_looks_ahead():
    """Two steps, written out."""
    generator = torch.Generator().manual_seed(2)
    kernel, first, second = (torch.randn((3, 2, 3, 3), generator=generator) for _ in range(3))
    parameter = torch.nn.Parameter(kernel.clone())
    muon = Muon([parameter], 0.1)
    expected, momentum = kernel.clone(), torch.zeros_like(kernel)
    for gradient in (first, second):
        parameter.grad = gradient.clone()
        muon.step()
        momentum = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        ahead = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        step = orthogonal(ahead.reshape(3, -1)).reshape(kernel.shape)
        expected = expected - 0.1 * step * (expected.std(correction=0) / step.std(correction=0))
    torch.testing.assert_close(parameter.detach(), expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "dumas2018"])
def test_it_moves_the_kernels_and_adam_the_rest(architecture):
    """The rates that the trainer sets are those of both, in proportion."""
    card = Card(architecture, {**NETWORKS[architecture], "channels": 3})
    network = architectures.build(card, torch.Generator().manual_seed(0)).train()
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    settings = Optimizer(steps=10, method="muon", rate=1e-3, kernel_rate=1e-2, warm_up=0.0)
    trainer = trainers.of(architecture)(network, 1.0, "mse", settings, scratch=False)
    trainer.set_rate(5e-4, 0.0)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * network.peak
    trainer.step(images, torch.Generator().manual_seed(2), 0.5)
    kernels = [name for name, p in before.items() if p.ndim == 4]
    assert len(kernels) == {"bmshj2018-factorized": 8, "dumas2018": 6}[architecture]
    for name, parameter in network.named_parameters():
        moved = (parameter.detach() - before[name]).square().mean().sqrt().item()
        if name in kernels:
            size = before[name].square().mean().sqrt().item()
            assert moved == pytest.approx(5e-3 * size, rel=1e-2), name
    biases = [name for name in before if name.endswith("bias")]
    assert max((network.get_parameter(n) - before[n]).abs().max().item() for n in biases) > 1e-4
