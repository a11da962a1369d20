"""Checking that a codec conforms to the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rdbench.codecs.base import Codec
from rdbench.conforming import CheckResult, run_checks


def conformance(
    codec: str | type[Codec],
    options: Mapping[str, Any] | None = None,
    *,
    points: Sequence[float | str] = (),
    timeout_s: float = 120.0,
) -> list[CheckResult]:
    """Check a codec: sizes, round trip in another process, rate, quality, damaged streams;
    ``rdbench conformance``.

    Args:
        codec: a class, or a text ``NAME:option=value,points=a/b/c`` (NAME may be FILE.py:Class or
            FILE.toml).
        options: more options of the codec.
        points: points to use instead of the ladder, for slow codecs.
        timeout_s: limit on the wall time of one encoding or decoding.

    Returns:
        The result of each check: passed, failed or skipped, and why.
        :func:`rdbench.testing.assert_conforms` raises where one has failed.

    Raises:
        UsageError: for a codec, an option or a point that does not exist.
        MissingBackendError: if its library or program is missing.
    """
    return run_checks(codec, options, points=points, timeout_s=timeout_s)
