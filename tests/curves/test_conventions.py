"""What JPEG AI and AOM agreed on: points, metrics, means, and what contradicts them."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from typer.testing import CliRunner

import rdbench
from rdbench.cli import app
from rdbench.curves import bd_text
from rdbench.curves.conventions import CONVENTIONS
from rdbench.errors import UsageError
from tests.curves.encoded import as_csv, encoded_rows
from tests.curves.jpeg_ai import anchor

ROOT = Path(__file__).parents[2]
SEVEN = CONVENTIONS["jpeg-ai"].metrics


@pytest.fixture
def jpeg_ai(tmp_path):
    """The VVC anchor, and a codec that takes 1.1 times its rate of one image, 1.2 of the other."""
    (tmp_path / "vvc.txt").write_text(anchor())
    texts = anchor("VM", 1.1, images=("1",)) + anchor("VM", 1.2, images=("2",))
    (tmp_path / "vm.txt").write_text(texts)
    for name in ("vvc", "vm"):
        rdbench.import_(tmp_path / f"{name}.txt", out=tmp_path / f"{name}.csv")
    return tmp_path


def published(folder, *names):
    return [str(folder / f"{name}.csv") for name in names]


def table(folder, **options):
    names = published(folder, "vm")
    return rdbench.bd_table(published=names, anchor=f"published:{folder / 'vvc.csv'}", **options)


def test_jpeg_ai_is_the_mean_of_images_and_then_of_seven_metrics(jpeg_ai):
    """A codec that takes 10 % more of one image and 20 % more of the other, at equal quality, has
    a BD-rate of +15 % by all metrics."""
    rows = table(jpeg_ai, convention="jpeg-ai")
    assert [row.settings.metric.name for row in rows] == [*SEVEN, "mean_of_metrics"]
    assert {row.kind for row in rows} == {"rate"}
    for row in rows:
        assert row.reason == ""
        np.testing.assert_allclose(row.per_image.values, [10, 20], rtol=1e-6)
        assert row.value == pytest.approx(15, rel=1e-6)
    text = bd_text(rows)
    assert text.splitlines()[0].startswith(
        "jpeg-ai-test, RGB, against VVC (published) (JPEG AI convention, mean of the images' "
        "BD-rates; points of 0.051 to 1.15 bit/px; pchip"
    )
    assert "mean of 7 metrics" in text
    cells = list(csv.DictReader(io.StringIO(bd_text(rows, "csv"), newline="")))
    assert {(r["convention"], r["rate_low"], r["rate_high"]) for r in cells} == {
        ("jpeg-ai", "0.051", "1.15")
    }
    for form, layout in (("latex", "list"), ("markdown", "images"), ("terminal", "matrix")):
        assert "JPEG AI convention" in bd_text(rows, form, layout)


def test_jpeg_ai_computed_another_way(jpeg_ai):
    """Four of five points against all of them, NLPD as 1 - x, by SciPy's interpolation."""
    lines = [line for line in anchor("VM").splitlines() if "_025.png" not in line]
    (jpeg_ai / "vm.txt").write_text("\n".join(lines) + "\n")
    rdbench.import_(jpeg_ai / "vm.txt", out=jpeg_ai / "vm.csv", force=True)
    rows = {row.settings.metric.name: row for row in table(jpeg_ai, convention="jpeg-ai")}
    means = []
    for metric, sign in zip(SEVEN, (1, 1, 1, -1, 1, 1, 1), strict=True):
        values = []
        for image in range(2):
            logs = []
            for curve in (rows[metric].anchor_curve, rows[metric].test_curve):
                quality = (sign < 0) + sign * curve.values[metric][image]
                bpp = curve.values["bpp"][image]
                low, high = quality.min(), quality.max()
                integral = PchipInterpolator(quality, np.log10(bpp)).integrate(low, high)
                logs.append(float(integral) / (high - low))
            values.append(100 * (10 ** (logs[1] - logs[0]) - 1))
        assert rows[metric].value == pytest.approx(np.mean(values), rel=1e-9, abs=1e-12)
        means.append(np.mean(values))
    assert rows["mean_of_metrics"].value == pytest.approx(np.mean(means), rel=1e-9)
    assert abs(rows["mean_of_metrics"].value) > 0.01


def test_jpeg_ais_convention_from_its_published_anchor(tmp_path):
    """50 images, a codec that takes the same 7 % more of all of them."""
    source = ROOT / "baselines" / "jpeg_ai_vvc.csv"
    rows = list(csv.DictReader(io.StringIO(source.read_text(encoding="utf-8"), newline="")))
    with (tmp_path / "more.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"label": "more", "bpp": repr(1.07 * float(row["bpp"]))})
    found = rdbench.bd_table(
        published=str(tmp_path / "more.csv"), anchor="published:jpeg-ai-vvc", convention="jpeg-ai"
    )
    assert [row.image_count for row in found] == [50] * 8
    assert [row.value for row in found] == pytest.approx([7] * 8, rel=1e-6)
    assert found[-1].interval.low == pytest.approx(7, rel=1e-6)


def without(path, column):
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    names = [name for name in rows[0] if name not in column]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def test_a_metric_that_is_missing_is_said_and_leaves_the_mean_empty(jpeg_ai):
    for name in ("vvc", "vm"):
        without(jpeg_ai / f"{name}.csv", ["fsim"])
    without(jpeg_ai / "vm.csv", ["vmaf"])
    rows = {row.settings.metric.name: row for row in table(jpeg_ai, convention="jpeg-ai")}
    assert rows["vif"].value == pytest.approx(15, rel=1e-6)
    assert rows["fsim"].reason == "VVC (published) has no fsim"
    assert rows["vmaf"].reason == "VM (published) has no vmaf"
    mean = rows["mean_of_metrics"]
    assert math.isnan(mean.value)
    assert mean.reason == "the mean is over 7 metrics; fsim, vmaf is missing"
    text = bd_text(list(rows.values()))
    assert "FSIM: VVC (published) has no fsim" in text
    assert "mean of 7 metrics: VM (published): the mean is over 7 metrics" in text


def test_a_curve_without_any_of_the_metrics_is_one_line(jpeg_ai):
    path = jpeg_ai / "vm.csv"
    path.write_text(path.read_text().replace("psnr_hvs_m_db", "psnr_db"))
    without(path, SEVEN)
    rows = table(jpeg_ai, convention="jpeg-ai")
    assert {row.reason for row in rows[:-1]} == {
        "VM (published) has no metric of the JPEG AI convention"
    }
    assert bd_text(rows).count("VM (published) has no metric of the JPEG AI convention") == 1


def test_curves_without_any_of_the_metrics_are_refused_in_one_line(tmp_path):
    path = tmp_path / "measurements.csv"
    path.write_text(as_csv(encoded_rows()))
    with pytest.raises(UsageError, match="no curve has a metric of the JPEG AI convention: mea"):
        rdbench.bd_table(path, anchor="jpeg", convention="jpeg-ai")


def test_points_beyond_the_rates_of_jpeg_ai_do_not_count(jpeg_ai):
    path = jpeg_ai / "vvc.txt"
    high = [
        line.replace("_075.png", "_200.png") for line in anchor().splitlines() if "_075" in line
    ]
    beyond = ["\t".join([c[0], "2.5", *c[2:]]) for c in (line.split("\t") for line in high)]
    path.write_text(anchor() + "\n".join(beyond).replace("0.99331969", "0.9999") + "\n")
    rdbench.import_(path, out=jpeg_ai / "vvc.csv", force=True)
    rows = table(jpeg_ai, convention="jpeg-ai")
    assert rows[0].value == pytest.approx(15, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convention": "aoma"}, "unknown convention 'aoma'; did you mean 'aom'"),
        ({"convention": "jpegai"}, "unknown convention 'jpegai'; did you mean 'jpeg-ai'"),
        (
            {"method": "akima"},
            "`method` akima contradicts the JPEG AI convention, which sets pchip",
        ),
        ({"method": "all"}, "`method` all contradicts"),
        (
            {"metrics": "vif"},
            "`metrics` vif contradicts the JPEG AI convention, which sets ms_ssim",
        ),
        ({"rates": (0.1, 2)}, "`rates` 0.1,2 contradicts the JPEG AI convention, which sets 0.051"),
        (
            {"qualities": (1, 2)},
            "`qualities` 1,2 contradicts the JPEG AI convention, which sets none",
        ),
        ({"cap_db": 60.0}, "`cap_db` 60 contradicts the JPEG AI convention, which sets none"),
        ({"averaging": "pooled"}, "`averaging` pooled contradicts"),
        ({"min_overlap": 50.0}, "`min_overlap` 50 contradicts"),
    ],
)
def test_what_contradicts_a_convention_is_refused(jpeg_ai, options, message):
    with pytest.raises(UsageError, match=message):
        table(jpeg_ai, **{"convention": "jpeg-ai", **options})


def test_what_says_the_same_is_not(jpeg_ai):
    rows = table(jpeg_ai, convention="jpeg-ai", method="pchip", metrics=SEVEN, averaging="mean")
    assert rows[0].value == table(jpeg_ai, convention="jpeg-ai")[0].value


def test_contradictions_on_the_command_line_are_named_as_options(jpeg_ai):
    call = ["bd", "--published", *published(jpeg_ai, "vm"), "--convention", "jpeg-ai"]
    call += ["--anchor", f"published:{jpeg_ai / 'vvc.csv'}"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0
    assert "JPEG AI convention" in done.stdout
    done = CliRunner().invoke(app, ["bd", "--matrix", "--of-images", *call[1:5]])
    assert "--convention sets its own mean" in str(done.exception)


def aom(folder, name, points, metric="psnr_y_db", images=("F1/a", "F2/b")):
    """A published curve with points (rate, quality), the same of all images but those named."""
    lines = ["dataset,image,label,codec,parameter,point,channels,bpp,rate_is,source," + metric]
    for image in images:
        own = points.get(image, points[""]) if isinstance(points, dict) else points
        lines += [
            f"aom-still,{image},{name},{name},qp,{n},3,{rate},file,test,{quality}"
            for n, (rate, quality) in enumerate(own)
        ]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


GOOD = [(0.1, 30.0), (0.2, 33.0), (0.4, 36.0), (0.8, 39.0)]


def by_aom(folder, test, metric="psnr_y_db", good=GOOD):
    anchor = aom(folder, "anchor", good, metric)
    path = aom(folder, "test", test, metric)
    rows = rdbench.bd_table(published=path, anchor=f"published:{anchor}", convention="aom")
    (row,) = (row for row in rows if row.settings.metric.name == metric)
    return row, rows


def scaled(points, factor):
    return [(factor * rate, quality) for rate, quality in points]


def test_aom_is_the_mean_of_images(tmp_path):
    row, rows = by_aom(tmp_path, {"": scaled(GOOD, 0.9), "F2/b": scaled(GOOD, 0.8)})
    assert row.value == pytest.approx(-15, rel=1e-9)
    assert [r.settings.metric.name for r in rows] == list(CONVENTIONS["aom"].metrics)
    assert row.settings.cap_db == 100
    assert "AOM convention" in bd_text(rows).splitlines()[0]


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (
            [(0.1, 50.0), (0.2, 60.0), (0.4, 61.0), (0.8, 62.0)],
            "the curves do not overlap in quality",
        ),
        ([(0.1, 30.0), (0.2, 34.0), (0.4, 33.0), (0.8, 39.0)], "quality that falls as the rate"),
    ],
)
def test_an_image_without_a_delta_by_aom_is_an_error_and_not_0(tmp_path, points, reason):
    row, rows = by_aom(tmp_path, {"": scaled(GOOD, 0.9), "F2/b": points})
    assert math.isnan(row.value)
    assert row.reason.startswith("1 of 2 images without a BD-rate (F2/b): ")
    assert reason in row.reason
    assert row.per_image.values[0] == pytest.approx(-10)
    assert math.isnan(row.per_image.values[1])
    assert reason in bd_text(rows)


def test_vmaf_at_its_ceiling_ends_the_curve(tmp_path):
    good = [(0.1, 80.0), (0.2, 90.0), (0.4, 97.0), (0.8, 99.9)]
    test = [*scaled(good[:3], 0.9), (0.7, 99.8), (0.9, 99.7), (1.2, 99.85)]
    row, _ = by_aom(tmp_path, test, "vmaf", good)
    plain, _ = by_aom(tmp_path, test[:4], "vmaf", good)
    assert row.value == plain.value
    assert math.isfinite(row.value)
    low = [*scaled(good[:3], 0.9), (0.7, 96.0)]
    row, _ = by_aom(tmp_path, low, "vmaf", good)
    assert "falls as the rate grows" in row.reason


def test_a_lossless_point_counts_as_100_db_by_aom(tmp_path):
    lossless = [*GOOD, (2.0, math.inf)]
    row, _ = by_aom(tmp_path, scaled(lossless, 0.9), good=lossless)
    at_100 = [*GOOD, (2.0, 100.0)]
    plain, _ = by_aom(tmp_path, scaled(at_100, 0.9), good=at_100)
    assert row.value == plain.value == pytest.approx(-10)


def test_ssim_of_luma_is_in_decibels_by_aom(tmp_path):
    linear = [(rate, 1 - 10 ** (-quality / 20)) for rate, quality in GOOD]
    anchor = aom(tmp_path, "anchor", linear, "ssim_y")
    path = aom(tmp_path, "test", {"": scaled(linear, 0.9)}, "ssim_y")
    rows = rdbench.bd_table(published=path, anchor=f"published:{anchor}", convention="aom")
    (row,) = (row for row in rows if row.settings.metric.name == "ssim_y_db")
    assert row.value == pytest.approx(-10)


def test_means_of_a_publisher_have_no_images_for_a_convention(tmp_path):
    head = "dataset,images,label,codec,parameter,point,channels,bpp,rate_is,source,psnr_y_db"
    for name in ("one", "other"):
        lines = [f"x,5,{name},{name},qp,{n},3,{r},file,test,{q}" for n, (r, q) in enumerate(GOOD)]
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n")
    paths = published(tmp_path, "one", "other")
    rows = rdbench.bd_table(published=paths[0], anchor=f"published:{paths[1]}", convention="aom")
    assert rows[0].reason == "a curve is published only as means; the convention needs images"
