"""The numbers of a stretch of steps, a row of the log."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch

from rdbench.training.data import Loader
from rdbench.training.trainers.base import Measured

LOG_EVERY: Final = 20
"""Steps of a row in the log, over which numbers are averaged and after which they are checked."""


@dataclass(frozen=True)
class Status:
    """How far a training is: the last row of its log."""

    member: str
    number: int
    """of the member, from 0"""
    step: int
    values: Mapping[str, float]
    """loss, bpp, psnr_db and so on, by the columns of the log"""


class Stretch:
    """The steps of one row of the log, and the clock."""

    def __init__(self, loader: Loader, batch: int) -> None:
        self._loader = loader
        self._batch = batch
        self._measured: list[Measured] = []
        self.seconds = 0.0
        self._clock()

    @property
    def steps(self) -> int:
        return len(self._measured)

    def add(self, measured: Measured) -> None:
        self._measured.append(measured)

    def restart_clock(self) -> None:
        """Leave out the time since the last row, if nothing was added since."""
        if not self._measured:
            self._clock()

    def finish(self) -> dict[str, float]:
        """The means since the last row; the next begins."""
        values = torch.stack([torch.stack([m.loss, m.bpp, m.mse]) for m in self._measured])
        loss, bpp, mse = values.double().mean(dim=0).tolist()
        self.seconds = time.perf_counter() - self._start
        steps = len(self._measured)
        row = {
            "loss": loss,
            "bpp": bpp,
            "mse": mse,
            "psnr_db": 10 * math.log10(255**2 / mse) if mse > 0 else math.nan,
            "step_s": self.seconds / steps,
            "data_s": (self._loader.waited_s - self._waited) / steps,
            "images_per_s": steps * self._batch / self.seconds,
        }
        self._measured = []
        self._clock()
        return row

    def _clock(self) -> None:
        self._start = time.perf_counter()
        self._waited = self._loader.waited_s
