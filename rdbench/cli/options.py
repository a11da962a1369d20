"""What several commands take in the same way."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.errors import UsageError
from rdbench.places import named


class Averaging(StrEnum):
    """How the quality of a curve is averaged over images."""

    mean = "mean"
    pooled = "pooled"
    literature = "literature"


AveragingOption = Annotated[
    Averaging,
    typer.Option(
        help="mean: mean of the images' dB; pooled: dB of the mean MSE or MS-SSIM; literature: "
        "mean PSNR and pooled MS-SSIM, as in papers."
    ),
]


LabelsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help='Names for curves, datasets and metrics: lines "label" = "name"; "published:LABEL" '
        "for a published curve.",
    ),
]


def a_path(text: str) -> Path:
    """The path that an option names. Raises :class:`UsageError` for ``""``."""
    return named(text)


a_path.__name__ = "path"  # which help texts show


def names(text: str | None) -> list[str]:
    """The entries of a comma-separated list, without repetitions."""
    return list(dict.fromkeys(part for part in map(str.strip, (text or "").split(",")) if part))


@contextmanager
def warnings_said() -> Iterator[None]:
    """Print the package's warnings on stderr, one line each."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in said:
        say(f"warning: {warning.message}", err=True)


def range_of(option: str, text: str) -> tuple[float, float] | None:
    """The range LOW,HIGH of an option; None if it is empty."""
    if not text:
        return None
    low, high = pair_of(option, text, "LOW,HIGH")
    if not low < high:
        raise UsageError(f"{option} {text!r}: {low:g} is not below {high:g}")
    return low, high


def pair_of(option: str, text: str, form: str) -> tuple[float, float]:
    """The two numbers of an option. Raises :class:`UsageError`, which names the ``form``, for
    anything else."""
    try:
        one, other = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text!r} is not {form}") from None
    return one, other


MetricsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Metrics: names of `rdbench metrics`, FILE.py:Class or FILE.toml. [default: psnr_db, "
        "psnr_y_db, ssim, ms_ssim_db]",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        help="Worker processes, one thread each. Use 1 for comparable times. [default: the cores "
        "that this process may use]"
    ),
]
TimeoutOption = Annotated[
    float, typer.Option(metavar="SECONDS", help="Time limit for one measurement.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A folder in which runs share measurements. An identical measurement is taken from "
        "there, without its times.",
    ),
]
MemoryOption = Annotated[
    int | None,
    typer.Option(
        metavar="MIB",
        help="Limit on the private memory of one worker; 0 for none. [default: 90 % of the "
        "memory available to this process, divided among the jobs]",
    ),
]
