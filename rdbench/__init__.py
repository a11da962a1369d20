"""rdbench: measure image codecs from real bitstreams, and say how far apart they are."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The public names and where they live. They are imported on first use, so that `import rdbench`
# and `rdbench --help` load none of the heavy packages.
_PUBLIC = {
    "Axis": "rdbench.codecs.base",
    "Codec": "rdbench.codecs.base",
    "Option": "rdbench.codecs.base",
    "BDResult": "rdbench.bd",
    "bd_quality": "rdbench.bd",
    "bd_rate": "rdbench.bd",
    "bd_table": "rdbench.curves",
    "check": "rdbench.gate",
    "CodecError": "rdbench.errors",
    "Metric": "rdbench.metrics",
    "MetricRecord": "rdbench.metrics",
    "RdbenchError": "rdbench.errors",
    "Limits": "rdbench.runner",
    "load": "rdbench.results",
    "merge": "rdbench.api",
    "Outcome": "rdbench.runner",
    "open_weights": "rdbench.files",
    "plot_rd": "rdbench.plots",
    "rescore": "rdbench.api",
    "run": "rdbench.api",
    "score": "rdbench.api",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'rdbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
