"""``rdbench conformance``: check that a codec or a metric keeps the contract."""

from __future__ import annotations

from typing import Annotated

import typer

from rdbench.cli.findings import show_checks
from rdbench.cli.progress import Progress
from rdbench.errors import UsageError, unknown

KINDS = ("codec", "metric")


def conformance(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[codec|metric] NAME",
            help="A codec with its options, as NAME[:option=value,points=a/b/c], or a metric; NAME "
            "may be FILE.py:Class or FILE.toml.",
        ),
    ],
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, help="Time limit for one encoding, decoding or score."
        ),
    ] = 120.0,
) -> None:
    """Check a codec (sizes, round trip in another process, rate, quality, damaged streams) or a
    metric (sizes, identity, noise, symmetry, repetition). The exit status is 1 if a check fails.
    """
    from rdbench.conforming import run_checks, run_metric_checks

    *kinds, name = words
    if len(kinds) > 1:
        raise UsageError(f"one name at a time, not {' '.join(words[1:])}")
    kind = kinds[0] if kinds else "codec"
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS, hint="of what is checked, before its name")
    if kind == "metric":
        show_checks(name, run_metric_checks(name, timeout_s=timeout))
        return
    with Progress() as progress:
        results = run_checks(name, timeout_s=timeout, progress=progress.show)
    show_checks(name, results)
