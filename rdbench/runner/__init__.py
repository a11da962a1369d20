"""Running an experiment: single measurements, the pool of workers, and the run as a whole."""

from rdbench.runner.executor import Executor, Limits
from rdbench.runner.pool import LocalPool
from rdbench.runner.run import Outcome, run

__all__ = ["Executor", "Limits", "LocalPool", "Outcome", "run"]
