"""FLIP of images on a display of standard dynamic range.

P. Andersson et al., "FLIP: A difference evaluator for alternating images", Proc. ACM Comput. Graph.
Interact. Tech. 3(2), 2020, doi:10.1145/3406183, by its authors' package flip-evaluator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import flip_evaluator
import numpy as np
from numpy.typing import NDArray

from rdbench.errors import UsageError
from rdbench.metrics.base import Metric

if TYPE_CHECKING:
    from rdbench.sample_format import Image


class Flip(Metric):
    """``flip`` against one original. Nothing of the original's side can be kept but its samples."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        try:
            self._density = float(self.options["ppd"])
        except ValueError:
            self._density = 0.0
        if not 0 < self._density < 1000:
            raise UsageError(
                f"metric 'flip': ppd is a number of pixels per degree, not {self.options['ppd']!r}"
            )
        self._samples = _color(original)

    def score(self, decoded: Image) -> float:
        """Mean FLIP of ``decoded``: uint8, shape of the original."""
        return float(self._evaluated(decoded)[1])

    def error_map(self, name: str, decoded: Image) -> NDArray[np.float32]:  # noqa: ARG002
        """FLIP of each pixel, from 0 to 1."""
        return np.asarray(self._evaluated(decoded)[0], np.float32).reshape(decoded.shape[:2])

    def _evaluated(self, decoded: Image) -> tuple[NDArray[Any], float, Any]:
        found: tuple[NDArray[Any], float, Any] = flip_evaluator.evaluate(
            self._samples,
            _color(decoded),
            "LDR",
            applyMagma=False,
            parameters={"ppd": self._density},
        )
        return found


def _color(image: Image) -> NDArray[np.floating[Any]]:
    samples = image.astype(np.float32) / np.float32(255)
    return np.repeat(samples, 3, axis=2) if image.shape[2] == 1 else samples
