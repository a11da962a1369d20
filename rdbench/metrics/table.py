"""The metrics that come with rdbench. Listing them imports neither numpy nor OpenCV."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from rdbench.metrics.record import MetricRecord

_POINTWISE: Final = "rdbench.metrics.pointwise:Pointwise"
_STRUCTURAL: Final = "rdbench.metrics.structural:Structural"

_TABLE: Final = (
    MetricRecord(
        "mse",
        "MSE",
        higher_is_better=False,
        definition="Mean squared error over all samples of all channels, 8 bit.",
        target=_POINTWISE,
    ),
    MetricRecord(
        "psnr_db",
        "PSNR",
        "dB",
        definition="10 log10(255^2 / mse) over all samples of all channels; inf for identical "
        "images.",
        linear="MSE",
        beside=("mse",),
        target=_POINTWISE,
    ),
    MetricRecord(
        "psnr_y_db",
        "PSNR-Y",
        "dB",
        definition="PSNR of the unrounded BT.601 full-range luma of JPEG/JFIF, "
        "Y = 0.299 R + 0.587 G + 0.114 B; PSNR of the channel where there is one.",
        computed_on="luma, BT.601 full range",
        linear="MSE",
        target=_POINTWISE,
    ),
    MetricRecord(
        "ssim",
        "SSIM",
        definition="SSIM of Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, windows inside "
        "the image, mean over channels.",
        least_side=11,
        target=_STRUCTURAL,
    ),
    MetricRecord(
        "ms_ssim",
        "MS-SSIM",
        definition="MS-SSIM of Wang et al. 2003 over five scales as pytorch-msssim defines it: "
        "per channel, then the mean over channels.",
        least_side=161,
        target=_STRUCTURAL,
    ),
    MetricRecord(
        "ms_ssim_db",
        "MS-SSIM",
        "dB",
        definition="-10 log10(1 - ms_ssim); inf for identical images.",
        least_side=161,
        linear="MS-SSIM",
        beside=("ms_ssim",),
        target=_STRUCTURAL,
    ),
)

BUILT_IN: Final = MappingProxyType({record.name: record for record in _TABLE})

DEFAULT_METRICS: Final = ("psnr_db", "psnr_y_db", "ssim", "ms_ssim_db")
