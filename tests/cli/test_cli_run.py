"""``rdbench run`` as a person uses it: real processes, exit status, one line for each fault."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.results import read_rows
from rdbench.schema import FAILED, OK, UNSUPPORTED

from .command import rdbench

FAULTY = Path(__file__).parents[1] / "runner" / "faulty_codecs.py"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.tile(np.arange(0, 240, 5, dtype=np.uint8)[:, None, None], (1, 64, 3))
    Image.fromarray(pixels).save(folder / "ramp.png")
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codecs", "jpge"], "unknown codec 'jpge'; did you mean 'jpeg'"),
        (["--codec", "jpeg:chrome=444"], "unknown option of codec 'jpeg' 'chrome'; did you mean"),
        (["--codec", "jpeg:chroma=422"], "'422' is not one of 420, 444"),
        (["--codec", "jpeg:points=0"], "quality 0 is not within 1 to 100"),
        (["--codec", "jpeg:points=5.5"], "quality 5.5 is not a whole number"),
        (["--codec", "jpeg:points=high"], "quality 'high' is not a number"),
        (["--codec", "jpeg:points=5/5"], "a point is given twice in 5/5"),
        (["--codec", "jpeg:fast"], "'fast' is not of the form option=value"),
        (["--codecs", "jpeg", "--codec", "jpeg"], "label 'jpeg 4:2:0' is there twice"),
        (["--codec", "nowhere.py:Mine"], "codec file 'nowhere.py': No such file"),
        (["--codec", f"{FAULTY}:Stop"], "unknown codec class 'Stop'; did you mean 'Step'"),
        (["--codecs", "jpeg", "--metrics", "psnr_bd"], "unknown metric 'psnr_bd'; did you mean"),
        (["--codecs", "jpeg", "--color", "yuv"], "unknown color 'yuv'"),
        (["--codecs", "jpeg", "--jobs", "0"], "--jobs is 0; it must be at least 1"),
        (["--codecs", "jpeg", "--timeout", "0"], "--timeout is 0; it must be above 0"),
        (["--codecs", "jpeg", "--repeat", "0"], "repeat is 0; it must be at least 1"),
        (["--codecs", "jpeg", "--memory", "-1"], "--memory is -1 MiB"),
        (["--codecs", "jpeg", "--cache-times"], "--cache-times needs a --cache; leave it out"),
        (["--codecs", "jpeg", "--shared-data"], "--shared-data needs a --scheduler; leave it out"),
        (
            ["--codecs", "jpeg", "--shared-data", "--dry-run"],
            "--shared-data needs a --scheduler; leave it out",
        ),
        (
            ["--codecs", "jpeg", "--timing", "--scheduler", "local"],
            "--timing measures on this machine only, but --scheduler names others",
        ),
        ([], "nothing to measure: name an experiment, or --codecs and --dataset"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(tmp_path, images, arguments, message):
    done = rdbench("run", *arguments, "--dataset", images, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tmp_path / "results").exists()


def test_images_that_are_passed_over_are_counted(tmp_path, images):
    (images / "other.jxl").write_bytes(b"x")
    done = rdbench("run", "--codec", "jpeg:points=50", "--dataset", images, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 image file skipped, in formats that are not read (1 .jxl)" in done.stderr


@pytest.mark.parametrize(
    ("codec", "longest", "message"),
    [
        ("jpeg", 65500, "at most 65500 px (libjpeg-turbo's limit; JPEG's is 65535)"),
        ("webp", 16382, "at most 16382 px (imagecodecs' limit; WebP's is 16383)"),
        ("avif", 32768, "at most 32768 px (the limit of libavif's decoder; AV1's is 65536)"),
        pytest.param(
            *("cwebp", 16383, "at most 16383 px, but"),
            marks=pytest.mark.skipif(not shutil.which("cwebp"), reason="no cwebp"),
        ),
        pytest.param(
            *("cjpeg", 65500, "at most 65500 px, but"),
            marks=pytest.mark.skipif(not shutil.which("cjpeg"), reason="no cjpeg"),
        ),
    ],
)
def test_an_image_beyond_a_format_s_limit_is_unsupported_with_the_limit(
    tmp_path, codec, longest, message
):
    folder = tmp_path / "long"
    folder.mkdir()
    for name, side in (("most", longest), ("over", longest + 1)):
        Image.new("RGB", (side, 16), (90, 120, 150)).save(folder / f"{name}.png")
    done = rdbench(
        *("run", "--codec", f"{codec}:points=30", "--dataset", folder, "--metrics", "psnr_db"),
        *("--out", "run"),
        cwd=tmp_path,
    )
    assert done.returncode == 1
    most, over = sorted(read_rows(tmp_path / "run"), key=lambda row: row.image)
    assert (most.status, over.status) == (OK, UNSUPPORTED), most.message
    assert message in over.message
    assert f"this image is {longest + 1}x16" in over.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
        (["run", "--jbos", "2"], "No such option: --jbos"),
        (["run", "--jobs", "two"], "Invalid value for '--jobs'"),
        (["bd"], "give either --anchor NAME, the curve to compare with, or --matrix"),
        (["datasets", "fecth"], "Did you mean 'fetch'"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(tmp_path, arguments, message):
    done = rdbench(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.mark.parametrize("arguments", [["metrics"], ["codecs"]])
def test_a_group_alone_is_answered_with_its_help(tmp_path, arguments):
    done = rdbench(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Commands:" in done.stderr


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("kodk", "unknown dataset 'kodk'; did you mean 'kodak'"),
        ("empty", "empty"),
        ("*.png", "*.png"),
    ],
)
def test_a_wrong_dataset_is_answered_in_one_line(tmp_path, dataset, message):
    (tmp_path / "empty").mkdir()
    done = rdbench("run", "--codecs", "jpeg", "--dataset", dataset, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_codecs_need_a_dataset(tmp_path):
    done = rdbench("run", "--codecs", "jpeg", cwd=tmp_path)
    assert done.returncode == 2
    assert "no dataset is named" in done.stderr


def test_bad_images_cost_their_own_rows(tmp_path, images):
    """Every kind of unfit file beside a good one: each is refused with what to do about it."""
    good = (images / "ramp.png").read_bytes()
    (images / "empty.png").write_bytes(b"")
    (images / "cut.png").write_bytes(good[: len(good) // 2])
    (images / "text.png").write_text("not an image")
    Image.new("CMYK", (40, 40)).save(images / "cmyk.jpg")
    Image.new("RGBA", (40, 40)).save(images / "alpha.png")
    Image.fromarray(np.zeros((40, 40), np.uint16)).save(images / "deep.png")
    Image.new("RGB", (1, 1)).save(images / "dot.png")
    done = rdbench(
        *("run", "--codecs", "jpeg", "--points", "20/80", "--dataset", images, "--out", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    rows = {(row.image, row.point): row for row in read_rows(tmp_path / "out")}
    assert len(rows) == 8 * 2
    status = {image: row.status for (image, _), row in rows.items()}
    assert status == {
        "ramp": OK,
        "dot": OK,
        "empty": FAILED,
        "cut": FAILED,
        "text": FAILED,
        "cmyk": UNSUPPORTED,
        "alpha": UNSUPPORTED,
        "deep": UNSUPPORTED,
    }
    for (image, _), row in rows.items():
        if row.status != OK:
            assert row.message
            assert row.message in done.stderr
            assert image in done.stderr
    ramp = rows["ramp", 80]
    assert "ms_ssim" not in ramp.scores
    assert "161" in ramp.message or "160" in ramp.message
    assert "ssim" in ramp.scores
    dot = rows["dot", 80]
    assert "psnr_db" in dot.scores
    assert "ssim" not in dot.scores
    assert dot.unscored.split() == ["ssim", "ms_ssim", "ms_ssim_db"]


def test_an_experiment_file_measures_what_its_command_line_does(tmp_path, images):
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ndatasets = ["pictures"]\nmetrics = ["psnr_db"]\n'
        '[[codecs]]\ncodec = "jpeg"\npoints = [70, 20]\noptions = {chroma = "444"}\n'
        f'[[codecs]]\ncodec = "{FAULTY}:Step"\nlabel = "my step"\n'
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = rdbench("run", "../mine.toml", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    from_file = read_rows(elsewhere / "results" / "runs" / "mine")
    assert [(row.label, row.point) for row in from_file] == [
        ("jpeg 4:4:4", 20),
        ("jpeg 4:4:4", 70),
        *(("my step", step) for step in (64, 32, 16, 8)),
    ]
    done = rdbench(
        *("run", "--codec", "jpeg:chroma=444,points=20/70", "--metrics", "psnr_db"),
        *("--codec", f"{FAULTY}:Step:label=my step", "--dataset", images, "--out", "by-hand"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    by_hand = read_rows(tmp_path / "by-hand")
    assert [row.decoded_sha256 for row in by_hand] == [row.decoded_sha256 for row in from_file]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is not TOML"),
        ("dataset = []", "unknown key 'dataset'; did you mean 'datasets'"),
        ("datasets = 'kodak'", "key 'datasets': 'kodak' is not an array"),
        ("[[codecs]]\npoints = [1]", "key 'codecs[0].codec': is missing"),
        ("[[codecs]]\ncodec = 'jpeg'\npoint = [1]", "key 'codecs[0].point': unknown key"),
        ("repeat = true", "key 'repeat': true is not a whole number"),
        ("repeat = 0", "key 'repeat': 0 is not between 1 and 10000"),
        ("color = 'yuv'", "key 'color': unknown value 'yuv'; known: luma, rgb"),
        ("name = 3", "key 'name': 3 is not text; write it in quotes"),
        ("name = '../x'", "name '../x' is not the name of a file within"),
        ("datasets = ['photos']", "no codec is named"),
        ("datasets = ['gone/']\n[[codecs]]\ncodec = 'png'", "unknown dataset 'gone/'"),
        ("[[codecs]]\ncodec = 'jpge'", "unknown codec 'jpge'; did you mean 'jpeg'"),
        (
            "datasets = ['photos']\n[[codecs]]\ncodec = 'jpeg'\npoints = [1979-05-27]",
            "codec 'jpeg': quality datetime.date(1979, 5, 27) is not a number",
        ),
    ],
)
def test_a_wrong_experiment_file_names_file_key_and_reason(tmp_path, text, message):
    (tmp_path / "bad.toml").write_text(text)
    done = rdbench("run", "bad.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'bad.toml'" in done.stderr
    assert message in done.stderr


def test_an_experiment_is_not_changed_from_the_command_line(tmp_path):
    done = rdbench("run", "quickstart", "--metrics", "ssim", cwd=tmp_path)
    assert done.returncode == 2
    assert "--metrics cannot be given with it" in done.stderr


def test_streams_and_decoded_images_are_kept_on_request(tmp_path, images):
    done = rdbench(
        *("run", "--codecs", "jpeg", "--points", "30", "--dataset", images, "--out", "out"),
        *("--keep-streams", "--keep-decoded"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (row,) = read_rows(tmp_path / "out")
    (stream,) = (tmp_path / "out" / "streams").rglob("*.jpg")
    (decoded,) = (tmp_path / "out" / "decoded").rglob("*.png")
    assert stream.stat().st_size == row.size_bytes
    with Image.open(stream) as one, Image.open(decoded) as two:
        assert np.array_equal(one, two)
    again = rdbench(
        *("run", "--codecs", "jpeg", "--points", "30", "--dataset", images, "--out", "out"),
        "--keep-streams",
        cwd=tmp_path,
    )
    assert "--fresh" in again.stderr


def test_the_manifest_says_what_was_measured_and_where(tmp_path, images):
    rdbench(
        *("run", "--codecs", "jpeg", "--points", "30", "--dataset", images, "--out", "out"),
        *("--jobs", "1"),
        cwd=tmp_path,
    )
    (row,) = read_rows(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert manifest["experiment"]["codecs"][0]["options"]["chroma"] == "420"
    assert manifest["image_sha256"] == {"pictures": {"ramp": row.image_sha256}}
    assert manifest["codec_versions"] == {"jpeg": [row.codec_version]}
    assert "libjpeg-turbo" in row.codec_version
    assert manifest["invocations"][0]["jobs"] == 1
    assert row.timing == "isolated"


def test_the_classical_path_never_imports_torch(tmp_path, images):
    """Neither the parent nor a worker: a codec that is loaded with them looks at the end."""
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import sys\nfrom rdbench.codecs.jpeg import Jpeg\n"
        "class Spy(Jpeg):\n"
        "    name = 'spy'\n"
        "    def decode(self, data):\n"
        "        assert not {'torch', 'compressai', 'pandas', 'skimage'} & set(sys.modules)\n"
        "        return super().decode(data)\n"
    )
    done = rdbench(
        *("run", "--codec", f"{spy}:Spy:points=50", "--dataset", images, "--out", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    code = (
        "import sys, rdbench.cli; rdbench.cli.app("
        f"['run', '--codecs', 'jpeg', '--dataset', {str(images)!r}], standalone_mode=False); "
        "assert not {'torch', 'compressai', 'pandas', 'matplotlib', 'skimage'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
