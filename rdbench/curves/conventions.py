"""Conventions of standards groups for comparing codecs, one record each. All of them give BD-rates
of single images and their arithmetic mean. If an image has no BD-rate, the mean is left empty, with
the reason: a mean over fewer images would be another number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from rdbench.bd import Range
from rdbench.errors import unknown


@dataclass(frozen=True)
class Convention:
    """What is compared, and how. A metric that falls with quality is negated, which gives the same
    BD-rate as 1 - x.
    """

    name: str
    label: str
    """Whose it is, for titles."""
    metrics: tuple[str, ...]
    """The columns of its metrics."""
    source: str
    """The document that defines it."""
    method: str = "pchip"
    rates: Range | None = None
    """The rates in bit/px of the points that count."""
    monotonic: bool = False
    """Whether an image whose quality falls anywhere as the rate grows has no delta. Otherwise its
    Pareto-optimal points are used."""
    saturating: tuple[str, ...] = ()
    """Metrics whose fall from a value of at least :attr:`saturated` ends the curve before the
    fall."""
    saturated: float = math.inf
    cap_db: float = math.inf
    """The upper limit of decibels, for example for a lossless point."""
    over_metrics: bool = False
    """Whether it defines a mean over all its metrics."""
    remark: str = ""
    """The note below its tables."""

    def saturation(self, metric: str) -> float:
        """The value from which a fall of the metric ends a curve; infinite for most metrics."""
        return self.saturated if metric in self.saturating else math.inf


CONVENTIONS: Final = {
    convention.name: convention
    for convention in (
        Convention(
            "jpeg-ai",
            "JPEG AI",
            (
                *("ms_ssim_y:matrix=709", "vif", "fsim", "nlpd", "iw_ssim", "vmaf"),
                "psnr_hvs_m_db",
            ),
            "JPEG AI common training and test conditions (ISO/IEC JTC 1/SC 29/WG 1) and the "
            "reporter of its reference software",
            # Its 0.06 to 1 bit/px are target rates: its reporter takes the points by their target,
            # and the first ones of its VVC anchor have 0.0538 to 0.0660 bit/px.
            rates=(0.051, 1.15),
            over_metrics=True,
            remark="JPEG AI's points are those of target rates of 0.06 to 1 bit/px, here with a "
            "tolerance of 15 % for a rate that misses its target",
        ),
        Convention(
            "aom",
            "AOM",
            (
                *("psnr_y_db", "psnr_yuv_aom_db", "psnr_hvs_db", "ssim_y_db", "ms_ssim_y_db"),
                *("ciede2000_db", "vmaf", "cambi"),
            ),
            "AOM common test conditions and the BD-rate script of AV2's testing framework",
            monotonic=True,
            saturating=("vmaf", "vmaf_neg"),
            saturated=99.5,
            cap_db=100.0,
            remark="AOM gives no BD-rate for an image whose quality falls anywhere as the rate "
            "grows (except VMAF above 99.5, where the curve ends) or without overlap; "
            "decibels are capped at 100; AOM takes PSNR-HVS from libvmaf, rdbench "
            "computes its own",
        ),
    )
}


def find(name: str) -> Convention:
    """The convention called ``name``. Raises :class:`rdbench.errors.UsageError` for an unknown
    name, with similar ones."""
    if name not in CONVENTIONS:
        raise unknown("convention", name, CONVENTIONS)
    return CONVENTIONS[name]
