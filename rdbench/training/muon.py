"""Muon: momentum whose steps are orthogonal matrices, for the kernels of convolutions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

MOMENTUM: Final = 0.95

_ITERATIONS: Final = 5
_POLYNOMIAL: Final = (3.4445, -4.7750, 2.0315)
_TINY: Final = 1e-12


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.

    The momentum of each kernel, (a, b, h, w), is taken as a matrix (a, b·h·w) and replaced by the
    nearest one with orthogonal rows, so that every direction that the gradient has is followed as
    far as the steepest. ``rate`` is the root mean square of a step in that of the kernel: layers
    of other scales move alike.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], rate: float) -> None:
        super().__init__(kernels, {"lr": rate})

    def step(self) -> None:
        """One step along the gradients."""
        with torch.no_grad():
            for group in self.param_groups:
                for kernel in group["params"]:
                    self._move(kernel, float(group["lr"]))

    def _move(self, kernel: nn.Parameter, rate: float) -> None:
        state, gradient = self.state[kernel], kernel.grad
        momentum = state.setdefault("momentum", torch.zeros_like(kernel))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(momentum, MOMENTUM)  # Nesterov's
        step = orthogonal(ahead.flatten(1)).reshape(kernel.shape)
        kernel.add_(step, alpha=-rate * float(_rms(kernel) / (_rms(step) + _TINY)))


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose rows or, where these are more, columns are orthonormal: its
    singular values are between 0.7 and 1.2 but for those that were tiny. (a, b) to (a, b).

    Five steps of a Newton–Schulz iteration, here on the square of the matrix alone: what they
    multiply it by from the left is a polynomial of that.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / (matrix.norm() + _TINY)
    one = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    square, product = matrix @ matrix.T, one
    a, b, c = _POLYNOMIAL
    for _ in range(_ITERATIONS):
        factor = a * one + b * square + c * square @ square
        product = factor @ product
        square = factor @ square @ factor
    return product @ matrix


def _rms(values: Tensor) -> Tensor:
    return values.square().mean().sqrt()
