"""The metrics of JPEG AI that rdbench computes itself. MS-SSIM of luma and VMAF complete the
set."""

from __future__ import annotations

from typing import Final

from rdbench.metrics.record import MetricRecord, matrix_option

_LUMA: Final = "luma, BT.{matrix} full range, rounded to 8 bit"

JPEG_AI: Final = (
    MetricRecord(
        "vif",
        "VIF",
        definition="VIF of Sheikh and Bovik 2006 in the pixel domain: four scales, variance of the "
        "visual noise 2, in double precision what piq 0.8 gives. Not symmetric: contrast above "
        "that of the original gives more than 1. 1 for identical luma.",
        computed_on=_LUMA,
        options=matrix_option("709"),
        best_is_original=False,
        least_side=41,
        target="rdbench.metrics.vif:Vif",
    ),
    MetricRecord(
        "fsim",
        "FSIM",
        definition="FSIMc of Zhang et al. 2011 as piq 0.8 has it, FSIM if there is one channel; "
        "of images whose shorter side is 384 px and more, means of 2x2 samples and "
        "more, as its authors advise. 1 for identical images.",
        computed_on="luma, I and Q of YIQ",
        least_side=16,
        target="rdbench.metrics.fsim:Fsim",
    ),
    MetricRecord(
        "iw_ssim",
        "IW-SSIM",
        definition="IW-SSIM of Wang and Li 2011, five scales, in double precision what piq 0.8 "
        "gives; where no sample has information, the plain mean. Not symmetric: the weights "
        "are mostly those of the original. 1 for identical luma.",
        computed_on=_LUMA,
        options=matrix_option("709"),
        least_side=161,
        target="rdbench.metrics.iw_ssim:IwSsim",
    ),
    MetricRecord(
        "nlpd",
        "NLPD",
        higher_is_better=False,
        definition="Normalized Laplacian pyramid distance of Laparra et al. 2016, six levels, by "
        "the rules of IQA-pytorch 0.1 for borders; 0 for identical luma. JPEG AI's BD-rates take "
        "1 - nlpd.",
        computed_on=_LUMA,
        options=matrix_option("709"),
        least_side=65,
        target="rdbench.metrics.nlpd:Nlpd",
    ),
    MetricRecord(
        "psnr_hvs_db",
        "PSNR-HVS",
        "dB",
        definition="PSNR-HVS of Egiazarian et al. 2006: PSNR of the coefficients of 8x8 blocks "
        "side by side, weighted by the eye's sensitivity; the last row and column are repeated up "
        "to whole blocks. As psnr_hvsm 0.3 has it, which libvmaf's psnr_hvs is not. inf for "
        "identical luma.",
        computed_on=_LUMA,
        options=matrix_option("709"),
        target="rdbench.metrics.psnr_hvs:PsnrHvs",
    ),
    MetricRecord(
        "psnr_hvs_m_db",
        "PSNR-HVS-M",
        "dB",
        definition="PSNR-HVS-M of Ponomarenko et al. 2007: psnr_hvs_db without errors that "
        "contrast masks. inf for identical luma, and if all differences are masked.",
        computed_on=_LUMA,
        options=matrix_option("709"),
        target="rdbench.metrics.psnr_hvs:PsnrHvs",
    ),
)
