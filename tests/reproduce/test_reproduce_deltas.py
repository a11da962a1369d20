"""BD-rates of single images beside those of a publisher: AOM's, and AOM's own computation of
them."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import pchip_interpolate

from rdbench import reproducing
from rdbench.errors import UsageError

REPORT = Path(__file__).parents[2] / "reports" / "aom-still"
FIVE = ("psnr_y_db", "ms_ssim_y_db", "psnr_hvs_db", "ciede2000_db", "vmaf")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("aom-still")
    return reproducing.reproduce("aom-still", out=out / "report", run=out / "run")


def test_aoms_bd_rates_are_those_of_its_points(made):
    """Within 0.01 points; bdrate_summary_still.csv has four decimals."""
    assert len(made.deltas) == 2 * 7 * 57
    for test in ("AV2 13.0.0", "libaom 3.12.0"):
        found = [one for one in made.deltas if one.said.test == test]
        of_five = [one for one in found if one.said.metric.name in FIVE]
        assert len(of_five) == 57 * 5
        others = [one for one in found if one.said.metric.name == "psnr_yuv_aom_db"]
        if test.startswith("libaom"):
            others += [one for one in found if one.said.metric.name == "ssim_y_db"]
        assert max(abs(one.difference) for one in (*of_five, *others)) < 0.01


def test_what_is_left_is_aoms_integral_of_100_samples(made):
    """Computed as the BD-rate script of AV2's testing framework does, its numbers are met to the
    last decimal, SSIM of AV2 13.0.0 excepted."""
    curves = {}
    for one in made.deltas:
        if (one.said.test, one.said.metric.name) == ("AV2 13.0.0", "ssim_y_db"):
            continue
        sides = []
        for name in (one.said.anchor, one.said.test):
            curve = curves.setdefault(name, _published(name))
            place = curve.images.index(one.said.image)
            rate, quality = curve.values["bpp"], curve.values[one.said.metric.name]
            sides.append((quality[place], np.log(rate[place])))
        low = max(quality[0] for quality, _ in sides)
        high = min(quality[-1] for quality, _ in sides)
        samples = np.linspace(low, high, 100)
        anchor, test = (
            np.trapezoid(pchip_interpolate(*side, samples), samples) / (high - low)
            for side in sides
        )
        assert 100 * math.expm1(test - anchor) == pytest.approx(one.said.paper, abs=6e-5)


def _published(role):
    from rdbench.curves import published

    recipe = reproducing.read(reproducing.find("aom-still"))
    (label,) = next(r.published for r in recipe.roles if r.label == role)
    return published(label)


def test_means_and_classes_are_on_the_page(made):
    page = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "| AV2 13.0.0 | VMAF | 57 | -15.117 | -15.118 | 0.0088 | F2/Swallowtail |" in page
    assert "| curve | metric | F1, the paper | F1, here | F2, the paper | F2, here |" in page
    with (made.folder / "deltas.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made.deltas)
    f1 = [
        (float(row["paper"]), float(row["here"]))
        for row in rows
        if (row["test"], row["metric"]) == ("libaom 3.12.0", "vmaf") and "F1/" in row["image"]
    ]
    paper, here = (math.fsum(side) / 28 for side in zip(*f1, strict=True))
    assert f"| libaom 3.12.0 | VMAF | {paper:+.3f} | {here:+.3f} |" in page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b.csv", "c.csv", "No such file"),
        ('convention = "aom"', 'convention = "aoma"', "unknown convention 'aoma'; did you mean"),
        ("test,anchor", "test,against", "'anchor'"),
        ("AV2,VVC", "AV3,VVC", "line 2: unknown label 'AV3'"),
        ("-1.5", "low", "could not convert string to float: 'low'"),
    ],
)
def test_a_mistake_in_the_papers_numbers_is_answered_with_the_file(tmp_path, old, new, message):
    recipe = """title = "t"
datasets = ["x"]
metrics = ["psnr_db"]
[[codecs]]
label = "AV2"
published = ["webp"]
[[codecs]]
label = "VVC"
published = ["jpeg"]
[deltas]
file = "b.csv"
convention = "aom"
"""
    (tmp_path / "a.toml").write_text(recipe.replace(old, new))
    numbers = "test,anchor,image,vmaf\nAV2,VVC,one,-1.5\n"
    (tmp_path / "b.csv").write_text(numbers.replace(old, new))
    with pytest.raises(UsageError) as caught:
        reproducing.read(tmp_path / "a.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
