"""``rdbench conformance``: whether a codec does what every codec must do."""

from __future__ import annotations

from typing import Annotated

import typer


def conformance(
    codec: Annotated[
        str,
        typer.Argument(
            metavar="NAME[:option=value,points=a/b/c]",
            help="The codec with its options; NAME may be FILE.py:Class.",
        ),
    ],
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Limit of one encoding or decoding.")
    ] = 120.0,
) -> None:
    """Check a codec: sizes, round trip in another process, rate, quality, damaged streams.

    The exit status is 1 when a check failed.
    """
    from rdbench import experiment
    from rdbench.conforming import Status, conforms, run_checks

    request = experiment.parse_codec(codec)
    results = run_checks(request.target, request.options, points=request.points, timeout_s=timeout)
    width = max(len(result.check) for result in results)
    for result in results:
        line = f"{result.check:{width}}  {result.status.value:7}  {result.detail}"
        typer.echo(line.rstrip())
    counts = [
        f"{sum(result.status is status for result in results)} {status.value}" for status in Status
    ]
    good = conforms(results)
    typer.echo(f"{codec}: {'conforms' if good else 'does not conform'} ({', '.join(counts)})")
    if not good:
        raise typer.Exit(1)
