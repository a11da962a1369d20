"""Carrying an experiment out: one measurement, the pool of workers, and the run as a whole."""

from rdbench.runner.pool import Limits, LocalPool
from rdbench.runner.run import Outcome, run

__all__ = ["Limits", "LocalPool", "Outcome", "run"]
