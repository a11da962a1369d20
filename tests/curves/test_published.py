"""The published curves that come along, and files of one's own."""

from __future__ import annotations

import csv
import math
import statistics
from pathlib import Path

import numpy as np
import pytest

from rdbench.curves import published, published_files, read_published
from rdbench.errors import UsageError

ROOT = Path(__file__).parents[2]


def test_every_published_curve_is_sound():
    labels = []
    for path in published_files():
        for curve in read_published(path):
            labels.append(curve.label)
            assert curve.source == "published"
            assert curve.origin
            luma = path.name == "dumas2018_kodak.csv"
            dataset = "kodak:geometry=dumas2018" if luma else "kodak"
            assert (curve.dataset, curve.image_count) == (dataset, 24)
            assert curve.channels == ((1,) if luma else (3,))
            assert (np.diff(curve.mean("bpp")) > 0).all(), curve.label
            assert 0.01 < curve.mean("bpp")[0] < curve.mean("bpp")[-1] < 8
    assert len(labels) == len(set(labels)) == 64
    assert {path.name for path in published_files()} == {
        "compressai_kodak.csv",
        "dumas2018_kodak.csv",
        "lee2019_kodak.csv",
    }


def test_the_readme_names_every_file():
    readme = (ROOT / "baselines" / "README.md").read_text(encoding="utf-8")
    for path in published_files():
        assert f"`{path.name}`" in readme


@pytest.mark.parametrize(
    ("label", "points", "means"),
    [
        (
            "dumas2018-hm",
            (47, 42, 37, 32, 27, 22),
            ".0352/26.764 .0862/29.089 .1966/31.803 .4007/34.951 .7276/38.505 1.1832/42.243",
        ),
        (
            "dumas2018-jpeg2000",
            (24, 26, 28, 30, 32, 34, 36, 38, 40),
            ".0395/23.285 .0825/25.519 .1512/27.553 .2479/29.618 .3772/31.629 .5416/33.655 "
            ".7380/35.671 .9637/37.656 1.2303/39.596",
        ),
    ],
)
def test_means_of_dumas2018_are_those_of_its_figure(label, points, means):
    """The recorded means over Kodak that figure 5 of the paper is drawn from."""
    curve = published(label)
    assert curve.points == points
    expected = np.array([pair.split("/") for pair in means.split()], float)
    np.testing.assert_allclose(curve.mean("bpp"), expected[:, 0], atol=5.1e-5)
    np.testing.assert_allclose(curve.mean("psnr_db"), expected[:, 1], atol=5.1e-4)


def test_means_of_lee2019_are_those_of_its_rows():
    with (ROOT / "baselines" / "lee2019_kodak.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "lee2019-mse"]
    curve = published("lee2019-mse")
    assert curve.points == (0.5, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.017, 0.01)
    for place, point in enumerate(curve.points):
        here = [row for row in rows if float(row["point"]) == point]
        for column in ("bpp", "psnr_db", "ms_ssim", "ms_ssim_db"):
            mean = statistics.fmean(float(row[column]) for row in here)
            assert curve.mean(column)[place] == pytest.approx(mean, rel=1e-12)
        of_mean = -10 * math.log10(1 - statistics.fmean(float(row["ms_ssim"]) for row in here))
        assert curve.mean("ms_ssim_db", "pooled")[place] == pytest.approx(of_mean, rel=1e-9)


def test_a_curve_of_means_gives_only_the_averages_that_it_tells():
    # HEVC intra of BPG at QP 37 as CompressAI publishes it.
    curve = published("bpg_444_x265_ycbcr")
    place = curve.points.index(37)
    assert curve.mean("bpp")[place] == 0.3515540229
    assert curve.mean("psnr_db")[place] == 31.59465659
    assert np.isnan(curve.mean("psnr_db", "pooled")).all()
    assert np.isnan(curve.mean("ms_ssim_db")).all()
    expected = -10 * math.log10(1 - 0.9611444821)
    assert curve.mean("ms_ssim_db", "pooled")[place] == pytest.approx(expected)
    assert "do not use as an anchor" in published("vtm").known_issue


def test_names_files_and_labels(tmp_path):
    header = "dataset,images,label,codec,point,channels,bpp,psnr_db\n"
    two = tmp_path / "two.csv"
    two.write_text(header + "d,3,a,x,1,3,0.5,30\nd,3,b,x,1,3,0.6,30\nd,3,a,x,2,3,0.2,28\n")
    assert published(f"{two}:a").mean("bpp").tolist() == [0.2, 0.5]
    with pytest.raises(UsageError, match="has 2 curves \\(a, b\\); name one as"):
        published(str(two))
    with pytest.raises(UsageError, match="unknown published curve 'c'"):
        published(f"{two}:c")
    with pytest.raises(UsageError, match="did you mean 'lee2019-mse'"):
        published("lee2019_mse")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset,label,bpp\nd,a,1\n", "has no column point"),
        ("dataset,label,codec,point,bpp\nd,a,x,1,0.5\n", "over how many they are means"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,\n", "has no bpp"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,much\n", "column 'bpp'"),
        ("dataset,images,label,codec,point,bpp\nd,24,a,x,1,1,9\n", "line 2: more cells"),
        ("dataset,image,label,codec,point,bpp\nd,i,a,x,1,1\ne,i,a,x,2,2\n", "differ in dataset"),
    ],
)
def test_files_that_are_no_curves_say_why(tmp_path, text, message):
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        published(path)


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        published(tmp_path / "none.csv")
