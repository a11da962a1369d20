"""ColorVideoVDP of still images.

R. K. Mantiuk et al., "ColorVideoVDP: A visual difference predictor for image, video and display
distortions", ACM Trans. Graphics 43(4), 2024, doi:10.1145/3658144, by its authors' package cvvdp,
which includes its parameters.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from rdbench.metrics.base import Metric
from rdbench.metrics.extra.threads import one_thread

if TYPE_CHECKING:
    from rdbench.sample_format import Image


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what is logged, such as that an image is dark, or that torch finds no GPU."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


with warnings.catch_warnings(), _quiet():
    warnings.simplefilter("ignore")  # escapes in its strings
    from pycvvdp import cvvdp

_STANDARD: Final = {"fhd", "4k", "phone", "hmd"}


class Cvvdp(Metric):
    """``cvvdp`` against one original. Nothing of the original's side can be kept."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        display = self.options["display"]
        name = f"standard_{display}" if display in _STANDARD else display
        self._metric = cvvdp(display_name=name, quiet=True, device=torch.device("cpu"))

    def score(self, decoded: Image) -> float:
        """The quality in JOD of ``decoded``: uint8, shape of the original."""
        with one_thread(), torch.inference_mode(), _quiet():
            found, _ = self._metric.predict(_color(decoded), _color(self.original), "HWC")
        return float(found)


def _color(image: Image) -> Image:
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image.copy()
