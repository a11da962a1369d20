"""Definitions of program codecs, and what they mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rdbench.codecs.base import Codec
from rdbench.codecs.program import load
from rdbench.codecs.program_definition import Definition, GrayTest, holds
from rdbench.codecs.program_file import read
from rdbench.errors import BitstreamError, UsageError

TEXT = """
name = "mine"
summary = "My codec"
parameter = "quality"
ladder = [10, 50, 90]
low = 1
high = 100
integer = true
suffix = ".mine"
install = "see example.org"

[[axes]]
when = { mode = "qp", fast = true }
parameter = "qp"
ladder = [40, 30]
low = 0
high = 51

[[refuse]]
when = { chroma = ["420", "422"], matrix = "gbr" }
reason = "gbr is not subsampled; use chroma=444"

[options.mode]
default = "quality"
choices = ["quality", "qp"]
meaning = "what a point is"

[options.chroma]
default = "420"
choices = ["420", "422", "444"]
shown = ["4:2:0", "4:2:2", "4:4:4"]
meaning = "chroma format"
labeled = true
color = true

[options.matrix]
default = "bt709"
choices = ["bt709", "gbr"]
meaning = "colors"

[options.effort]
default = 5
low = 1
high = 9
meaning = "effort"

[options.strength]
default = 0.5
low = 0
high = 1
meaning = "strength"

[options.fast]
default = false
meaning = "haste"

[pixels]
input = "yuv"
output = "yuv"
geometry = "header"
chroma = "{chroma}"
depth = 8
matrix = "{matrix}"
range = "full"

[encode]
program = "menc"
names = ["menc", "my-encoder"]
version = ["--version"]
pattern = 'menc (\\S+)'
arguments = [
    "-q", "{point}",
    { when = { effort = 9 }, then = ["--slow"] },
    { when = { effort = [1, 2], fast = true }, then = ["--fast", "{effort}"] },
    { when = { channels = 1 }, then = ["--gray"] },
    { when = { strength = 1 }, then = ["--strong"] },
    "--size={width}x{height}", "--chroma={chroma_format}-{sample_bits}", "{input}", "{stream}",
]

[decode]
program = "mdec"
arguments = ["{stream}", { when = { channels = 1 }, then = ["--gray"] }, "{output}"]
"""
PNM = """
name = "mine"
parameter = "quality"
ladder = [10]
[options.effort]
default = 5
meaning = "effort"
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "menc"
arguments = ["{input}", "{stream}"]
[decode]
program = "mdec"
arguments = ["{stream}", "{output}"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.fixture
def definition(tmp_path: Path) -> Definition:
    return read(write(tmp_path, TEXT))


def arguments(one: type[Codec], channels: int = 3, **options: object) -> list[str]:
    """The encoder's command line at the first point, from what is kept of a run."""
    definition = one.definition
    settings = {**one.resolve_options(options), "channels": channels}
    return definition.encode[0].filled(settings, {"point": "7"}).arguments


def test_conditions_on_options_of_all_types(tmp_path):
    one = load(write(tmp_path, TEXT))
    rest = ["--size={width}x{height}", "--chroma={chroma_format}-{sample_bits}"]
    rest += ["{input}", "{stream}"]
    assert arguments(one) == ["-q", "7", *rest]
    assert arguments(one, effort=9) == ["-q", "7", "--slow", *rest]
    assert arguments(one, effort=2) == ["-q", "7", *rest]
    assert arguments(one, effort=2, fast=True) == ["-q", "7", "--fast", "2", *rest]
    assert arguments(one, effort="1", fast="yes") == ["-q", "7", "--fast", "1", *rest]
    assert arguments(one, effort=3, fast=True) == ["-q", "7", *rest]
    assert arguments(one, channels=1) == ["-q", "7", "--gray", *rest]
    assert arguments(one, strength=1) == ["-q", "7", "--strong", *rest]
    assert arguments(one, strength=0.25) == ["-q", "7", *rest]


def test_true_and_false_are_written_as_in_the_definition(tmp_path):
    one = load(write(tmp_path, changed(TEXT, '"-q", "{point}"', '"--fast={fast}", "{strength}"')))
    assert arguments(one)[:2] == ["--fast=false", "0.5"]
    assert arguments(one, fast=True, strength=0)[:2] == ["--fast=true", "0.0"]


def test_the_axis_is_the_first_whose_conditions_hold(tmp_path):
    one = load(write(tmp_path, TEXT))
    quality = one.axis(one.resolve_options({"mode": "qp"}))
    assert (quality.parameter, quality.ladder, quality.integer) == ("quality", (10, 50, 90), True)
    qp = one.axis(one.resolve_options({"mode": "qp", "fast": True}))
    assert (qp.parameter, qp.ladder, qp.low, qp.high) == ("qp", (40, 30), 0, 51)
    assert one(30.5, mode="qp", fast=True).point == 30.5
    with pytest.raises(UsageError, match="qp 90 is not within 0 to 51"):
        one(90, mode="qp", fast=True)
    with pytest.raises(UsageError, match=r"quality 30\.5 is not a whole number"):
        one(30.5)


def test_what_is_refused_is_answered_with_the_reason(tmp_path):
    one = load(write(tmp_path, TEXT))
    for chroma in ("420", "422"):
        with pytest.raises(UsageError) as caught:
            one(50, chroma=chroma, matrix="gbr")
        assert str(caught.value) == "codec 'mine': gbr is not subsampled; use chroma=444"
    assert one(50, chroma="444", matrix="gbr").options["matrix"] == "gbr"
    assert one(50, chroma="420").options["matrix"] == "bt709"


def test_pixels_of_a_codec_for_gray_alone_say_nothing_of_chroma(tmp_path):
    """The layout that they would have for color need not even be there."""
    gray = TEXT.replace("parameter =", "channels = [1]\nparameter =", 1)
    one = load(write(tmp_path, gray))
    options = one.option_table["chroma"].choices
    assert {one.pixels({"chroma": c, "matrix": "gbr"})["chroma"] for c in options} == {"{chroma}"}


def test_what_a_definition_says(tmp_path, definition):
    one = load(write(tmp_path, TEXT))
    assert (one.name, one.__doc__, one.parameter) == ("mine", "My codec", "quality")
    assert (one.stream_suffix, one.ladder) == (".mine", (10, 50, 90))
    assert (one.channels, one.deterministic, one.lossless) == ({1, 3}, True, False)
    assert one.label(one.resolve_options({"effort": 3})) == "mine 4:2:0 effort=3"
    assert definition.encode[0].program.candidates == ("menc", "my-encoder")
    assert definition.encode[0].program.install == "see example.org"
    assert definition.decode[0].program.candidates == ("mdec",)


def test_a_changed_file_is_read_again(tmp_path):
    first = load(write(tmp_path, TEXT))
    assert load(tmp_path / "mine.toml") is first
    assert load(write(tmp_path, changed(TEXT, "My codec", "Other"))).__doc__ == "Other"


def test_programs_with_a_slash_are_beside_the_definition(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    text = changed(PNM, '"menc"', '"./menc"\nnames = ["bin/menc", "menc"]')
    program = read(write(tmp_path, text)).encode[0].program
    assert program.name == "menc"
    assert program.candidates == (str(tmp_path / "bin/menc"), "menc")


def test_holds():
    settings = {"a": True, "b": 5, "c": "x", "channels": 3}
    assert holds((), settings)
    assert holds((("a", ("true",)), ("b", ("4", "5"))), settings)
    assert not holds((("a", ("true",)), ("b", ("4",))), settings)
    assert not holds((("d", ("1",)),), settings)


@pytest.mark.parametrize(
    ("stream", "gray"),
    [
        (b"BPG\xfb\x00", True),
        (b"BPG\xfb\x1f", True),
        (b"BPG\xfb\x20", False),
        (b"..BPG.\x00", True),
        (b"BPG\xfb", False),
        (b"BP\xfb\x00", False),
        (b"", False),
        (b"BPG\xfb\xffBPG\xfb\x00", False),
    ],
)
def test_the_gray_test_looks_at_bits_of_one_byte(stream, gray):
    assert GrayTest("BPG", 1, 0xE0, 0)(stream) is gray


def test_a_gray_image_that_comes_back_in_color(tmp_path):
    """The decoder writes three equal channels; the stream's first byte tells that it is gray."""
    color = "printf 'P6\\n2 1\\n255\\nAAABBB' > $2"
    for name, command in (("menc", "(printf g; cat $1) > $2"), ("mdec", color)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{command}\n")
        (tmp_path / name).chmod(0o755)
    text = PNM.replace('"menc"', '"./menc"').replace('"mdec"', '"./mdec"')
    gray = 'output = "pnm"\ngray = { after = "g", offset = 1, mask = 0xff, value = 0x35 }'
    image = np.frombuffer(b"AB", np.uint8).reshape(1, 2, 1)
    one = load(write(tmp_path, changed(text, 'output = "pnm"', gray)))(10)
    stream = one.encode(image)
    assert stream.startswith(b"gP5")
    np.testing.assert_array_equal(one.decode(stream), image)
    assert one.decode(b"gP6" + stream[3:]).shape == (1, 2, 3)
    with pytest.raises(BitstreamError, match="the stream is empty"):
        one.decode(b"")
