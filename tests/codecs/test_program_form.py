"""What the file of a program codec can say, with real programs: gzip, cat, and scripts."""

from __future__ import annotations

import hashlib
import shlex
import time
from pathlib import Path

import numpy as np
import pytest

from rdbench.codecs.base import Codec
from rdbench.codecs.program import ProgramCodec, load
from rdbench.codecs.program_definition import GrayTest
from rdbench.conforming.material import photograph
from rdbench.errors import CodecError, OutOfTimeError, UsageError
from tests.codecs.programs import run

HEAD = """
name = "mine"
parameter = "level"
ladder = [1, 6, 9]
integer = true
lossless = true
suffix = ".gz"
"""
GZIP = """
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "gzip"
arguments = ["-n", "-{point}"]
stdin = "{input}"
stdout = "{stream}"
[decode]
program = "gzip"
arguments = ["-d"]
stdin = "{stream}"
stdout = "{output}"
"""
SCRIPTS = """
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "./menc"
arguments = ["{input}", "{stream}"]
[decode]
program = "./mdec"
arguments = ["{stream}", "{output}"]
"""
COPY = 'cp "$1" "$2"'
IMAGES = (photograph(1), photograph(3))


def definition(
    folder: Path, text: str, encode: str = COPY, decode: str = COPY
) -> type[ProgramCodec]:
    """The codec of ``HEAD`` and ``text``, with two scripts beside it."""
    for name, body in (("menc", encode), ("mdec", decode)):
        (folder / name).write_text(f"#!/bin/sh\nset -e\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / "mine.toml").write_text(text if text.startswith("name") else HEAD + text)
    return load(folder / "mine.toml")


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def comes_back(one: Codec, other: Codec) -> None:
    for image in IMAGES:
        np.testing.assert_array_equal(other.decode(one.encode(image)), image)


def lines(codec: type[Codec], point: float, channels: int = 3, **options: object) -> list[str]:
    """The command lines that are kept of a run."""
    told = codec.provenance(codec.resolve_options(options), [point])["commands"][str(channels)]
    return [line for by_point in told.values() for line in by_point.values()]


def test_standard_input_and_output_are_files(tmp_path: Path) -> None:
    """The stream is that of gzip called by hand; words on standard error are no part of it."""
    codec = definition(tmp_path, GZIP)
    comes_back(codec(9), codec(9))
    image = tmp_path / "image.ppm"
    image.write_bytes(b"P6\n256 192\n255\n" + photograph(3).tobytes())
    run("gzip", "-n", "-9", image)
    assert codec(9).encode(photograph(3)) == image.with_suffix(".ppm.gz").read_bytes()
    assert lines(codec, 9) == [
        "gzip -n -9 < input.ppm > stream.gz",
        "gzip -d < stream.gz > output.ppm",
    ]
    broken = changed(GZIP, ('["-d"]', '["-d", "--no-such"]'))
    with pytest.raises(CodecError, match="no-such"):
        definition(tmp_path, broken)(9).decode(b"x")


def test_several_commands_run_in_one_folder(tmp_path: Path) -> None:
    """What is between them has a name of the definition's own; programs are kept once each."""
    steps = (
        '[[encode]]\nprogram = "cat"\narguments = ["{input}"]\nstdout = "between.raw"\n'
        '[[encode]]\nprogram = "gzip"\narguments = ["-n", "-{point}"]\nstdin = "between.raw"'
    )
    old = '[encode]\nprogram = "gzip"\narguments = ["-n", "-{point}"]\nstdin = "{input}"'
    codec = definition(tmp_path, changed(GZIP, (old, steps)))
    comes_back(codec(6), codec(6))
    assert codec(6).encode(photograph(3)) == definition(tmp_path, GZIP)(6).encode(photograph(3))
    codec = definition(tmp_path, changed(GZIP, (old, steps)))
    assert lines(codec, 6, 1)[0] == (
        "cat input.pgm > between.raw && gzip -n -6 < between.raw > stream.gz"
    )
    assert {*codec.provenance(codec.resolve_options({}), [6])["programs"]} == {"cat", "gzip"}
    failing = definition(tmp_path, changed(GZIP, (old, steps.replace('"cat"', '"false"'))))
    with pytest.raises(CodecError, match="false left with exit code 1"):
        failing(6).encode(photograph(3))


def test_a_program_without_version_is_not_started_to_ask(tmp_path: Path) -> None:
    note = 'echo "$#" >> {}\n' + COPY
    quoted = shlex.quote(str(tmp_path / "calls"))
    codec = definition(tmp_path, SCRIPTS, note.format(quoted), note.format(quoted))
    codec.require({})
    digest = hashlib.sha256((tmp_path / "menc").read_bytes()).hexdigest()
    assert codec.version().startswith(f"menc sha256:{digest[:12]}, mdec sha256:")
    assert not (tmp_path / "calls").exists()
    comes_back(codec(6), codec(6))
    assert (tmp_path / "calls").read_text().split() == ["2"] * 4


def test_files_are_links_and_stay_as_they_are(tmp_path: Path) -> None:
    """Nothing is copied while the encoder is timed, whatever the size of the weights."""
    (tmp_path / "weights").write_bytes(b"weights")
    text = changed(SCRIPTS, ('program = "./menc"', 'program = "./menc"\nfiles = ["weights"]'))
    check = f'test "$(readlink weights)" = {shlex.quote(str(tmp_path / "weights"))}'
    codec = definition(tmp_path, text, f"{check}; grep -q weights weights; {COPY}")
    comes_back(codec(6), codec(6))
    assert (tmp_path / "weights").read_bytes() == b"weights"


def test_files_that_programs_read_by_themselves_are_kept_by_content(tmp_path: Path) -> None:
    """Those that are listed, a folder among them; those that an argument or a variable names by
    their whole path; and those of an option."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    texts = {"m.pth": "a", "n.pth": "b", "o6.pth": "c", "v.pth": "d", "p.pth": "e"}
    for name, words in texts.items():
        (other / name).write_text(words)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("f")
    text = changed(
        SCRIPTS,
        ("[pixels]", '[options.weights]\ndefault = ""\npath = true\nmeaning = "weights"\n[pixels]'),
        (
            '["{input}", "{stream}"]',
            '["{input}", "{stream}", '
            f'"{other}/n.pth", "--o={other}/o{{point}}.pth", "image/jpeg", "/opt/there/is/none", '
            '{ when = { weights = "" }, else = ["-w", "{weights}"] }]\n'
            f'environment = {{ MODEL = "{other}/v.pth" }}\n'
            f'reads = ["elsewhere/m.pth", "folder"]',
        ),
    )
    codec = definition(tmp_path, text, f"test ! -e m.pth; test -e $3; {COPY}")

    def kept(**options: object) -> dict[str, str]:
        found: dict[str, str] = codec.provenance(codec.resolve_options(options), [6])["files"]
        return found

    def digest(words: str) -> str:
        return hashlib.sha256(words.encode()).hexdigest()

    told = kept()
    folder = told.pop("folder")
    assert told == {
        "elsewhere/m.pth": digest("a"),
        f"{other}/n.pth": digest("b"),
        f"{other}/o6.pth": digest("c"),
        f"{other}/v.pth": digest("d"),
    }
    (tmp_path / "folder" / "x").write_text("another")
    assert kept()["folder"] != folder
    own = str(other / "p.pth")
    assert kept(weights=own)[own] == digest("e")
    assert lines(codec, 6, weights=own)[0].endswith(f"/jpeg /opt/there/is/none -w {own}")
    assert codec.label(codec.resolve_options({"weights": own})) == "mine weights=p.pth"
    comes_back(codec(6, weights=own), codec(6, weights=own))
    with pytest.raises(UsageError, match=r"option 'weights': 'gone.pth' is not a file or folder"):
        codec.resolve_options({"weights": "gone.pth"})


def test_a_path_option_begins_at_the_definition(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_text("a")
    option = '[options.weights]\ndefault = "a.pth"\npath = true\nmeaning = "weights"\n[pixels]'
    codec = definition(tmp_path, changed(SCRIPTS, ("[pixels]", option)))
    assert codec.resolve_options({})["weights"] == str(tmp_path / "a.pth")


def test_text_is_free_where_the_definition_says_so(tmp_path: Path) -> None:
    option = '[options.words]\ndefault = ""\nfree = true\nmeaning = "words"\n[pixels]'
    arguments = ('"{stream}"]\n[decode]', '"{stream}", "--w={words}"]\n[decode]')
    codec = definition(tmp_path, changed(SCRIPTS, ("[pixels]", option), arguments))
    assert lines(codec, 6, words="a b/c;d")[0] == "menc input.ppm stream.gz '--w=a b/c;d'"


def test_a_point_is_several_values_and_has_forms_and_conditions(tmp_path: Path) -> None:
    text = changed(
        SCRIPTS,
        ("[pixels]", '[by_point]\nstep = [0.5, 0.25, 1]\nmodel = ["a", "b", "c"]\n[pixels]'),
        (
            '"{stream}"]\n[decode]',
            '"{stream}", "q{point:03d}", "{step:.3f}", "{model}.pth", "{{{point}}}",'
            '{ when = { point = [1, 6] }, then = ["low"], else = ["high"] }]\n[decode]',
        ),
    )
    codec = definition(tmp_path, text)
    assert lines(codec, 6)[0] == "menc input.ppm stream.gz q006 0.250 b.pth '{6}' low"
    assert lines(codec, 9)[0] == "menc input.ppm stream.gz q009 1.000 c.pth '{9}' high"
    with pytest.raises(UsageError, match="level 5 is not one of 1, 6, 9"):
        codec(5)
    with pytest.raises(UsageError, match=r"key 'by_point\.step': 2 values for 3 points"):
        definition(tmp_path, changed(text, ("[0.5, 0.25, 1]", "[0.5, 0.25]")))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_decoder_is_told_the_size_and_gray_by_a_counted_header(
    tmp_path: Path, channels: int
) -> None:
    """It writes .pgm for gray images; the program's stream has the samples alone."""
    text = changed(
        SCRIPTS,
        ('output = "pnm"', 'output = "pnm"\ngeometry = "header"'),
        ('"{output}"]', '"{output}", "{width}", "{height}", "{channels}"]'),
    )
    decode = '[ $5 = 1 ] && kind=P5 || kind=P6; printf "$kind\\n$3 $4\\n255\\n" > $2; cat $1 >> $2'
    codec = definition(tmp_path, text, 'tail -c +16 "$1" > "$2"', decode)
    image = photograph(channels)
    stream = codec(6).encode(image)
    assert stream == bytes([channels, 0x80, 0x02, 0xC0, 0x01]) + image.tobytes()
    np.testing.assert_array_equal(codec(6).decode(stream), image)
    assert lines(codec, 6, 1)[1] == "mdec stream.gz output.pgm '{width}' '{height}' 1"


def test_a_decoder_may_name_its_file_by_itself(tmp_path: Path) -> None:
    """In the folder that it is told, or .pgm where it was told .ppm; two files are none."""
    told = changed(SCRIPTS, ('"{stream}", "{output}"]', '"{stream}", "{folder}"]'))
    codec = definition(
        tmp_path, told, COPY, 'test -d "$2"; touch log.txt; cp "$1" "$2/decoded.ppm"'
    )
    np.testing.assert_array_equal(codec(6).decode(codec(6).encode(IMAGES[1])), IMAGES[1])
    assert lines(codec, 6)[1] == "mdec stream.gz '{folder}'"
    codec = definition(tmp_path, SCRIPTS, COPY, 'cp "$1" "${2%.ppm}.pgm"')
    np.testing.assert_array_equal(codec(6).decode(codec(6).encode(IMAGES[0])), IMAGES[0])
    codec = definition(tmp_path, SCRIPTS, COPY, 'cp "$1" a.ppm; cp "$1" b.ppm')
    with pytest.raises(CodecError, match="mdec left with exit code 0 and wrote nothing"):
        codec(6).decode(codec(6).encode(IMAGES[0]))


def test_a_call_has_the_time_of_its_definition(tmp_path: Path) -> None:
    text = "name" + HEAD.partition("name")[2] + "timeout_s = 0.3\n" + SCRIPTS
    codec = definition(tmp_path, text, "sleep 60")
    started = time.monotonic()
    with pytest.raises(OutOfTimeError, match="menc was not done in time and was stopped"):
        codec(6).encode(photograph(3))
    assert time.monotonic() - started < 10


def test_bytes_tell_gray_too() -> None:
    test = GrayTest((0x42, 0x50, 0xFF), 0, 0xFF, 1)
    assert test(b"..BP\xff\x01")
    assert not test(b"..BP\xff\x03")
    assert not test(b"..BP\xfe\x01")


def test_bytes_of_a_gray_test_are_read(tmp_path: Path) -> None:
    gray = 'output = "pnm"\ngray = { after = [0x50], offset = 0, mask = 0xff, value = 0x35 }'
    codec = definition(tmp_path, changed(SCRIPTS, ('output = "pnm"', gray)))
    assert codec.definition.form.pixels.gray == GrayTest((0x50,), 0, 0xFF, 0x35)
    with pytest.raises(UsageError, match=r"key 'pixels\.gray\.after\[0\]': 256 is not between 0"):
        definition(tmp_path, changed(SCRIPTS, ('output = "pnm"', gray.replace("0x50", "256"))))
