"""Whether a codec does what every codec must do."""

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
        options: options of the codec, beside those.
        points: instead of the ladder, for codecs that are slow at many points.
        timeout_s: wall time that one encoding or decoding may take.

    Returns:
        The result of each check: passed, failed or skipped, and why.
        :func:`rdbench.testing.assert_conforms` raises where one has failed.

    Raises:
        UsageError: for a codec, an option or a point that does not exist.
        MissingBackendError: where its library or program is missing.
    """
    return run_checks(codec, options, points=points, timeout_s=timeout_s)
