"""``rdbench score``: the numbers of images that another program decoded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from rdbench.results import read_rows
from rdbench.schema import FAILED, OK

from .test_cli_run import rdbench


@pytest.fixture
def pictures(tmp_path):
    """Originals, and the same as JPEG files at two qualities with their decoded images."""
    generator = np.random.default_rng(3)
    originals = tmp_path / "originals"
    originals.mkdir()
    for name in ("one", "two"):
        small = generator.integers(0, 256, (12, 16, 3), np.uint8)
        image = Image.fromarray(small).resize((192, 176), Image.Resampling.BICUBIC)
        image.save(originals / f"{name}.png")
        for quality in (30, 90):
            for kind, suffix in (("streams", "jpg"), ("decoded", "png")):
                folder = tmp_path / kind / f"q{quality}"
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{name}.{suffix}"
                if kind == "streams":
                    image.save(path, quality=quality)
                else:
                    with Image.open(tmp_path / "streams" / folder.name / f"{name}.jpg") as decoded:
                        decoded.save(path)
    return tmp_path


def test_scores_are_those_of_measuring_the_codec_itself(pictures):
    done = rdbench(
        *("score", "originals", "decoded", "--streams", "streams", "--codec", "mine"),
        *("--out", "scored"),
        cwd=pictures,
    )
    assert done.returncode == 0, done.stderr
    rdbench(
        *("run", "--codec", "jpeg:points=30/90", "--dataset", "originals", "--out", "measured"),
        cwd=pictures,
    )
    scored = {(row.image, row.point): row for row in read_rows(pictures / "scored")}
    measured = {(row.image, row.point): row for row in read_rows(pictures / "measured")}
    assert scored.keys() == measured.keys()
    for key, row in scored.items():
        for column in ("bpp", "psnr_db", "psnr_y_db", "ssim", "ms_ssim_db", "decoded_sha256"):
            assert row.value(column) == measured[key].value(column), column
        assert (row.codec, row.parameter, row.status) == ("mine", "quality", OK)


def test_without_streams_there_is_no_rate(pictures):
    done = rdbench("score", "originals", "decoded/q90", "--point", "90", cwd=pictures)
    assert done.returncode == 0, done.stderr
    rows = read_rows(pictures / "results" / "runs" / "score-q90")
    assert [(row.point, row.bpp, row.size_bytes) for row in rows] == [(90, None, None)] * 2
    assert all(math.isfinite(row.scores["psnr_db"]) for row in rows)


def test_a_missing_or_unfit_decoded_image_costs_its_row(pictures):
    (pictures / "decoded" / "q30" / "one.png").unlink()
    Image.new("RGB", (5, 5)).save(pictures / "decoded" / "q30" / "two.png")
    done = rdbench("score", "originals", "decoded", "--out", "scored", cwd=pictures)
    assert done.returncode == 1
    rows = {(row.image, row.point): row for row in read_rows(pictures / "scored")}
    assert rows["one", 30].status == FAILED
    assert "no decoded image named 'one'" in rows["one", 30].message
    assert "the image is (176, 192, 3)" in rows["two", 30].message
    assert rows["one", 90].status == OK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["originals", "nowhere"], "'nowhere' is not a folder of decoded images"),
        (["originals", "decoded", "--streams", "nowhere"], "is not a folder of streams"),
        (["originals", "decoded", "--point", "3"], "--point is not needed"),
        (["nowhere", "decoded"], "unknown dataset 'nowhere'"),
        (["originals", "decoded", "--metrics", "vmaf"], "unknown metric 'vmaf'"),
        (["originals", "."], "its name must end with the point's number"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(pictures, arguments, message):
    done = rdbench("score", *arguments, cwd=pictures)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
