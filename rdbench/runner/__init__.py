"""Carrying an experiment out: one measurement, the pool of workers, and the run as a whole."""

from rdbench.runner.pool import Limits
from rdbench.runner.run import Outcome, run

__all__ = ["Limits", "Outcome", "run"]
