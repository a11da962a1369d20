"""Every program codec, with the real programs: definitions, sizes and options."""

from __future__ import annotations

import contextlib
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rdbench import metrics
from rdbench.codecs import registry
from rdbench.codecs.base import Codec
from rdbench.conforming.material import photograph
from rdbench.formats import read_png
from rdbench.programs import find
from rdbench.provenance import differences, shared
from tests.codecs.programs import NAMES, codec, load, run
from tests.processes import started

Image = NDArray[np.uint8]

SLOW = {"hm", "vtm", "vvenc"}
"""Encoders that are far from finished after a second."""
SAME = [("kvazaar", "preset", "placebo")]
"""Choices that differ from the default in how they code other frames than intra."""


def each(*names: str) -> list[Any]:
    slow = [pytest.mark.slow, pytest.mark.timeout(900)]
    return [pytest.param(name, marks=slow if name in SLOW else []) for name in names]


def chroma_formats(name: str) -> list[dict[str, str]]:
    option = load(name).option_table.get("chroma")
    return [{"chroma": str(choice)} for choice in option.choices] if option else [{}]


def single_changes(name: str) -> list[tuple[str, Any]]:
    """Each other value of each option, of those with bounds the bounds."""
    found = []
    for key, option in load(name).option_table.items():
        if option.path:
            continue  # another program, not another value
        if isinstance(option.default, bool):
            values: tuple[Any, ...] = (False, True)
        else:
            values = option.choices or (int(option.low), int(option.high))
        found += [(key, value) for value in values if value != option.default]
    return found


def encoded(one: Codec, image: Image) -> tuple[bytes, float]:
    """The stream, and the PSNR of what it is decoded to."""
    stream = one.encode(image)
    decoded = one.decode(stream)
    assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)
    assert decoded.flags.c_contiguous
    return stream, metrics.psnr(image, decoded)


@pytest.mark.parametrize("name", NAMES)
def test_definition_is_listed(name: str) -> None:
    table = tomllib.loads((registry.PROGRAMS / f"{name}.toml").read_text(encoding="utf-8"))
    entry = registry.entries()[name]
    assert table["name"] == load(name).name == entry.name == name
    assert (entry.summary, entry.install) == (table["summary"], table["install"])
    assert re.match("build .* from|apt-get install ", entry.install)
    assert not entry.summary.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_version_names_each_program(name: str) -> None:
    point = load(name).ladder[0]
    version = codec(name, point).version()
    definition = load(name).definition
    for command in (*definition.encode, *definition.decode):
        told = r"\d+\.\d+" if command.program.version_pattern else "sha256:[0-9a-f]{12}"
        parts = [part for part in version.split(", ") if command.program.name in part]
        assert any(re.search(told, part) for part in parts), version


@pytest.mark.parametrize("name", NAMES)
def test_times_have_no_compression_of_png_in_them(name: str) -> None:
    """heif-convert writes nothing else after its own conversion of color."""
    assert (load(name).definition.form.pixels.output == "png") == (name == "heif-enc")


BEFORE = {
    "input": "y4m",
    "output": "yuv",
    "geometry": "hevc",
    "chroma": "{chroma}",
    "depth": "{depth}",
    "grey_depth": 8,
    "matrix": "{matrix}",
    "range": "{range}",
    "grey": None,
    "least": 64,
    "multiple": {"420": 2},
}
"""What rows of x265 had told of their pixels when chroma was centered means of 2x2 samples."""


def test_subsampled_rows_of_before_chroma_was_sited_are_of_another_codec() -> None:
    """Those of 4:4:4, whose pixels have not moved, stay; also of before rows had an identity."""
    found = load("x265")
    for chroma, changes in (
        ("444", []),
        ("420", ['chroma: "{chroma}" there, "420, left, Lanczos of 3 lobes" now']),
    ):
        told = found.pixels(found.resolve_options({"chroma": chroma}))
        assert differences(BEFORE, told) == changes
        assert differences(BEFORE, shared(told, BEFORE)) == changes


def test_where_each_codec_has_its_chroma_is_in_its_identity() -> None:
    """Of all that are handed raw planes; others convert by themselves."""
    told = {}
    for name in NAMES:
        found = load(name)
        if found.definition.form.pixels.converted:
            options = {"chroma": "420"} if "chroma" in found.option_table else {}
            told[name] = found.pixels(found.resolve_options(options))["chroma"].split(", ")[1]
    assert told == {
        **dict.fromkeys(("aomenc", "avifenc"), "center"),
        **dict.fromkeys(("hm", "kvazaar", "svtav1", "uvg266", "vtm", "vvenc", "x265"), "left"),
    }


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_djxl_decodes_in_one_thread(tmp_path: Path) -> None:
    """With --num_threads=0 it starts one for each core. Its main thread waits for the other."""
    one = codec("cjxl", 2, effort=3)
    image = np.ascontiguousarray(np.tile(photograph(3), (8, 8, 1)))
    (tmp_path / "stream.jxl").write_bytes(one.encode(image))
    found = load("cjxl").definition.decode[0]
    values = {"stream": "stream.jxl", "output": "output.ppm"}
    call = found.filled({}, values).call(find(found.program).path, tmp_path)
    threads = 0
    with started(call.arguments, folder=tmp_path) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                threads = max(threads, len([*Path(f"/proc/{process.pid}/task").iterdir()]))
    assert (process.returncode, threads) == (0, 2)


def test_imagemagick_is_held_to_one_thread() -> None:
    """It has no argument for it before the names of files, and OpenJPEG in it asks it."""
    definition = load("imagemagick-jp2").definition
    for command in (*definition.encode, *definition.decode):
        assert dict(command.environment) == {"MAGICK_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}


def test_gray_of_ffmpeg_is_what_it_was_as_png(tmp_path: Path) -> None:
    """It is written as PPM of three equal channels; PNG has one, of the same samples."""
    for channels in (1, 3):
        image = photograph(channels)
        one = codec("ffmpeg-jpeg2000", 20)
        stream = one.encode(image)
        (tmp_path / "stream.jp2").write_bytes(stream)
        run("ffmpeg", "-y", "-v", "error", "-i", tmp_path / "stream.jp2", tmp_path / "output.png")
        png = read_png((tmp_path / "output.png").read_bytes())
        np.testing.assert_array_equal(one.decode(stream), png)


@pytest.mark.parametrize("name", each(*NAMES))
def test_both_ends_of_the_ladder(name: str) -> None:
    """Rate and PSNR are what they should be, and the same bytes come out again."""
    for channels in sorted(load(name).channels):
        image = photograph(channels)
        low, high = (codec(name, load(name).ladder[end]) for end in (0, -1))
        (short, worse), (long, better) = encoded(low, image), encoded(high, image)
        assert low.encode(image) == short
        assert len(short) < len(long) / 3
        assert 13 < worse < better - 6
        assert 31 < better < 56


@pytest.mark.parametrize("name", each(*NAMES))
@pytest.mark.parametrize("size", [(1, 1), (33, 17), (511, 767)], ids=str)
def test_sizes(name: str, size: tuple[int, int]) -> None:
    """Heights and widths; the large one also in every chroma format there is."""
    height, width = size
    for channels in sorted(load(name).channels):
        image = np.ascontiguousarray(np.tile(photograph(channels), (3, 3, 1))[:height, :width])
        for options in chroma_formats(name) if channels == 3 else [{}]:
            axis = load(name).axis(load(name).resolve_options(options))
            quick = name in SLOW and height > 100
            point = axis.ladder[0 if quick else len(axis.ladder) // 2]
            one = codec(name, point, **options)
            assert encoded(one, image)[1] > 23


@pytest.mark.parametrize("name", each(*NAMES))
def test_each_choice_of_each_option(name: str) -> None:
    """It makes another stream than the default, of much the same quality."""
    image = photograph(max(load(name).channels))[40:136, 60:188].copy()

    def at_the_middle(**options: Any) -> tuple[bytes, float]:
        ladder = load(name).axis(load(name).resolve_options(options)).ladder
        return encoded(codec(name, ladder[len(ladder) // 2], **options), image)

    default, default_db = at_the_middle()
    for key, value in single_changes(name):
        stream, psnr_db = at_the_middle(**{key: value})
        assert (stream == default) == ((name, key, value) in SAME), (key, value)
        assert abs(psnr_db - default_db) < 6, (key, value)
