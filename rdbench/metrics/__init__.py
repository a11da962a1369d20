"""Metrics: how far a decoded image is from its original. Records of metrics are loaded immediately.
The code that computes is imported on first use, because the command line and the plots need only
the records.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from rdbench.metrics.base import Metric
from rdbench.metrics.record import MetricOption, MetricRecord
from rdbench.metrics.registry import choose, find, provenance, untested
from rdbench.metrics.table import BUILT_IN, DEFAULT_METRICS

if TYPE_CHECKING:
    from rdbench.metrics.pointwise import psnr
    from rdbench.metrics.reference import Reference, Scores
    from rdbench.metrics.structural import ms_ssim, ssim

__all__ = [
    "BUILT_IN",
    "DEFAULT_METRICS",
    "Metric",
    "MetricOption",
    "MetricRecord",
    "Reference",
    "Scores",
    "choose",
    "find",
    "ms_ssim",
    "provenance",
    "psnr",
    "ssim",
    "untested",
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
