"""Reports: one page to look at, made of the curves, deltas and notes that figures and tables have.

The CSV is the truth, and this is how it is seen: nothing is computed here that ``bd`` and ``plot``
do not compute.
"""

from rdbench.reporting.page import report

__all__ = ["report"]
