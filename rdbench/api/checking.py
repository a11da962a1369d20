"""Whether a codec does what every codec must do."""

from __future__ import annotations

from rdbench.api.measuring import CodecLike, request
from rdbench.conforming import CheckResult, run_checks


def conformance(codec: CodecLike, *, timeout_s: float = 120.0) -> list[CheckResult]:
    """Check a codec: sizes, round trip in another process, rate, quality, damaged streams;
    ``rdbench conformance``.

    Args:
        codec: a name, a text ``NAME:option=value,points=a/b/c`` (NAME may be FILE.py:Class or
            FILE.toml), or a class.
        timeout_s: wall time that one encoding or decoding may take.

    Returns:
        The result of each check: passed, failed or skipped, and why.
        :func:`rdbench.testing.assert_conforms` raises where one has failed.

    Raises:
        UsageError: for a codec, an option or a point that does not exist.
    """
    asked = request(codec)
    return run_checks(asked.target, asked.options, points=asked.points, timeout_s=timeout_s)
