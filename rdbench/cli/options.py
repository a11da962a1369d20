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
    """How a curve's quality is averaged over images."""

    mean = "mean"
    pooled = "pooled"
    literature = "literature"


AveragingOption = Annotated[
    Averaging,
    typer.Option(
        help="mean of the images' dB, pooled: dB of the mean MSE or MS-SSIM, or literature: mean "
        "of PSNR and pooled MS-SSIM, as papers have them."
    ),
]


LabelsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help='What curves, datasets and metrics are called: lines "label" = "name"; '
        '"published:LABEL" for a published curve.',
    ),
]


def a_path(text: str) -> Path:
    """The path that an option names, which a typing of ``""`` does not."""
    return named(text)


a_path.__name__ = "path"  # which help texts show


def names(text: str | None) -> list[str]:
    """The parts of a comma-separated list, each once."""
    return list(dict.fromkeys(part for part in map(str.strip, (text or "").split(",")) if part))


@contextmanager
def warnings_said() -> Iterator[None]:
    """Say on stderr what the package warns its users of meanwhile, a line for each."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in said:
        say(f"warning: {warning.message}", err=True)


def range_of(option: str, text: str) -> tuple[float, float] | None:
    """The range LOW,HIGH of an option, None where it is empty."""
    if not text:
        return None
    low, high = pair_of(option, text, "LOW,HIGH")
    if not low < high:
        raise UsageError(f"{option} {text!r}: {low:g} is not below {high:g}")
    return low, high


def pair_of(option: str, text: str, form: str) -> tuple[float, float]:
    """The two numbers of an option, whose form is told where they are none."""
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
        help="Worker processes, one thread each; times are comparable with 1. "
        "[default: the cores that this process may use]"
    ),
]
TimeoutOption = Annotated[
    float, typer.Option(metavar="SECONDS", help="Time that one measurement may take.")
]
MemoryOption = Annotated[
    int | None,
    typer.Option(
        metavar="MIB",
        help="Private memory that one worker may have; 0 for no cap. "
        "[default: 90 % of what this process may have, shared among the jobs]",
    ),
]
