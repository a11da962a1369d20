"""The published curves that rdbench ships, and files of one's own."""

from __future__ import annotations

import codecs
import csv
import math
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from rdbench.bd import bd_rate
from rdbench.curves import published, published_files, read_published
from rdbench.curves.published import (
    AVERAGINGS,
    COLORS,
    RATES,
    caveats,
    parse_published,
    published_labels,
)
from rdbench.errors import UsageError
from rdbench.metrics import BUILT_IN
from tests.curves.encoded import PSNR

ROOT = Path(__file__).parents[2]
DATASETS = {
    "aom_still.csv": ("aom-still", 57, (3,)),
    "compressai_kodak.csv": ("kodak", 24, (3,)),
    "dumas2018_bsds300.csv": ("bsds300-test:geometry=dumas2018", 100, (1,)),
    "dumas2018_kodak.csv": ("kodak:geometry=dumas2018", 24, (1,)),
    "jpeg_ai_vvc.csv": ("jpeg-ai-test", 50, (3,)),
    "lee2019_kodak.csv": ("kodak", 24, (3,)),
}


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_published_curve_is_sound():
    assert {path.name for path in published_files()} == set(DATASETS)
    labels = []
    for path in published_files():
        for curve in read_published(path):
            labels.append(curve.label)
            assert curve.source == "published"
            assert curve.origin
            assert (curve.dataset, curve.image_count, curve.channels) == DATASETS[path.name]
            assert not curve.left_out
            assert not curve.lost_points
            assert curve.rate_is in RATES
            assert (np.diff(curve.mean("bpp")) > 0).all(), curve.label
            assert 0.01 < curve.mean("bpp")[0] < curve.mean("bpp")[-1] < 8
    assert len(labels) == len(set(labels)) == 80
    assert published_labels() == sorted(labels)


@pytest.mark.parametrize("name", DATASETS)
def test_every_row_says_what_it_is(name):
    for row in cells(ROOT / "baselines" / name):
        assert row["rate_is"] in RATES
        assert row["averaging"] in AVERAGINGS
        assert row["channels"] == str(COLORS[row["color"]])
        assert (row["averaging"] == "none") == bool(row.get("image"))
        assert row["source"]


def test_the_readme_names_every_file_and_column():
    readme = (ROOT / "baselines" / "README.md").read_text(encoding="utf-8")
    for path in published_files():
        assert f"`{path.name}`" in readme
        for column in cells(path)[0]:
            assert f"`{column}`" in readme, column
    for label in re.findall(r"`(dumas2018-[\w-]+|lee2019-\w+)`", readme):
        assert label in published_labels()


def points(text: str) -> np.ndarray:
    """Pairs of rate and quality, a row each."""
    return np.array([pair.split("/") for pair in text.split()], float)


# The recorded means that figure 5 of Dumas et al., ICASSP 2018, is drawn from: bit/px and dB, from
# low to high rate, over the 24 images of Kodak and the 100 test images of BSDS300.
DUMAS_2018 = {
    "dumas2018-case1": ".1465/29.017 .1947/30.253 .2953/31.944 .3925/33.199 .5022/34.308 "
    ".5914/35.029 .6480/35.483",
    "dumas2018-case2": ".0364/25.742 .0505/26.588 .0772/27.712 .1388/29.370 .2036/30.678 "
    ".3292/32.632 .4412/33.975 .5206/34.738 .6257/35.529",
    "dumas2018-case3": ".0372/25.767 .0518/26.627 .0791/27.760 .1418/29.382 .2083/30.676 "
    ".3382/32.592 .4540/33.927 .5360/34.686 .6444/35.467",
    "dumas2018-hm": ".0352/26.764 .0862/29.089 .1966/31.803 .4007/34.951 .7276/38.505 "
    "1.1832/42.243",
    "dumas2018-jpeg2000": ".0395/23.285 .0825/25.519 .1512/27.553 .2479/29.618 .3772/31.629 "
    ".5416/33.655 .7380/35.671 .9637/37.656 1.2303/39.596",
    "dumas2018-case1-bsds300": ".1778/27.758 .2391/28.811 .3645/30.444 .4813/31.642 "
    ".6084/32.667 .7076/33.340 .7700/33.746",
    "dumas2018-case2-bsds300": ".0409/24.622 .0580/25.334 .0920/26.317 .1721/27.896 "
    ".2557/29.171 .4112/31.100 .5434/32.393 .6348/33.110 .7524/33.828",
    "dumas2018-case3-bsds300": ".0417/24.632 .0592/25.359 .0937/26.346 .1747/27.898 "
    ".2602/29.146 .4195/31.045 .5544/32.319 .6473/33.027 .7675/33.733",
    "dumas2018-hm-bsds300": ".0504/25.458 .1255/27.692 .2940/30.522 .5961/33.954 1.0459/37.912 "
    "1.6205/42.211",
    "dumas2018-jpeg2000-bsds300": ".0939/23.450 .1765/25.533 .3005/27.627 .4609/29.645 "
    ".6537/31.674 .8823/33.688 1.1295/35.667 1.3984/37.627 1.6952/39.498",
}
PARAMETERS = {
    "case1": ("gamma", (96000, 72000, 40000, 24000, 16000, 12000, 10000)),
    "case2": ("beta", (10, 8, 6, 4, 3, 2, 1.5, 1.25, 1)),
    "case3": ("beta", (10, 8, 6, 4, 3, 2, 1.5, 1.25, 1)),
    "hm": ("qp", (47, 42, 37, 32, 27, 22)),
    "jpeg2000": ("psnr", (24, 26, 28, 30, 32, 34, 36, 38, 40)),
}


@pytest.mark.parametrize("label", DUMAS_2018)
def test_means_of_dumas2018_are_those_of_its_figure(label):
    curve = published(label)
    assert (curve.parameter, curve.points) == PARAMETERS[label.split("-")[1]]
    expected = points(DUMAS_2018[label])
    np.testing.assert_allclose(curve.mean("bpp"), expected[:, 0], atol=5.1e-5)
    np.testing.assert_allclose(curve.mean("psnr_db"), expected[:, 1], atol=5.1e-4)
    learned = "-case" in label
    assert curve.rate_is == ("entropy" if learned else "file")
    assert caveats(curve) == ([RATES["entropy"]] if learned else [])


@pytest.mark.parametrize(
    ("case", "gaps"),
    [
        ("case2", (0.0433, 0.0366, 0.0313, 0.0236, 0.0149, 0.0103, 0.0059, 0.0041, 0.0035)),
        ("case3", (0.0441, 0.0374, 0.0321, 0.0243, 0.0153, 0.0105, 0.0061, 0.0043, 0.0036)),
    ],
)
def test_the_binary_coder_of_dumas2018_needs_what_was_recorded(case, gaps):
    """Mean bit/px over Kodak that the arithmetic coder needs beyond the entropy, from beta 1 on."""
    coded, entropy = published(f"dumas2018-{case}-coder"), published(f"dumas2018-{case}")
    assert coded.rate_is == "coder"
    assert coded.points == entropy.points
    gap = coded.mean("bpp") - coded.mean("estimated_bpp")
    np.testing.assert_allclose(gap[::-1], gaps, atol=5.1e-5)
    for column, same in (("estimated_bpp", "bpp"), ("psnr_db", "psnr_db")):
        np.testing.assert_array_equal(
            coded.of_images(column, coded.images), entropy.of_images(same, coded.images)
        )
    assert len(caveats(coded)) == 2


def test_the_gap_on_bsds300_is_twice_as_large():
    """Recorded: 0.080 bit/px on average at beta 1, and at most 0.38."""
    coded = published("dumas2018-case2-coder-bsds300")
    place = coded.points.index(1)
    gap = (coded.values["bpp"] - coded.values["estimated_bpp"])[:, place]
    assert gap.mean() == pytest.approx(0.080, abs=0.0005)
    assert gap.max() == pytest.approx(0.38, abs=0.005)


@pytest.mark.parametrize(
    ("anchor", "test", "percent"),
    [
        ("case1", "case2", -6.7),
        ("case1", "case3", -3.7),
        ("case3", "case2", -2.4),
        ("jpeg2000", "case2", -37.8),
        ("jpeg2000", "case3", -36.3),
        ("hm", "case2", 41.4),
        ("hm", "case3", 45.1),
        ("case1-bsds300", "case2-bsds300", -4.3),
        ("jpeg2000-bsds300", "case2-bsds300", -43.2),
        ("hm-bsds300", "case2-bsds300", 24.5),
    ],
)
def test_bd_rates_of_dumas2018_are_those_of_the_authors_method(anchor, test, percent):
    """The authors fit one cubic to the logarithm of the rate over PSNR, of means over the images
    of rates and of PSNR."""
    curves = [published(f"dumas2018-{name}") for name in (anchor, test)]
    means = [curve.mean(column) for curve in curves for column in ("bpp", "psnr_db")]
    assert bd_rate(*means, method="cubic") == pytest.approx(percent, abs=0.2)


# The authors' table of Lee et al., ICLR 2019: bit/px, dB and MS-SSIM.
LEE_2019 = {
    "lee2019-mse": (
        (0.5, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.017, 0.01),
        ".1005/27.641/.91298 .1453/28.802/.92935 .2025/29.894/.94440 .2982/31.277/.95913 "
        ".4340/32.851/.97177 .6900/35.174/.98329 .9943/37.318/.98960 1.2711/38.938/.99260 "
        "1.5926/40.378/.99468",
    ),
    "lee2019-msssim": (
        (0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.017, 0.01),
        ".1573/26.489/.95832 .2042/27.172/.96805 .2666/27.721/.97599 .3649/28.487/.98262 "
        ".5570/29.571/.98917 .7831/31.213/.99306 .9983/32.235/.99500 1.3290/33.948/.99670 "
        "1.7382/35.462/.99776",
    ),
}


@pytest.mark.parametrize("label", LEE_2019)
def test_means_of_lee2019_are_those_of_its_table(label):
    curve = published(label)
    parameters, text = LEE_2019[label]
    assert (curve.parameter, curve.points, curve.rate_is) == ("lambda", parameters, "file")
    expected = points(text)
    np.testing.assert_allclose(curve.mean("bpp"), expected[:, 0], atol=5.1e-5)
    np.testing.assert_allclose(curve.mean("psnr_db"), expected[:, 1], atol=5.1e-4)
    np.testing.assert_allclose(curve.mean("ms_ssim"), expected[:, 2], atol=5.1e-6)


def test_decibels_of_lee2019_are_those_of_its_rows():
    rows = [
        row
        for row in cells(ROOT / "baselines" / "lee2019_kodak.csv")
        if row["label"] == "lee2019-mse"
    ]
    curve = published("lee2019-mse")
    pooled = curve.quality(BUILT_IN["ms_ssim_db"], "pooled")
    for place, point in enumerate(curve.points):
        here = [float(row["ms_ssim"]) for row in rows if float(row["point"]) == point]
        mean_db = statistics.fmean(-10 * math.log10(1 - value) for value in here)
        assert curve.mean("ms_ssim_db")[place] == pytest.approx(mean_db, rel=1e-9)
        of_mean = -10 * math.log10(1 - statistics.fmean(here))
        assert pooled[place] == pytest.approx(of_mean, rel=1e-9)


def test_a_curve_of_means_gives_only_the_averages_that_it_tells():
    # HEVC intra of BPG at QP 37 as CompressAI publishes it.
    curve = published("bpg_444_x265_ycbcr")
    place = curve.points.index(37)
    assert curve.mean("bpp")[place] == 0.3515540229
    assert curve.mean("psnr_db")[place] == 31.59465659
    assert np.isnan(curve.quality(PSNR, "pooled")).all()
    assert np.isnan(curve.mean("ms_ssim_db")).all()
    expected = -10 * math.log10(1 - 0.9611444821)
    assert curve.quality(BUILT_IN["ms_ssim_db"], "pooled")[place] == pytest.approx(expected)


def test_what_is_to_be_said_of_a_curve():
    assert caveats(published("bpg_444_x265_ycbcr")) == []
    (issue,) = caveats(published("vtm"))
    assert "do not use as an anchor" in issue
    assert caveats(published("compressai-mbt2018_mse_cpu")) == [RATES["coder"]]
    assert caveats(published("paper-mbt2018")) == [RATES["unknown"]]
    rate, issue = caveats(published("compressai-bmshj2018-factorized_ms-ssim_ans_cuda-8bit"))
    assert (rate, issue) == (RATES["coder"], "identical to the mse file: mislabeled")


def test_names_files_and_labels(tmp_path):
    header = "dataset,images,label,codec,point,channels,bpp,psnr_db\n"
    two = tmp_path / "two.csv"
    two.write_text(
        header + "d,3,a,x,1,3,0.5,30\nd,3,Höhe: 4:4:4,x,1,3,0.6,30\nd,3,a,x,2,3,0.2,28\n",
        encoding="utf-8",
    )
    assert published(f"{two}:a").mean("bpp").tolist() == [0.2, 0.5]
    assert published(f"{two}:a").rate_is == "unknown"
    assert published(f"{two}:Höhe: 4:4:4").mean_of == 3
    with pytest.raises(UsageError, match=r"has 2 curves \(Höhe: 4:4:4, a\); name one as"):
        published(str(two))
    with pytest.raises(UsageError, match="unknown published curve 'c'"):
        published(f"{two}:c")
    with pytest.raises(UsageError, match="did you mean 'lee2019-mse'"):
        published("lee2019_mse")


def test_line_ends_and_a_byte_order_mark_make_no_difference():
    text = "dataset,image,label,point,bpp\nd,i,a,1,0.5\nd,i,a,2,0.7\n"
    plain, other = (parse_published(t, "t") for t in (text, text.replace("\n", "\r\n")))
    assert plain[0].mean("bpp").tolist() == other[0].mean("bpp").tolist() == [0.5, 0.7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset,label,bpp\nd,a,1\n", "has no column point"),
        ("dataset,label,point,bpp\n", "has no rows"),
        ("", "has no column bpp, dataset, label, point"),
        (
            "dataset,label,codec,point,bpp\nd,a,x,1,0.5\n",
            "the number of images they are means over",
        ),
        ("dataset,images,label,point,bpp\nd,-3,a,1,0.5\n", "'-3' is not a number of images"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,\n", "has no bpp"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,much\n", "column 'bpp'"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,nan\n", "has no bpp"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,inf\n", "bpp is inf"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,-0.5\n", "a rate must be positive"),
        ("dataset,images,label,point,bpp,psnr_db\nd,24,a,1,1,-inf\n", "psnr_db is -inf"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,,1\n", "the point is not a number"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,1,9\n", "line 2: more cells"),
        ("dataset,image,label,codec,point,bpp\nd,i,a,x,1,1\ne,i,a,x,2,2\n", "differ in dataset"),
        ("dataset,image,label,codec,point,bpp\nd,i,a,x,1,1\nd,i,a,x,1,1\n", "more than one row"),
        ("dataset,image,label,point,bpp\nd,i,,1,1\n", "a curve has no label"),
        ("dataset,image,label,point,bpp\nd,i,=cmd|'/c calc'!A0,1,1\n", "take for a formula"),
        ('dataset,image,label,point,bpp\nd,i,"a,b",1,1\n', "has a comma"),
        ("dataset,image,label,point,bpp,rate_is\nd,i,a,1,1,guess\n", "unknown value of column"),
        ("dataset,image,label,point,bpp,color\nd,i,a,1,1,luma\n", "another number of channels"),
        (
            "dataset,image,label,point,bpp,rate_is\nd,i,a,1,1,file\nd,i,a,2,2,coder\n",
            "the rows of 'a' differ in rate_is",
        ),
    ],
)
def test_files_that_are_no_curves_say_why(tmp_path, text, message):
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        published(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("dataset,label\n".encode("utf-16"), "is UTF-16 or not text; save it as UTF-8"),
        ("dataset,label\nd,é\n".encode("latin-1"), "not UTF-8 (line 2, byte 0xE9)"),
        (codecs.BOM_UTF8 + b"dataset,label,bpp\n", "has no column point"),
    ],
)
def test_other_encodings_are_named(tmp_path, data, message):
    path = tmp_path / "curve.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=re.escape(message)):
        published(path)


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        published(tmp_path / "none.csv")
