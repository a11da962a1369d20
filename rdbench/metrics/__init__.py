"""PSNR, SSIM and MS-SSIM of 8-bit images, and the table that describes them.

The table is here at once; what computes is imported on first use, because the command line and
the plots want the table alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from rdbench.metrics.table import DEFAULT_METRICS, METRICS, Metric, check

if TYPE_CHECKING:
    from rdbench.metrics.pointwise import psnr
    from rdbench.metrics.reference import Reference, Scores
    from rdbench.metrics.structural import ms_ssim, ssim

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "Metric",
    "Reference",
    "Scores",
    "check",
    "ms_ssim",
    "psnr",
    "ssim",
]

_LAZY: Final = {
    "Reference": "reference",
    "Scores": "reference",
    "ms_ssim": "structural",
    "psnr": "pointwise",
    "ssim": "structural",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
