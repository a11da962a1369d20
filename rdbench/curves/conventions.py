"""Ways of comparing codecs that others have agreed on, each one record.

The numbers of all of them are BD-rates of single images and their arithmetic mean. An image without
one leaves the mean empty, with the reason: of other images it is another number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from rdbench.bd import Range
from rdbench.errors import unknown


@dataclass(frozen=True)
class Convention:
    """What is compared, and how.

    Lower-is-better metrics count by their negative, which gives the BD-rate of 1 - x as well.
    """

    name: str
    label: str
    """Whose it is, for titles."""
    metrics: tuple[str, ...]
    """The columns of its metrics."""
    source: str
    """Where it is written down."""
    method: str = "pchip"
    rates: Range | None = None
    """The rates in bit/px of the points that count."""
    monotonic: bool = False
    """Whether an image whose quality falls anywhere as the rate grows has no delta; otherwise its
    Pareto-optimal points count."""
    saturating: tuple[str, ...] = ()
    """Metrics of which a fall from :attr:`saturated` or more ends the curve before it."""
    saturated: float = math.inf
    cap_db: float = math.inf
    """What decibels count as at most, as those of a lossless point."""
    over_metrics: bool = False
    """Whether it has the mean over all its metrics."""
    remark: str = ""
    """What is said below its tables."""

    def saturation(self, metric: str) -> float:
        """The value of a metric from which on a fall ends a curve; infinite for most."""
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
            remark="JPEG AI's points are those of target rates of 0.06 to 1 bit/px, here with 15 % "
            "by which a rate may miss its target",
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
            remark="AOM gives no BD-rate of an image whose quality falls anywhere as the rate "
            "grows, but for VMAF from 99.5 on, which ends the curve, and none without overlap; "
            "decibels count as at most 100; AOM's PSNR-HVS is libvmaf's, which measured ones here "
            "are not",
        ),
    )
}


def find(name: str) -> Convention:
    """The convention of a name. Raises :class:`rdbench.errors.UsageError` for an unknown one, with
    those near it."""
    if name not in CONVENTIONS:
        raise unknown("convention", name, CONVENTIONS)
    return CONVENTIONS[name]
