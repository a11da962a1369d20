"""Metrics whose published numbers rdbench reads. If rdbench has a metric of the same name, its
record takes precedence."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from rdbench.metrics.record import MetricRecord

_AOM: Final = "as libvmaf computes it for AOM's common test conditions, of YCbCr planes at 4:2:0"
_JPEG_AI: Final = "as JPEG AI's objective quality framework computes it"
_BT709: Final = "luma, BT.709 full range"

PUBLISHED: Final = MappingProxyType(
    {
        record.name: record
        for record in (
            MetricRecord(
                "ssim_y_db", "SSIM-Y", "dB", definition=f"-10 log10(1 - SSIM) of luma, {_AOM}."
            ),
            MetricRecord("vmaf", "VMAF", definition="VMAF of luma, 0 to 100."),
            MetricRecord("vmaf_neg", "VMAF NEG", definition="VMAF without enhancement gain."),
            MetricRecord("psnr_hvs_db", "PSNR-HVS", "dB", definition=f"PSNR-HVS, {_AOM}."),
            MetricRecord(
                "ciede2000_db",
                "CIEDE2000",
                "dB",
                definition=f"45 - 20 log10 of the mean CIEDE2000 difference, {_AOM}.",
            ),
            MetricRecord(
                "cambi", "CAMBI", higher_is_better=False, definition=f"CAMBI (banding), {_AOM}."
            ),
            *(
                MetricRecord(name, label, definition=f"{label}, {_JPEG_AI}.", computed_on=planes)
                for name, label, planes in (
                    ("ms_ssim_y:matrix=709", "MS-SSIM-Y (matrix 709)", _BT709),
                    ("vif", "VIF", _BT709),
                    ("fsim", "FSIM", "all samples of all channels"),
                    ("iw_ssim", "IW-SSIM", _BT709),
                )
            ),
            MetricRecord(
                "nlpd",
                "NLPD",
                higher_is_better=False,
                definition=f"Normalized Laplacian pyramid distance, {_JPEG_AI}.",
                computed_on=_BT709,
            ),
            MetricRecord(
                "psnr_hvs_m_db",
                "PSNR-HVS-M",
                "dB",
                definition=f"PSNR-HVS-M, {_JPEG_AI}.",
                computed_on=_BT709,
            ),
        )
    }
)
