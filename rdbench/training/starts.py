"""What a network starts from: random weights, a block transform, or weights of another network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from rdbench.errors import UsageError
from rdbench.models import architectures, weights
from rdbench.schema import one_line
from rdbench.training import trainers
from rdbench.training.configuration import BLOCK_TRANSFORM, Configuration, Start
from rdbench.training.trainers.base import BlockTransformStart, GrownStart

TRANSFORMS: Final = ("g_a", "g_s")
"""The parts that mean the same in networks of different architectures."""


def begin(
    configuration: Configuration,
    number: int,
    start: Start,
    latents: Callable[[Any], Iterable[Tensor]],
) -> dict[str, Tensor] | None:
    """The state in which the member ``number`` starts, None for random weights.

    ``start`` names no neighbor any more, but the file of it. ``latents`` gives the latents of
    some training images for a network, (1, maps, h, w) each. Raises :class:`UsageError` for a file
    that does not fit.
    """
    if not start.source:
        return None
    member, trainer = configuration.members[number], trainers.of(configuration.architecture)
    network: Any = architectures.build(
        configuration.card(member), torch.Generator().manual_seed(configuration.run.seed)
    )
    if start.source == BLOCK_TRANSFORM:
        assert issubclass(trainer, BlockTransformStart)
        trainer.start_as_block_transform(network, member.rate, configuration.optimized)
        trainer.start_entropy_model(network, latents(network))
        return dict(network.state_dict())
    path = Path(start.source)
    where = f"configuration {configuration.name!r}, key 'start': {str(path)!r}"
    card, state = weights.read(path)
    source: Any = None
    parts = start.parts
    if start.parts and card.architecture != configuration.architecture:
        _, original, _ = architectures.network(path)
        if own := [part for part in start.parts if part not in TRANSFORMS]:
            grown: tuple[str, ...] = ()
            if issubclass(trainer, GrownStart):
                grown = trainer.grows_out_of.get(card.architecture, ())
            if set(start.parts) != {*TRANSFORMS, *grown}:
                all_four = f", or {', '.join((*TRANSFORMS, *grown))} together" if grown else ""
                raise UsageError(
                    f"{where}: {own[0]!r} of {card.architecture} is not what it is in "
                    f"{configuration.architecture}; {' and '.join(TRANSFORMS)} are{all_four}"
                )
            source = original
        parts = TRANSFORMS if own else start.parts
        state = _folded(state, original, network)
    if start.parts:
        state = _parts(state, parts, where)
    try:
        network.load_state_dict(state, strict=not start.parts)
    except RuntimeError as error:
        reason = one_line(str(error).splitlines()[-1], 160)
        raise UsageError(f"{where} does not fit {member.name}: {reason}") from None
    if start.beta != 1:
        _scale(network, start.beta, where)
    if configuration.freeze and configuration.half:
        _as_stored(network)
    if source is not None:
        assert issubclass(trainer, GrownStart)
        try:
            trainer.grow(network, source, latents(network), start.beta)
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"{where}: {one_line(str(error), 160)}") from None
    elif start.parts and set(start.parts) <= set(TRANSFORMS):
        trainer.start_entropy_model(network, latents(network))
    return dict(network.state_dict())


def _parts(state: dict[str, Tensor], parts: Iterable[str], where: str) -> dict[str, Tensor]:
    """The tensors of the ``parts`` of a network. Raises :class:`UsageError` for one it has not."""
    there = sorted({name.split(".")[0] for name in state})
    if missing := [part for part in parts if part not in there]:
        raise UsageError(f"{where} has no part {missing[0]!r}, but {', '.join(there)}")
    return {name: values for name, values in state.items() if name.split(".")[0] in parts}


def _folded(state: dict[str, Tensor], source: Any, target: Any) -> dict[str, Tensor]:
    """``state`` of ``source`` with transforms that take and give samples on the scale of
    ``target``: exact, but for the zeros beyond the borders, which stand for other samples then."""
    if not (hasattr(source, "sample_range") and hasattr(target, "sample_range")):
        return state
    (black, white), (target_black, target_white) = source.sample_range, target.sample_range
    slope = (white - black) / (target_white - target_black)
    offset = black - slope * target_black
    first, last = "g_a.0", f"g_s.{len(source.g_s) - 1}"
    kernel = state[f"{first}.weight"].float()
    return {
        **state,
        f"{first}.weight": kernel * slope,
        f"{first}.bias": state[f"{first}.bias"] + offset * kernel.sum(dim=(1, 2, 3)),
        f"{last}.weight": state[f"{last}.weight"].float() / slope,
        f"{last}.bias": (state[f"{last}.bias"] - offset) / slope,
    }


def _as_stored(network: Any) -> None:
    """Round transforms that stay to what their file will hold, so that they stay as they are."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.split(".")[0] in TRANSFORMS:
                parameter.copy_(parameter.half())


def _scale(network: Any, beta: float, where: str) -> None:
    """Let a step of the latents stand for ``beta`` steps of before."""
    if not hasattr(network, "g_a"):
        raise UsageError(f"{where}: beta is of networks with g_a and g_s")
    with torch.no_grad():
        network.g_a[-1].weight /= beta
        network.g_a[-1].bias /= beta
        network.g_s[0].weight *= beta
