"""Files that would be waited for, or that make a decoder work for hours."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from rdbench.errors import ImageError, UnsupportedImageError
from rdbench.files import read_file
from rdbench.images.headers import MOST_FRAMES, MOST_SCANS, check_scans, declared_samples
from rdbench.images.loading import decode_image, read_image
from rdbench.results import read_rows
from tests.cli.command import rdbench

TAGS = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
"""Of a gray image of one pixel (TIFF 6.0, section 4)."""


def directories(count: int, *, loop: bool = False) -> bytes:
    """A TIFF file of ``count`` image file directories; with ``loop`` the last leads to the
    first."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in TAGS)
    size = 2 + len(entries) + 4
    places = [8 + size * number for number in range(1, count)] + [8 if loop else 0]
    body = (struct.pack("<H", len(TAGS)) + entries + struct.pack("<I", place) for place in places)
    return b"II*\0" + struct.pack("<I", 8) + b"".join(body)


def scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG file whose last scan is there again, ``count`` scans in all; its header
    says that it is a square of ``side``."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    size = data.index(b"\xff\xc2") + 5
    data = data[:size] + struct.pack(">HH", side, side) + data[size + 4 :]
    last, there = data.rindex(b"\xff\xda"), data.count(b"\xff\xda")
    return data[:-2] + data[last:-2] * (count - there) + data[-2:]


def frames(count: int) -> bytes:
    """A GIF file of frames of one pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return screen + frame * count + b";"


@pytest.mark.parametrize("count", [2, 3, MOST_FRAMES - 1])
def test_directories_are_counted(count):
    with pytest.raises(UnsupportedImageError, match=f" {count} frames: "):
        decode_image(directories(count), "x.tif")


def test_hundreds_of_thousands_of_directories_are_not(monkeypatch):
    """Pillow takes minutes for them: it is not asked."""
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(UnsupportedImageError, match=f"{MOST_FRAMES} or more frames"):
        decode_image(directories(200_000), "x.tif")


def test_a_directory_that_leads_to_itself_is_one():
    assert decode_image(directories(1, loop=True), "x.tif").shape == (1, 1, 1)


def test_frames_of_gif_are_not_counted(monkeypatch):
    """It is to read all of them, which takes longer the more there are."""
    from PIL.GifImagePlugin import GifImageFile

    def counted(self: object) -> int:
        raise AssertionError

    monkeypatch.setattr(GifImageFile, "n_frames", property(counted))
    with pytest.raises(UnsupportedImageError, match="several frames"):
        decode_image(frames(1000), "x.gif")


def test_a_jpeg_of_very_many_scans_is_refused():
    check_scans(scans(MOST_SCANS))
    with pytest.raises(ImageError, match=f"more than {MOST_SCANS} scans; save it again"):
        decode_image(scans(MOST_SCANS + 1), "x.jpg")


def test_scans_of_a_large_picture_are_refused_before_they_are_gone_through(monkeypatch):
    """Each takes seconds of a picture of 600 megapixels."""
    monkeypatch.setattr(JpegImageFile, "load", None)
    told = r"50 scans of 25000x25000 are over 4,000,000,000 pixels: save it with one scan first"
    with pytest.raises(UnsupportedImageError, match=told):
        decode_image(scans(50, 25_000), "x.jpg")


def test_scans_as_encoders_write_them_are_read(rgb):
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", progressive=True)
    assert declared_samples(stream.getvalue()).scans == 10
    assert decode_image(stream.getvalue(), "x.jpg").shape == rgb.shape


def test_markers_in_the_metadata_are_no_scans(rgb):
    """A thumbnail in a segment of its own, and what follows the end of the image."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", comment=b"\xff\xda" * 5 * MOST_SCANS)
    data = stream.getvalue() + b"\xff\xda" * 5 * MOST_SCANS
    assert decode_image(data, "x.jpg").shape == rgb.shape


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_and_devices_are_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ImageError, match="is a pipe or a device, not a regular file"):
            read_image(path)
    with pytest.raises(ImageError, match="Is a directory"):
        read_image(tmp_path)


def test_a_file_of_more_bytes_than_memory_is_not_read(tmp_path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageError, match="1,099,511,627,776 bytes; the limit is"):
        read_image(path)
    with pytest.raises(OSError, match="the limit is 10"):
        read_file(path, 10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_of_such_images_ends(tmp_path, rgb, jobs):
    """Also where it goes on with what is there, and reads images itself: those of several workers
    are put in order by their sizes."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(rgb).save(folder / "a.png")
    (folder / "directories.tif").write_bytes(directories(200_000))
    (folder / "scans.jpg").write_bytes(scans(50, 25_000))
    (folder / "device.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    for said in ("5 measured", "4 measured, 1 already there"):
        run = ("run", "--codec", "png", "--dataset", folder, "--out", "out", "--jobs", jobs)
        done = rdbench(*run, cwd=tmp_path)
        assert done.returncode == 1
        assert said in done.stdout
    rows = {row.image: row.status for row in read_rows(tmp_path / "out")}
    refused = {"directories": "unsupported", "scans": "unsupported"}
    assert rows == {"a": "ok", "device": "failed", "pipe": "failed", **refused}
