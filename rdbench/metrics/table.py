"""The metrics of rdbench. Listing them imports neither NumPy nor OpenCV."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from rdbench.metrics.jpeg_ai import JPEG_AI
from rdbench.metrics.others import OTHERS
from rdbench.metrics.record import MetricRecord, matrix_option
from rdbench.sample_format import SampleFormat

_POINTWISE: Final = "rdbench.metrics.pointwise:Pointwise"
_POINTWISE_YCBCR: Final = "rdbench.metrics.pointwise:PointwiseYcbcr"
_STRUCTURAL: Final = "rdbench.metrics.structural:Structural"
_STRUCTURAL_LUMA: Final = "rdbench.metrics.structural:StructuralLuma"
_XPSNR: Final = "rdbench.metrics.xpsnr:Xpsnr"
_SSIMULACRA2: Final = "rdbench.metrics.ssimulacra2:Ssimulacra2"
_COLOR: Final = frozenset({SampleFormat(3)})
_LUMA: Final = "luma, BT.{matrix} full range"
_CHROMA: Final = "chroma, BT.{matrix} full range, one sample a pixel"

_TABLE: Final = (
    MetricRecord(
        "mse",
        "MSE",
        higher_is_better=False,
        definition="Mean squared error over all samples of all channels, 8 bit.",
        map="squared error",
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
        map="squared error",
        target=_POINTWISE,
    ),
    MetricRecord(
        "psnr_y_db",
        "PSNR-Y",
        "dB",
        definition="PSNR of the unrounded BT.{matrix} full-range luma, Y = KR R + KG G + KB B "
        "with the weights of Rec. ITU-R BT.{matrix} (601: 0.299, 0.587, 0.114, as in "
        "JPEG/JFIF; 709: 0.2126, 0.7152, 0.0722); PSNR of the channel if there is "
        "only one.",
        computed_on=_LUMA,
        options=matrix_option(),
        linear="MSE",
        target=_POINTWISE_YCBCR,
    ),
    *(
        MetricRecord(
            f"psnr_{plane}_db",
            f"PSNR-{plane.upper()}",
            "dB",
            definition=f"PSNR of the unrounded BT.{{matrix}} full-range {formula} (of BT.601 as "
            "in JPEG/JFIF), at 4:4:4 whatever the codec subsamples; peak 255. No "
            "value if there is only one channel.",
            computed_on=_CHROMA,
            options=matrix_option(),
            formats=_COLOR,
            linear="MSE",
            target=_POINTWISE_YCBCR,
        )
        for plane, formula in (
            ("u", "Cb = (B - Y) / (2 - 2 KB)"),
            ("v", "Cr = (R - Y) / (2 - 2 KR)"),
        )
    ),
    MetricRecord(
        "psnr_yuv_db",
        "PSNR-YUV",
        "dB",
        revision=2,
        definition="(6 psnr_y_db + psnr_u_db + psnr_v_db) / 8, each of BT.{matrix}: the weights "
        "of JCT-VC and JVET (Ohm et al. 2012, doi:10.1109/TCSVT.2012.2221192), which "
        "use chroma at 4:2:0. Before revision 2, it used BT.601.",
        computed_on="luma and " + _CHROMA,
        options=matrix_option("709"),
        formats=_COLOR,
        target=_POINTWISE_YCBCR,
    ),
    MetricRecord(
        "psnr_yuv_aom_db",
        "PSNR-YUV 14:1:1",
        "dB",
        definition="(14 psnr_y_db + psnr_u_db + psnr_v_db) / 16, the weights of the overall PSNR "
        "of AOM's common test conditions, which use chroma at 4:2:0.",
        computed_on="luma and " + _CHROMA,
        options=matrix_option(),
        formats=_COLOR,
        target=_POINTWISE_YCBCR,
    ),
    MetricRecord(
        "ssim",
        "SSIM",
        definition="SSIM of Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, windows inside "
        "the image, mean over channels.",
        least_side=11,
        map="1 - SSIM",
        target=_STRUCTURAL,
    ),
    MetricRecord(
        "ssim_y",
        "SSIM-Y",
        definition="ssim of the luma of psnr_y_db with matrix {matrix}, unrounded; ssim of the "
        "channel if there is only one.",
        computed_on=_LUMA,
        options=matrix_option(),
        least_side=11,
        map="1 - SSIM of luma",
        target=_STRUCTURAL_LUMA,
    ),
    MetricRecord(
        "ms_ssim",
        "MS-SSIM",
        definition="MS-SSIM of Wang et al. 2003 over five scales as pytorch-msssim defines it: "
        "per channel, then the mean over channels.",
        least_side=161,
        map="1 - contrast and structure, finest scale of MS-SSIM",
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
        map="1 - contrast and structure, finest scale of MS-SSIM",
        target=_STRUCTURAL,
    ),
    MetricRecord(
        "ms_ssim_y",
        "MS-SSIM-Y",
        definition="ms_ssim of the luma of psnr_y_db with matrix {matrix}, unrounded; ms_ssim of "
        "the channel if there is only one.",
        computed_on=_LUMA,
        options=matrix_option(),
        least_side=161,
        map="1 - contrast and structure of luma, finest scale of MS-SSIM",
        target=_STRUCTURAL_LUMA,
    ),
    MetricRecord(
        "ms_ssim_y_db",
        "MS-SSIM-Y",
        "dB",
        definition="-10 log10(1 - ms_ssim_y); inf for identical luma.",
        computed_on=_LUMA,
        options=matrix_option(),
        least_side=161,
        linear="MS-SSIM-Y",
        beside=("ms_ssim_y",),
        map="1 - contrast and structure of luma, finest scale of MS-SSIM",
        target=_STRUCTURAL_LUMA,
    ),
    MetricRecord(
        "ssimulacra2",
        "SSIMULACRA 2",
        definition="SSIMULACRA 2.1 (Sneyers, Cloudinary 2023, "
        "https://github.com/cloudinary/ssimulacra2, commit 81feacf), in the "
        "arithmetic of its C++ with fused multiply-add; 100 for identical images; it "
        "can be negative. One channel counts as R = G = B.",
        computed_on="XYB of samples interpreted as sRGB",
        least_side=8,
        map="weighted errors of SSIMULACRA 2",
        target=_SSIMULACRA2,
    ),
    *(
        MetricRecord(
            name,
            label,
            "dB",
            definition=f"{what} of Helmrich et al. 2020 (ITU Journal 3(1)) for a still image, as "
            "FFmpeg's filter xpsnr computes it of one frame whose first input is the "
            "original; inf if the weighted squared error is under a half. For a "
            "single channel, of that channel.",
            computed_on="BT.{matrix} limited range, rounded to 8 bits, chroma at 4:4:4",
            options=matrix_option("709"),
            target=_XPSNR,
        )
        for name, label, what in (
            ("xpsnr_db", "XPSNR", "The least XPSNR of luma and both chroma planes"),
            ("xpsnr_y_db", "XPSNR-Y", "The XPSNR of luma"),
        )
    ),
    MetricRecord(
        "ciede2000",
        "CIEDE2000",
        higher_is_better=False,
        definition="Mean color difference CIEDE2000 (CIE 142-2001) with k = 1, of CIE L*a*b* under "
        "D65, as scikit-image's deltaE_ciede2000; 0 for identical images. One channel counts as "
        "R = G = B.",
        computed_on="L*a*b* of samples interpreted as sRGB",
        map="CIEDE2000",
        target="rdbench.metrics.ciede2000:Ciede2000",
    ),
)

BUILT_IN: Final = MappingProxyType({record.name: record for record in (*_TABLE, *JPEG_AI, *OTHERS)})
"""By name, before options are chosen."""


def is_own(record: MetricRecord) -> bool:
    """Whether a metric is one of rdbench's own, with any options."""
    known = BUILT_IN.get(record.plain_name)
    return known is not None and known.target == record.target


DEFAULT_METRICS: Final = ("psnr_db", "psnr_y_db", "ssim", "ms_ssim_db")
