"""rdbench: measure image codecs from real bitstreams, and report how far apart they are."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from rdbench import errors

if TYPE_CHECKING:
    from rdbench.api import compare, conformance, merge, rescore, run, score, train
    from rdbench.bd import BDResult, bd_quality, bd_rate
    from rdbench.codecs.base import Axis, Codec, Option
    from rdbench.curves import BDTable, MatchTable, bd_table, match_table
    from rdbench.errors import CodecError, RdbenchError
    from rdbench.files import open_weights
    from rdbench.gate import check
    from rdbench.importing import import_
    from rdbench.metrics import Metric, MetricRecord
    from rdbench.plots import plot_rd
    from rdbench.reporting import report
    from rdbench.reproducing import reproduce
    from rdbench.results import load
    from rdbench.runner import Limits, Outcome
    from rdbench.schema import Measurement
    from rdbench.stages import transforming

__version__ = "0.1.0"

__all__ = [
    "Axis",
    "BDResult",
    "BDTable",
    "Codec",
    "CodecError",
    "Limits",
    "MatchTable",
    "Measurement",
    "Metric",
    "MetricRecord",
    "Option",
    "Outcome",
    "RdbenchError",
    "__version__",
    "bd_quality",
    "bd_rate",
    "bd_table",
    "check",
    "compare",
    "conformance",
    "errors",
    "import_",
    "load",
    "match_table",
    "merge",
    "open_weights",
    "plot_rd",
    "report",
    "reproduce",
    "rescore",
    "run",
    "score",
    "train",
    "transforming",
]

# Where the public names live. They are imported on first use, so that `import rdbench` and
# `rdbench --help` load none of the heavy packages; type checkers read the imports above.
_LAZY: Final = {
    "Axis": "rdbench.codecs.base",
    "BDResult": "rdbench.bd",
    "BDTable": "rdbench.curves",
    "Codec": "rdbench.codecs.base",
    "CodecError": "rdbench.errors",
    "Limits": "rdbench.runner",
    "MatchTable": "rdbench.curves",
    "Measurement": "rdbench.schema",
    "Metric": "rdbench.metrics",
    "MetricRecord": "rdbench.metrics",
    "Option": "rdbench.codecs.base",
    "Outcome": "rdbench.runner",
    "RdbenchError": "rdbench.errors",
    "bd_quality": "rdbench.bd",
    "bd_rate": "rdbench.bd",
    "bd_table": "rdbench.curves",
    "check": "rdbench.gate",
    "compare": "rdbench.api",
    "conformance": "rdbench.api",
    "import_": "rdbench.importing",
    "load": "rdbench.results",
    "match_table": "rdbench.curves",
    "merge": "rdbench.api",
    "open_weights": "rdbench.files",
    "plot_rd": "rdbench.plots",
    "report": "rdbench.reporting",
    "reproduce": "rdbench.reproducing",
    "rescore": "rdbench.api",
    "run": "rdbench.api",
    "score": "rdbench.api",
    "train": "rdbench.api",
    "transforming": "rdbench.stages",
}

if not TYPE_CHECKING:  # for type checkers it would make any name one of the package's

    def __getattr__(name):
        if name in _LAZY:
            return getattr(importlib.import_module(_LAZY[name]), name)
        raise AttributeError(f"module 'rdbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
