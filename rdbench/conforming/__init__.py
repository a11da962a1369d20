"""Checks of the contract of codecs and metrics: ``rdbench conformance``. The codec under test
encodes in one process and decodes in another, so that only the stream passes between them, and so
that a crash or a hang costs one answer and not the suite.
"""

from rdbench.conforming.checks import CHECKS, run_checks
from rdbench.conforming.metric import METRIC_CHECKS, run_metric_checks
from rdbench.conforming.verdicts import CheckResult, Status, conforms, table

__all__ = [
    "CHECKS",
    "METRIC_CHECKS",
    "CheckResult",
    "Status",
    "conforms",
    "run_checks",
    "run_metric_checks",
    "table",
]
