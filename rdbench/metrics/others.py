"""The metrics that need the extra ``rdbench[metrics]``, or an external program."""

from __future__ import annotations

from typing import Final

from rdbench.metrics.record import MetricOption, MetricRecord, matrix_option

_INSTALL: Final = "pip install 'rdbench[metrics]'"
_VMAF: Final = "rdbench.metrics.extra.vmaf:Vmaf"
_RANGE: Final = MetricOption(
    "range",
    "limited",
    ("limited", "full"),
    help="range of the luma passed to libvmaf; video uses limited",
)
_LIBVMAF_OPTIONS: Final = (*matrix_option("709"), _RANGE)
_LIBVMAF_LUMA: Final = "luma, BT.{matrix} {range} range, 8 bit"
_VGG16: Final = MetricOption(
    "vgg16", "", is_file=True, help="torchvision's weights; default: those in torch's cache"
)
_WEIGHTS: Final = MetricOption(
    "weights", "", is_file=True, help="the metric's own weights, in piq's layout; default: as above"
)
_DISPLAYS: Final = (
    *("fhd", "4k", "phone", "hmd", "sdr_4k_30", "sdr_fhd_24", "macbook_pro_16", "ipad_pro_12_9"),
    *("iphone_12_pro", "iphone_14_pro", "htc_vive_pro", "lg_oled_2017_sdr", "eizo_CG3146"),
)

OTHERS: Final = (
    *(
        MetricRecord(
            name,
            label,
            definition=f"VMAF of libvmaf, model {model}, one frame. Identical images give about "
            "97 to 98, not 100. FFmpeg given RGB files takes BT.601.",
            computed_on=_LIBVMAF_LUMA,
            options=_LIBVMAF_OPTIONS,
            best_is_original=False,
            least_side=17,
            target=_VMAF,
            install=_INSTALL,
        )
        for name, label, model in (
            ("vmaf", "VMAF", "vmaf_v0.6.1"),
            ("vmaf_neg", "VMAF NEG", "vmaf_v0.6.1neg, which does not reward enhancement"),
        )
    ),
    MetricRecord(
        "cambi",
        "CAMBI",
        higher_is_better=False,
        definition="Banding in the decoded image alone, by libvmaf's feature cambi with its "
        "defaults, which assume limited range; 0 if there is none. Identical images "
        "give the banding of the original.",
        computed_on=_LIBVMAF_LUMA + ", of the decoded image alone",
        options=_LIBVMAF_OPTIONS,
        no_reference=True,
        best_is_original=False,
        least_side=216,
        target=_VMAF,
        install=_INSTALL,
    ),
    MetricRecord(
        "cvvdp",
        "CVVDP",
        "JOD",
        definition="ColorVideoVDP of Mantiuk et al. 2024, still image, on its display {display}, "
        "in just objectionable differences; 10 for identical images.",
        computed_on="sRGB as the display shows it",
        options=(MetricOption("display", "fhd", _DISPLAYS, help="preset of the package"),),
        least_side=2,
        target="rdbench.metrics.extra.cvvdp:Cvvdp",
        install=_INSTALL,
        library="cvvdp",
        tested=("0.5.7",),
    ),
    MetricRecord(
        "flip",
        "FLIP",
        higher_is_better=False,
        definition="Mean of LDR-FLIP of Andersson et al. 2020 at {ppd} pixels per degree; 0 for "
        "identical images.",
        computed_on="sRGB",
        options=(MetricOption("ppd", "67", help="pixels per degree"),),
        map="FLIP",
        target="rdbench.metrics.extra.flip:Flip",
        install=_INSTALL,
        library="flip-evaluator",
        tested=("1.7",),
    ),
    MetricRecord(
        "lpips",
        "LPIPS",
        higher_is_better=False,
        definition="LPIPS of Zhang et al. 2018 on VGG16, by piq with the user's weights; 0 for "
        "identical images.",
        computed_on="sRGB",
        options=(_VGG16, _WEIGHTS),
        least_side=16,
        target="rdbench.metrics.extra.deep:Lpips",
        install=_INSTALL,
        library="piq",
        tested=("0.8",),
    ),
    MetricRecord(
        "dists",
        "DISTS",
        higher_is_better=False,
        definition="DISTS of Ding et al. 2022 by piq with the user's weights, on images whose "
        "shorter side is reduced to 256; 0 for identical images.",
        computed_on="sRGB",
        options=(_VGG16, _WEIGHTS),
        least_side=16,
        target="rdbench.metrics.extra.deep:Dists",
        install=_INSTALL,
        library="piq",
        tested=("0.8",),
    ),
    *(
        MetricRecord(
            name,
            label,
            higher_is_better=False,
            definition=f"{norm} of the distances of libjxl's butteraugli_main with its defaults; "
            "0 for identical images. Not yet tested with the program.",
            computed_on="sRGB",
            least_side=8,
            target="rdbench.metrics.extra.butteraugli:Butteraugli",
        )
        for name, label, norm in (
            ("butteraugli", "Butteraugli", "Largest"),
            ("butteraugli_3norm", "Butteraugli 3-norm", "3-norm"),
        )
    ),
)
