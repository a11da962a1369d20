"""What several commands take in the same way."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Averaging(StrEnum):
    """How a curve's quality is averaged over images."""

    mean = "mean"
    pooled = "pooled"


AveragingOption = Annotated[
    Averaging,
    typer.Option(help="mean of the images' dB, or pooled: dB of the mean MSE or MS-SSIM."),
]


def names(text: str | None) -> list[str]:
    """The parts of a comma-separated list, each once."""
    return list(dict.fromkeys(part for part in map(str.strip, (text or "").split(",")) if part))
