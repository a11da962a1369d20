"""``rdbench compare``: only the images that were measured, with their own numbers."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from matplotlib.figure import Figure
from PIL import Image

import rdbench
from rdbench.codecs import registry
from rdbench.errors import RdbenchError, UsageError
from rdbench.galleries import gallery
from rdbench.images import pixel_sha256
from rdbench.metrics import ssim as structural
from rdbench.metrics.maps import error_maps, map_record
from rdbench.plots.draw import FORMATS, draw, save
from rdbench.plots.pictures import MAP_COLORS, Gallery, Tile, cut, widest_difference
from rdbench.results import read_rows
from rdbench.runner import Limits, LocalPool
from rdbench.runner.kept import read_png
from rdbench.runner.pictures import pictures
from tests.processes import said, started, wait_for

WAITING = """
import os
import time
from pathlib import Path

import rdbench
from rdbench.codecs.jpeg import Jpeg


class Waiting(Jpeg):
    name = "waiting"

    def encode(self, image):
        if "GATE" in os.environ:
            Path(os.environ["GATE"]).touch()
            time.sleep(600)
        return super().encode(image)
"""
DRIFTING = '''
import io
import os

import numpy as np
from PIL import Image

import rdbench


class Drifting(rdbench.Codec):
    """JPEG that gives other streams under another environment."""

    name = "drifting"
    parameter = "quality"
    ladder = (30, 60)
    channels = frozenset({3})

    def encode(self, image):
        stream = io.BytesIO()
        quality = int(self.point) + int(os.environ.get("DRIFT", "0"))
        Image.fromarray(image).save(stream, "jpeg", quality=quality)
        return stream.getvalue()

    def decode(self, data):
        return np.asarray(Image.open(io.BytesIO(data)))
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("originals")
    Image.fromarray(skimage.data.coffee()[100:300, 150:390]).save(path / "coffee.png")
    return path


@pytest.fixture(scope="module", params=["decoded", "streams", "nothing"])
def run(request, folder, tmp_path_factory) -> Path:
    """A run that kept decoded images, streams, or nothing."""
    out = tmp_path_factory.mktemp(request.param) / "run"
    rdbench.run(
        codecs=["jpeg:points=20/50/80", "webp:points=20/50/80"],
        datasets=str(folder),
        out=out,
        metrics=["psnr_db", "ssim"],
        keep_decoded=request.param == "decoded",
        keep_streams=request.param == "streams",
    )
    return out


def test_pictures_are_what_was_measured(run, tmp_path):
    rows = read_rows(run)
    with LocalPool(Limits.of_machine(1)) as pool:
        found = pictures(
            run, rows, lambda row: tmp_path / f"{row.codec}{row.point}.webp", executor=pool
        )
    assert [picture.row for picture in found] == rows
    for picture in found:
        assert picture.reason == ""
        assert pixel_sha256(read_png(picture.path, None)) == picture.row.decoded_sha256


def test_a_comparison_has_the_nearest_points_and_their_numbers(run, tmp_path, monkeypatch):
    drawn: list[Gallery] = []
    monkeypatch.setattr(
        "rdbench.api.comparing.save", lambda gallery, *_: drawn.append(gallery) or []
    )
    rows = read_rows(run)
    middle = next(row for row in rows if (row.codec, row.point) == ("jpeg", 50))
    rdbench.compare(run, "coffee", at={"bpp": middle.bpp}, codecs=["webp", "jpeg"])
    (gallery,) = drawn
    original, webp, jpeg = gallery.tiles
    assert original.lines == ("original",)
    assert pixel_sha256(jpeg.pixels) == middle.decoded_sha256
    assert jpeg.lines[0] == middle.label
    assert jpeg.lines[1] == f"{middle.bpp:.4f} bit/px, quality 50"
    psnr, ssim = middle.scores["psnr_db"], middle.scores["ssim"]
    assert jpeg.lines[2] == f"PSNR {psnr:.2f} dB, SSIM {ssim:.4g}"
    nearest = min(
        (row for row in rows if row.codec == "webp"),
        key=lambda row: abs(np.log(row.bpp / middle.bpp)),
    )
    assert pixel_sha256(webp.pixels) == nearest.decoded_sha256
    assert gallery.notes == tuple(
        f"{nearest.label}: its nearest point has {nearest.bpp:.4f} bit/px, "
        f"{100 * (nearest.bpp / middle.bpp - 1):+.0f} %"
        for _ in [0]
        if abs(np.log(nearest.bpp / middle.bpp)) > 0.1
    )


def test_the_worst_crop_is_where_two_decoded_images_differ_most():
    random = np.random.default_rng(3)
    one, other = (random.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(2))
    third = one.copy()
    third[20:28, 10:22] ^= 255
    crop = widest_difference([one, other, third], 12, 8)
    found = {
        (left, top): max(
            float(
                np.square(
                    np.subtract(*(cut(i, (left, top, 12, 8)) for i in pair), dtype=float)
                ).sum()
            )
            for pair in ((one, other), (one, third), (other, third))
        )
        for top in range(33)
        for left in range(39)
    }
    assert crop == (*max(found, key=found.__getitem__), 12, 8)
    assert widest_difference([one, one.copy()], 99, 99) == (0, 0, 50, 40)


@pytest.mark.parametrize("crop", [(-1, 0, 5, 5), (0, 0, 51, 5), (0, 36, 5, 5), (3, 3, 0, 5)])
def test_a_crop_beyond_the_image_is_refused(crop):
    with pytest.raises(UsageError, match="is not within the image of 50x40 px"):
        cut(np.zeros((40, 50, 3), np.uint8), crop)


def test_pixels_are_drawn_unsmoothed_and_gray_as_gray():
    pixels = np.zeros((4, 6, 1), np.uint8)
    pixels[1, 2] = 200
    figure = draw(Gallery("x", "t", "s", (Tile(pixels, ("original",)), Tile(pixels, ("a", "b")))))
    assert isinstance(figure, Figure)
    shown = [axes.images[0] for axes in figure.axes]
    assert [image.get_interpolation() for image in shown] == ["nearest", "nearest"]
    assert np.array_equal(shown[1].get_array(), pixels[:, :, 0])
    assert shown[1].get_clim() == (0, 255)


def test_another_image_than_was_measured_is_not_shown(folder, tmp_path, monkeypatch):
    codec = tmp_path / "drifting.py"
    codec.write_text(DRIFTING)
    out = tmp_path / "run"
    rdbench.run(codecs=f"{codec}:Drifting", datasets=str(folder), out=out, metrics=["psnr_db"])
    assert rdbench.compare(out, "coffee", at={"bpp": 1.0}, out=tmp_path)
    monkeypatch.setenv("DRIFT", "7")
    with pytest.raises(RdbenchError, match="coding again gives another image than was measured"):
        rdbench.compare(out, "coffee", at={"bpp": 1.0}, out=tmp_path)


def test_another_original_is_not_shown(tmp_path):
    photograph = skimage.data.coffee()[:64, :80]
    originals = tmp_path / "originals"
    originals.mkdir()
    Image.fromarray(photograph).save(originals / "a.png")
    out = tmp_path / "run"
    rdbench.run(codecs="jpeg:points=50", datasets=str(originals), out=out, metrics=["psnr_db"])
    Image.fromarray(255 - photograph).save(originals / "a.png")
    with pytest.raises(UsageError, match="is not the image that was measured as 'a'"):
        rdbench.compare(out, "a", at={"bpp": 1.0}, out=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--image", "cofee", "--bpp", "1"], "unknown image 'cofee'; did you mean 'coffee'?"),
        (["--image", "coffee"], "give either --bpp RATE or --at METRIC=VALUE"),
        (["--image", "coffee", "--bpp", "0"], "a rate of 0 bit/px is not above 0"),
        (["--image", "coffee", "--bpp", "nan"], "a rate of nan bit/px is not above 0"),
        (["--image", "coffee", "--bpp", "1e400"], "nothing is near bpp inf; name a finite value"),
        (["--image", "coffee", "--at", "psnr_db=nan"], "nothing is near psnr_db nan; name a fini"),
        (["--image", "coffee", "--at", "psnr_db=x"], "--at 'psnr_db=x' is not METRIC=VALUE"),
        (["--image", "coffee", "--at", "psnr=30"], "unknown metric 'psnr'"),
        (["--image", "coffee", "--bpp", "1", "--codecs", "jpge"], "unknown curve 'jpge'"),
        (["--image", "coffee", "--bpp", "1", "--crop", "1,2"], "is neither X,Y,WIDTH,HEIGHT"),
        (["--image", "coffee", "--bpp", "1", "--metrics", "vfi"], "unknown metric 'vfi'"),
        (["--image", "coffee", "--bpp", "1", "--map", "vif"], "the metric 'vif' has no error map"),
        (["--image", "coffee", "--bpp", "1", "--tolerance", "1%"], "reached exactly (`exact`)"),
        (["--image", "coffee", "--bpp", "1", "--format", "gif"], "unknown format 'gif'"),
        (["--image", "coffee", "--bpp", "1", "--format", ""], "unknown format ''"),
        (
            ["--image", "coffee", "--bpp", "1", "--crop", "worst", "--codecs", "jpeg"],
            "needs two of them",
        ),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(run, options, said):
    made = subprocess.run(
        [sys.executable, "-m", "rdbench", "compare", str(run), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 2
    assert said in made.stderr
    assert len(made.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory) -> Path:
    """A run of codecs that can be searched, and of one that cannot."""
    out = tmp_path_factory.mktemp("exact") / "run"
    rdbench.run(
        codecs=["jpeg:points=20/50/80", "webp:points=20/50/80", "png"],
        datasets=str(folder),
        out=out,
        metrics=["psnr_db"],
    )
    return out


def test_exactly_the_wanted_rate_is_coded_by_the_codecs_of_the_run(measured, folder):
    before = (measured / "measurements.csv").read_bytes()
    figure = gallery(
        measured,
        "coffee",
        at={"bpp": 1.2},
        codecs=["webp", "jpeg"],
        exact=True,
        tolerance="1%",
        metrics=["psnr_db", "ssim"],
    )
    assert (measured / "measurements.csv").read_bytes() == before
    assert figure.subtitle == "coded anew for 1.2 bit/px, within 1 %"
    _, webp, jpeg = figure.tiles
    original = read_png(folder / "coffee.png", None)
    for tile, codec in ((webp, "webp"), (jpeg, "jpeg")):
        rate, quality = re.fullmatch(r"([\d.]+) bit/px, quality ([\d.]+)", tile.lines[1]).groups()
        # The same setting in a run of its own gives the same rate and the same image.
        coder = registry.load(codec).configured({})(float(quality))
        stream = coder.encode(original)
        assert float(rate) == pytest.approx(8 * len(stream) / original[:, :, 0].size, abs=1e-4)
        assert np.array_equal(coder.decode(stream), tile.pixels)
        psnr, ssim = rdbench.metrics.psnr(original, tile.pixels), structural(original, tile.pixels)
        assert tile.lines[2] == f"PSNR {psnr:.2f} dB, SSIM {ssim:.4g}"
    assert float(webp.lines[1].split()[0]) == pytest.approx(1.2, rel=0.01)
    # JPEG's qualities are whole: the nearest one, and what it misses by where that is too much.
    missed = abs(float(jpeg.lines[1].split()[0]) / 1.2 - 1)
    assert [note for note in figure.notes if "over the tolerance" in note] == [
        note for note in figure.notes if missed > 0.01
    ]


def test_exactly_the_wanted_value_of_a_metric_is_coded(measured):
    figure = gallery(
        measured, "coffee", at={"psnr_db": 30.0}, codecs=["webp"], exact=True, tolerance=0.05
    )
    assert figure.subtitle == "coded anew for psnr_db 30, within 0.05"
    value = float(re.search(r"PSNR ([\d.]+) dB", figure.tiles[1].lines[2])[1])
    assert value == pytest.approx(30, abs=0.055)


@pytest.mark.parametrize(
    ("codec", "rate", "said"),
    [
        ("png", 1.0, "codec 'png' is lossless and has no rate parameter"),
        ("jpeg", 0.01, "bpp 0.01 is less than quality can give for this image"),
        ("webp", 60.0, "bpp 60 is more than quality can give for this image"),
    ],
)
def test_what_cannot_be_reached_exactly_is_said(measured, codec, rate, said):
    with pytest.raises(RdbenchError, match=said):
        gallery(measured, "coffee", at={"bpp": rate}, codecs=[codec], exact=True)


def test_another_codec_than_was_measured_codes_nothing_anew(folder, tmp_path):
    codec = tmp_path / "drifting.py"
    codec.write_text(DRIFTING)
    out = tmp_path / "run"
    rdbench.run(codecs=f"{codec}:Drifting", datasets=str(folder), out=out, metrics=["psnr_db"])
    figure = gallery(out, "coffee", at={"bpp": 1.0}, exact=True, tolerance="10%")
    assert len(figure.tiles) == 2
    codec.write_text(DRIFTING + "\n# edited\n")
    with pytest.raises(UsageError, match="drifting: the codec has changed since"):
        gallery(out, "coffee", at={"bpp": 1.0}, exact=True)
    manifest = out / "run.json"
    manifest.write_text(manifest.read_text().replace('"identities"', '"forgotten"'))
    figure = gallery(out, "coffee", at={"bpp": 1.0}, exact=True, tolerance="10%")
    assert any("does not record the codec that was measured" in note for note in figure.notes)


def test_metrics_that_the_run_has_not_are_computed(measured, folder):
    figure = gallery(
        measured, "coffee", at={"bpp": 1.0}, codecs=["jpeg"], metrics=["ssim", "ms_ssim", "psnr_db"]
    )
    (_, jpeg) = figure.tiles
    original = read_png(folder / "coffee.png", None)
    assert f"SSIM {structural(original, jpeg.pixels):.4g}" in jpeg.lines[2]
    assert "PSNR" in jpeg.lines[3]
    assert "ssim" not in read_rows(measured)[0].scores


def test_error_maps_stand_below_with_one_scale(measured, tmp_path):
    figure = gallery(
        measured,
        "coffee",
        at={"bpp": 1.0},
        codecs=["jpeg", "webp"],
        error_map="ssim",
        crop=(10, 20, 64, 48),
    )
    original, *others = figure.tiles
    assert original.errors is None
    whole = error_maps(
        map_record("ssim"), figure.whole, [read_png_of(measured, "jpeg", "coffee", 1.0)]
    )[0]
    np.testing.assert_array_equal(others[0].errors, whole[20:68, 10:74])
    drawn = draw(figure)
    maps = [
        image for axes in drawn.axes for image in axes.images if image.get_cmap().name == MAP_COLORS
    ]
    assert len(maps) == 2
    assert len({image.get_clim() for image in maps}) == 1
    for path in save(figure, tmp_path, FORMATS):
        assert path.stat().st_size > 5000


def read_png_of(run, codec, image, rate):
    """The decoded image that a comparison shows of a codec."""
    return gallery(run, image, at={"bpp": rate}, codecs=[codec]).tiles[1].pixels


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_an_image_is_coded_exactly_ends_it(tmp_path, folder, number):
    codec, gate, out = tmp_path / "waiting.py", tmp_path / "gate", tmp_path / "run"
    codec.write_text(WAITING)
    rdbench.run(codecs=f"{codec}:Waiting", datasets=str(folder), out=out, metrics=["psnr_db"])
    command = (sys.executable, "-m", "rdbench", "compare", str(out), "--image", "coffee")
    with started([*command, "--bpp", "1", "--exact"], {"GATE": str(gate)}) as process:
        wait_for(gate.exists, "nothing is encoded")
        process.send_signal(number)
        text = said(process)
        assert process.returncode == 130
        assert "Traceback" not in text
