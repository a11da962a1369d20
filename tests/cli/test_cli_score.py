"""``rdbench score``: the numbers of images that another program decoded."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
from PIL import Image

from rdbench.errors import UsageError
from rdbench.results import read_rows
from rdbench.runner.decoded import find_points
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
        (["originals", "decoded", "--point", "3"], "leave out --point"),
        (["nowhere", "decoded"], "unknown dataset 'nowhere'"),
        (["originals", "decoded", "--metrics", "zzz"], "unknown metric 'zzz'"),
        (["originals", "."], "its name must end with the point's number"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(pictures, arguments, message):
    done = rdbench("score", *arguments, cwd=pictures)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.fixture
def scored(tmp_path):
    """``rdbench score`` of the files that are named: originals, decoded images and streams; the
    rows by image. Each image is another one, and what is decoded of it is 10 brighter."""
    generator = np.random.default_rng(5)
    known: dict[str, np.ndarray] = {}

    def run(originals, decoded, streams=None):
        """``decoded``: the original that each file is made of; ``streams``: bytes of each file."""
        for name in originals:
            known[name] = np.tile(generator.integers(0, 240, (1, 1, 3), np.uint8), (16, 16, 1))
            place(tmp_path / "originals" / name, known[name])
        (tmp_path / "decoded").mkdir()
        for name, original in decoded.items():
            path = tmp_path / "decoded" / name
            if original is None:
                path.write_bytes(b"log")
            else:
                place(path, known[original] + np.uint8(10))
        command = ["score", "originals", "decoded", "--metrics", "psnr_db", "--out", "scored"]
        if streams is not None:
            (tmp_path / "streams").mkdir()
            for name, size in streams.items():
                (tmp_path / "streams" / name).write_bytes(bytes(size))
            command += ["--streams", "streams"]
        rdbench(*command, cwd=tmp_path)
        return {row.image: row for row in read_rows(tmp_path / "scored")}

    return run


def place(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


TEN_BRIGHTER_DB = 20 * math.log10(255 / 10)


def test_a_decoded_image_of_another_number_is_not_taken(scored):
    rows = scored(["scan.01.png"], {"scan.02.png": "scan.01.png"})
    assert rows["scan.01"].status == FAILED
    assert "no decoded image named 'scan.01'" in rows["scan.01"].message
    assert "give it the name of the original, 'scan.01.png'" in rows["scan.01"].message


@pytest.mark.parametrize("name", ["kodim01.q50.png", "kodim01.png.jpg.png", "kodim01-rec.png"])
def test_a_name_that_goes_on_is_another_name(scored, name):
    rows = scored(["kodim01.png"], {name: "kodim01.png"})
    assert "no decoded image named 'kodim01'" in rows["kodim01"].message


@pytest.mark.parametrize(
    "name", ["scan.01.png", "scan.01.bmp", "scan.01.png.png", "originals-scan.01.png"]
)
def test_dots_in_names_are_read_right(scored, name):
    """Also beside its neighbor: `scan.01.png` and `scan.02.png` were two images of `scan`."""
    rows = scored(
        ["scan.01.png", "scan.02.png"], {name: "scan.01.png", "scan.02.png": "scan.02.png"}
    )
    assert [row.status for row in rows.values()] == [OK, OK], [row.message for row in rows.values()]
    for row in rows.values():
        assert row.scores["psnr_db"] == pytest.approx(TEN_BRIGHTER_DB)


def test_originals_of_one_stem_do_not_share_a_decoded_image(scored):
    rows = scored(["x.png", "x.bmp"], {"x.png": "x.png"})
    assert rows["x.png"].scores["psnr_db"] == pytest.approx(TEN_BRIGHTER_DB)
    assert "no decoded image named 'x.bmp'" in rows["x.bmp"].message


def test_a_file_that_is_another_original_s_is_not_taken(scored):
    """`a.png.png` may be of `a.png`, and is the name of another original."""
    rows = scored(["a.png", "a.png.png"], {"a.png.png": "a.png.png"})
    assert "no decoded image named 'a'" in rows["a"].message
    assert rows["a.png"].scores["psnr_db"] == pytest.approx(TEN_BRIGHTER_DB)


def test_only_image_suffixes_are_images(scored):
    rows = scored(["one.png"], {"one.png": "one.png", "one.log": None, "one.yuv": None})
    assert rows["one"].status == OK, rows["one"].message
    assert rows["one"].scores["psnr_db"] == pytest.approx(TEN_BRIGHTER_DB)


def test_two_decoded_images_of_one_original_are_refused_by_name(scored):
    rows = scored(["one.png"], {"one.png": "one.png", "one.bmp": "one.png"})
    assert rows["one"].status == FAILED
    assert "more than one decoded image for 'one'" in rows["one"].message
    assert "one.bmp, one.png" in rows["one"].message


@pytest.mark.parametrize(
    ("streams", "size", "message"),
    [
        ({"v1.2.bin": 7, "v1.3.bin": 90}, 7, ""),
        ({"v1.2": 7, "v1.3": 90}, 7, ""),
        ({"v1.2.jpg": 7}, 7, ""),
        ({"v1.2.bin": 7, "v1.2.png": 90}, 7, "the stream is v1.2.bin, of v1.2.bin, v1.2.png"),
        ({"v1.2.y": 7, "v1.2.uv": 5}, 12, "the stream is 2 files added up: v1.2.uv, v1.2.y"),
        ({"v1.2.jpg": 7, "v1.2.png": 9}, None, "more than one stream for 'v1.2'"),
        ({"v1.3.bin": 7}, None, "no stream named 'v1.2'"),
    ],
)
def test_of_files_with_one_stem_those_that_are_no_images_are_the_stream(
    scored, streams, size, message
):
    rows = scored(["v1.2.png"], {"v1.2.png": "v1.2.png"}, streams)
    assert rows["v1.2"].size_bytes == size
    assert rows["v1.2"].status == (FAILED if size is None else OK)
    assert message in rows["v1.2"].message
    assert message or not rows["v1.2"].message


@pytest.mark.parametrize("suffix", [".jp2", ".avif", ".heic"])
def test_a_file_of_a_codec_is_the_stream_beside_its_decoded_image(scored, suffix):
    streams = {f"one{suffix}": 7, "one.png": 9}
    rows = scored(["one.png"], {"one.png": "one.png", f"one{suffix}": None}, streams)
    assert (rows["one"].status, rows["one"].size_bytes) == (OK, 7), rows["one"].message
    assert rows["one"].scores["psnr_db"] == pytest.approx(TEN_BRIGHTER_DB)


@pytest.mark.parametrize("suffix", [".jp2", ".avif"])
def test_files_of_a_codec_alone_are_decoded_and_scored(scored, suffix):
    rows = scored(["one.png"], {f"one{suffix}": "one.png"})
    assert rows["one"].scores["psnr_db"] == pytest.approx(TEN_BRIGHTER_DB, abs=0.7)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("v1.2-q50", 50),
        ("q50.5", 50.5),
        ("mine.v2.q7", 7),
        ("jpeg.50", 50),
        ("qp-37.5", 37.5),
        ("lambda1e-05", 1e-5),
    ],
)
def test_the_number_at_the_end_of_a_folder_s_name_is_its_point(tmp_path, name, point):
    (tmp_path / name).mkdir()
    (tmp_path / ".cache").mkdir()
    (tmp_path / "results.json").write_text("{}")
    assert [entry.point for entry in find_points((), tmp_path)] == [point]


@pytest.mark.parametrize("name", ["v1.2.3", "q0,5"])
def test_a_folder_s_name_that_ends_with_more_than_a_number_is_refused(tmp_path, name):
    """They were the points 2.3 and 5."""
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="must end with the point's number"):
        find_points((), tmp_path)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_original_turned_by_exif_and_decoded_images_that_are_not_are_told(pictures, orientation):
    """Sizes are swapped from 5 on; before, they are equal, and the wrong image was scored."""
    path = pictures / "originals" / "one.png"
    with Image.open(path) as image:
        tags = image.getexif()
        tags[0x0112] = orientation
        image.save(path, exif=tags)
    shutil.rmtree(pictures / "decoded" / "q30")
    rdbench("score", "originals", "decoded", "--out", "scored", cwd=pictures)
    one, two = sorted(read_rows(pictures / "scored"), key=lambda row: row.image)
    assert (one.status, two.status) == (FAILED, OK)
    assert "is not turned as the EXIF orientation of" in one.message
    assert "-auto-orient" in one.message


def test_decoded_images_that_are_turned_as_their_original_are_scored(pictures):
    decoded = pictures / "decoded" / "q90" / "one.png"
    with Image.open(pictures / "originals" / "one.png") as image:
        tags = image.getexif()
        tags[0x0112] = 6
        image.save(pictures / "originals" / "one.png", exif=tags)
    with Image.open(decoded) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(decoded)
    shutil.rmtree(pictures / "decoded" / "q30")
    done = rdbench("score", "originals", "decoded", "--out", "scored", cwd=pictures)
    assert done.returncode == 0, done.stderr
    assert all(row.scores["psnr_db"] > 30 for row in read_rows(pictures / "scored"))
