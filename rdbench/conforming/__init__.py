"""What every codec must do, checked: ``rdbench conformance NAME[:option=value,...]``.

The codec under test encodes in one process and decodes in another, so that nothing but the
stream passes between the two, and so that a codec that crashes or hangs costs one answer and not
the suite.
"""

from rdbench.conforming.checks import CHECKS, CheckResult, Status, conforms, run_checks

__all__ = ["CHECKS", "CheckResult", "Status", "conforms", "run_checks"]
