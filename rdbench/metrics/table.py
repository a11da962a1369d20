"""The table of metrics: what the command line, the plots and the reports need to know of each.

Neither this module nor ``import rdbench.metrics`` imports numpy or OpenCV; the computation is
imported when the first image is scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rdbench.errors import UsageError, unknown


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name (the column of the CSV), how an axis names it, and what it is."""

    name: str
    label: str
    unit: str
    """``"dB"``, or empty for a number without a unit."""
    higher_is_better: bool
    definition: str
    target: str
    """``module:Class`` that computes it; see :class:`rdbench.metrics.reference.Side`."""

    @property
    def axis(self) -> str:
        """The text of an axis: ``PSNR [dB]``, or the label alone where there is no unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


_POINTWISE: Final = "rdbench.metrics.pointwise:Pointwise"
_STRUCTURAL: Final = "rdbench.metrics.structural:Structural"

_TABLE: Final = (
    Metric(
        "mse",
        "MSE",
        "",
        False,
        "Mean squared error over all samples of all channels, 8 bit.",
        _POINTWISE,
    ),
    Metric(
        "psnr_db",
        "PSNR",
        "dB",
        True,
        "10 log10(255^2 / mse) over all samples of all channels; inf for identical images.",
        _POINTWISE,
    ),
    Metric(
        "psnr_y_db",
        "PSNR-Y",
        "dB",
        True,
        "PSNR of the unrounded BT.601 full-range luma of JPEG/JFIF, "
        "Y = 0.299 R + 0.587 G + 0.114 B; PSNR of the channel where there is one.",
        _POINTWISE,
    ),
    Metric(
        "ssim",
        "SSIM",
        "",
        True,
        "SSIM of Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, windows inside the image, "
        "mean over channels.",
        _STRUCTURAL,
    ),
    Metric(
        "ms_ssim",
        "MS-SSIM",
        "",
        True,
        "MS-SSIM of Wang et al. 2003 over five scales as pytorch-msssim defines it: "
        "per channel, then the mean over channels.",
        _STRUCTURAL,
    ),
    Metric(
        "ms_ssim_db",
        "MS-SSIM",
        "dB",
        True,
        "-10 log10(1 - ms_ssim); inf for identical images.",
        _STRUCTURAL,
    ),
)

METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _TABLE})

DEFAULT_METRICS: Final = ("psnr_db", "psnr_y_db", "ssim", "ms_ssim_db")


def check(names: Iterable[str], *, rising: bool = False) -> tuple[str, ...]:
    """``names`` without repetitions, in order.

    Raises :class:`rdbench.errors.UsageError` for a name that is not in :data:`METRICS`, with
    those that are near it, and with ``rising`` for a metric that falls with quality.
    """
    checked = tuple(dict.fromkeys(names))
    for name in checked:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
        if rising and not METRICS[name].higher_is_better:
            raise UsageError(
                f"metric {name!r} falls with quality; name one of which more is better"
            )
    return checked
