"""``rdbench score`` of folders as scripts around VTM and HM, and CompressAI-Trainer, leave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rdbench
from rdbench.errors import UsageError
from rdbench.schema import FAILED, OK, Measurement
from tests.cli import test_cli_run

ORIGINALS = ("kodim01", "kodim02")


def pixels(image: str) -> np.ndarray:
    """An original that no other one is like."""
    level = 40 * (1 + ORIGINALS.index(image))
    return np.full((16, 24, 3), level, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "originals").mkdir()
    for image in ORIGINALS:
        Image.fromarray(pixels(image)).save(tmp_path / "originals" / f"{image}.png")
    return tmp_path


def lay(folder: Path, files: Mapping[str, tuple[str, int] | int | str]) -> None:
    """Write files: an original made brighter by a number of levels, so many bytes, or text."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, tuple):
            image, brighter = content
            Image.fromarray(pixels(image) + np.uint8(brighter)).save(path)
        elif isinstance(content, int):
            path.write_bytes(bytes(content))
        else:
            path.write_text(content)


def scored(
    folder: Path, originals: str = "originals", **settings: object
) -> dict[tuple[str, float], Measurement]:
    outcome = rdbench.score(
        str(folder / originals),
        folder / "vtm",
        metrics="mse",
        out=folder / "scored",
        jobs=1,
        **settings,
    )
    return {(row.image, row.point): row for row in outcome.rows}


def told(rows: Mapping[tuple[str, float], Measurement]) -> dict[tuple[str, float], object]:
    return {key: (row.scores.get("mse"), row.size_bytes) for key, row in rows.items()}


WHAT_ALL_LAYOUTS_TELL = {
    ("kodim01", 22): (4, 200),
    ("kodim01", 37): (49, 100),
    ("kodim02", 22): (9, 210),
    ("kodim02", 37): (64, 110),
}
"""MSE (the square of how much brighter) and bytes."""

LAYOUTS = {
    # As shell scripts around EncoderApp -b and -o, one folder, reports and planes beside.
    "{image}_q{point}": "vtm/{image}_q{point}",
    "rec_{image}_q{point}": "vtm/rec_{image}_q{point}",
    "{image}_{point}": "vtm/{image}_{point}",
    "{image}_QP{point}_rec": "vtm/{image}_QP{point}_rec",
    "{image}/{point}": "vtm/{image}/{point}",
    "rec/{point}/{image}": "vtm/rec/{point}/{image}",
    "QP{point}/{image}_rec": "vtm/QP{point}/{image}_rec",
    "q{point}-{image}.png": "vtm/q{point}-{image}",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_names_of_scripts_tell_image_and_point(folder, name):
    for (image, point), (mse, size) in WHAT_ALL_LAYOUTS_TELL.items():
        stem = LAYOUTS[name].replace("{image}", image).replace("{point}", str(point))
        lay(
            folder,
            {
                f"{stem}.png": (image, int(mse**0.5)),
                f"{stem}.bin": size,
                f"{stem}.log": "Bytes written to file: 1",
                f"{stem}.yuv": 3 * 16 * 24,
            },
        )
    rows = scored(folder, streams=folder / "vtm", name=name, parameter="qp")
    assert told(rows) == WHAT_ALL_LAYOUTS_TELL
    assert {row.status for row in rows.values()} == {OK}


def test_streams_have_names_of_their_own(folder):
    for (image, point), (mse, size) in WHAT_ALL_LAYOUTS_TELL.items():
        lay(
            folder,
            {
                f"vtm/rec_{image}_q{point}.png": (image, int(mse**0.5)),
                f"str/{point}/{image}.vvc": size,
                f"str/{point}/{image}.txt": 7,
            },
        )
    rows = scored(
        folder,
        streams=folder / "str",
        name="rec_{image}_q{point}",
        stream_name="{point}/{image}.vvc",
    )
    assert told(rows) == WHAT_ALL_LAYOUTS_TELL


def test_a_prefix_in_folders_of_points(folder):
    lay(folder, {f"vtm/qp22/rec_{image}.png": (image, 2) for image in ORIGINALS})
    rows = scored(folder, name="rec_{image}")
    assert told(rows) == {(image, 22): (4, None) for image in ORIGINALS}


def test_what_compressai_trainer_writes(folder):
    """`compressai-eval` of the Trainer: `outputs/kodim01.png` beside a stream in numbered parts."""
    lay(
        folder,
        {
            "vtm/kodim01.png": ("kodim01", 2),
            "vtm/kodim01.00.bin": 100,
            "vtm/kodim01.01.bin": 30,
            "vtm/kodim02.png": ("kodim02", 3),
            "vtm/kodim02.00.bin": 110,
            "vtm/kodim02.01.bin": 40,
        },
    )
    rows = scored(folder, streams=folder / "vtm", point=3)
    assert told(rows) == {("kodim01", 3): (4, 130), ("kodim02", 3): (9, 150)}
    message = rows["kodim01", 3].message
    assert message == "the stream is 2 files added up: kodim01.00.bin, kodim01.01.bin"


def test_parts_that_are_not_all_there_are_no_stream(folder):
    lay(folder, {"vtm/kodim01.png": ("kodim01", 2), "vtm/kodim01.01.bin": 30})
    rows = scored(folder, streams=folder / "vtm")
    assert rows["kodim01", 0].status == FAILED
    assert "no stream named 'kodim01'" in rows["kodim01", 0].message


def test_parts_by_a_pattern_are_added_up(folder):
    files = {f"vtm/kodim01_3.part{part}.bits": 10 + part for part in range(11)}
    lay(folder, {"vtm/kodim01_3.png": ("kodim01", 2), **files})
    rows = scored(
        folder,
        streams=folder / "vtm",
        name="{image}_{point}",
        stream_name="{image}_{point}.part{part}.bits",
    )
    assert rows["kodim01", 3].size_bytes == 165
    assert rows["kodim01", 3].message.endswith("kodim01_3.part4.bits, ...")


def test_reports_and_planes_are_no_part_of_a_stream(folder):
    lay(
        folder,
        {
            "vtm/kodim01.png": ("kodim01", 2),
            **{f"vtm/kodim01.{suffix}": 999 for suffix in ("log", "txt", "yuv", "y4m", "json")},
            "vtm/kodim01.bin": 50,
        },
    )
    rows = scored(folder, streams=folder / "vtm")
    assert rows["kodim01", 0].size_bytes == 50


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("kodim01_q22.png", "{image}_q{point}"),
        ("rec_kodim01_37.png", "rec_{image}_{point}"),
        ("qp32-kodim01.bmp", "qp{point}-{image}"),
        ("kodim01_rec.png", "{image}_rec"),
        ("kodim01_512x768_q22.png", "{image}_512x768_q22"),
    ],
)
def test_names_that_are_not_found_are_answered_with_the_form_that_works(folder, file, pattern):
    lay(folder, {f"vtm/{file}": ("kodim01", 2)})
    row = scored(folder)["kodim01", 0]
    assert row.status == FAILED
    assert f"; files named like {file!r} are found by `name='{pattern}'`" in row.message
    rows = scored(folder, name=pattern, fresh=True)
    assert [row.scores["mse"] for row in rows.values() if row.image == "kodim01"] == [4]


def test_raw_planes_are_answered_with_what_reads_them(folder):
    lay(folder, {"vtm/kodim01.yuv": 3 * 16 * 24})
    message = scored(folder)["kodim01", 0].message
    assert "'kodim01.yuv' holds raw planes, which give neither size nor color" in message
    assert "-i kodim01.yuv kodim01.png`" in message


def test_a_number_is_read_whole_and_nothing_else_is_taken(folder):
    lay(
        folder,
        {
            "vtm/kodim01_q22.5.png": ("kodim01", 1),
            "vtm/kodim01_q22.png": ("kodim01", 2),
            "vtm/kodim01_q22_b.png": ("kodim01", 3),
            "vtm/xkodim01_q22.png": ("kodim01", 4),
            "vtm/kodim011_q22.png": ("kodim01", 5),
            "vtm/.kodim01_q23.png": ("kodim01", 6),
        },
    )
    rows = scored(folder, name="{image}_q{point}")
    assert told(rows)["kodim01", 22] == (4, None)
    assert told(rows)["kodim01", 22.5] == (1, None)
    assert {point for _, point in rows} == {22, 22.5}


def test_images_in_folders_are_told_with_them(folder):
    lay(
        folder,
        {"originals/a/kodim01.png": ("kodim01", 0), "originals/b/kodim01.png": ("kodim02", 0)},
    )
    for image in ORIGINALS:
        (folder / "originals" / f"{image}.png").unlink()
    lay(
        folder,
        {
            "vtm/q5/a/rec_kodim01.png": ("kodim01", 1),
            "vtm/q5/b/rec_kodim01.png": ("kodim02", 2),
        },
    )
    rows = scored(folder, "originals/**/*", name="q{point}/rec_{image}")
    assert told(rows) == {("a/kodim01.png", 5): (1, None), ("b/kodim01.png", 5): (4, None)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "rec_q{point}"}, "`name` 'rec_q{point}' must have {image} once"),
        ({"name": "{image}_{qp}"}, "`name` '{image}_{qp}' must have {image} once"),
        ({"name": "{image}_{part}"}, "`name` '{image}_{part}' must have {image} once"),
        (
            {"name": "{image}-{point}"},
            "no image in .* matches `name` '{image}-{point}'; ",
        ),
        ({"name": "{image}_q{point}", "point": 3}, "`name` gives the points"),
        (
            {"name": "{image}_q{point}", "stream_name": "{image}"},
            "`stream_name` must have one, too",
        ),
        ({"stream_name": "{image}_q{point}"}, "`name` must have one, too"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused(folder, settings, message):
    lay(folder, {"vtm/kodim01_q22.png": ("kodim01", 2)})
    with pytest.raises(UsageError, match=message):
        scored(folder, streams=folder / "vtm", **settings)


def test_a_file_that_may_be_of_two_originals_is_refused(folder):
    lay(folder, {f"originals/k{digits}.png": ("kodim01", 0) for digits in ("0", "01")})
    lay(folder, {"vtm/k0.png": ("kodim01", 2), "vtm/k012.bin": 5})
    with pytest.raises(
        UsageError, match=r"k012.bin' could belong to 'k0' at 0 or to 'k01' at 0 by "
    ):
        scored(folder, streams=folder / "vtm", name="{image}", stream_name="{image}{part}")


def test_the_command_takes_both_patterns(folder):
    lay(folder, {"vtm/kodim01_q22.png": ("kodim01", 2), "vtm/kodim01_q22.266": 50})
    done = test_cli_run.rdbench(
        *("score", "originals", "vtm", "--streams", "vtm", "--metrics", "mse", "--out", "scored"),
        *("--name", "{image}_q{point}", "--stream-name", "{image}_q{point}.266"),
        cwd=folder,
    )
    assert done.returncode == 1  # kodim02 has no decoded image
    assert "no decoded image named 'kodim02'" in done.stdout + done.stderr
