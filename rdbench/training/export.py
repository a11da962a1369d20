"""How weights were trained, for their card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rdbench.models.weights import Card
from rdbench.training.configuration import Configuration


def card_of(
    configuration: Configuration,
    number: int,
    validated: Sequence[Mapping[str, Any]],
    **measured: Any,
) -> Card:
    """The card of the member ``number`` once it is trained: what was asked for, what ``measured``
    says of it, and the means of the rows of its validation."""
    member, data = configuration.members[number], configuration.data
    optimizer = msgspec.structs.asdict(configuration.optimizer)
    for key in ("steps", "neighbor_steps", "neighbor_rate"):
        del optimizer[key]
    return configuration.card(
        member,
        seed=configuration.run.seed,
        crop=data.crop,
        batch=data.batch,
        smallest_scale=data.smallest_scale,
        flips=data.flips,
        vertical_flips=data.vertical_flips,
        transposes=data.transposes,
        permute_colors=data.permute_colors,
        optimizer=optimizer,
        trainer=msgspec.structs.asdict(configuration.trainer),
        speed=member.speed,
        precision=configuration.run.precision,
        start=str(configuration.start_of(number)),
        frozen=configuration.freeze,
        validation={
            key: round(mean(validated, key), 5) for key in ("bpp", "estimated_bpp", "psnr_db")
        },
        **measured,
    )


def mean(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    """The mean of a column of a validation."""
    return sum(float(row[key]) for row in rows) / len(rows)
