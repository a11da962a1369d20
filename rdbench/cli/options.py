"""What several commands take in the same way."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rdbench.runner import Limits


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


def limits(jobs: int | None, timeout: float, memory: int | None) -> Limits:
    """Limits of a pool: by default as many jobs as there are cores, and 90 % of the machine's
    memory among them; a memory of 0 stands for no cap."""
    from rdbench.runner import Limits

    jobs = os.cpu_count() or 1 if jobs is None else jobs
    if memory is None and jobs > 0:
        memory = int(0.9 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20 / jobs)
    return Limits(jobs, timeout, memory or None)
