"""``rdbench codecs`` and ``rdbench conformance``."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from rdbench import metrics
from rdbench.cli import app
from rdbench.codecs import registry
from rdbench.codecs.program import load
from rdbench.codecs.program_definition import (
    ArgumentForm,
    CodecForm,
    CommandForm,
    GrayTest,
    OptionForm,
    Pixels,
    RefusalForm,
)
from rdbench.conforming.material import photograph
from rdbench.errors import MissingBackendError, UsageError
from rdbench.formats import Layout, round_trip, write_png

BROKEN = Path(__file__).with_name("broken_codecs.py")


def output(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def test_list_names_all_codecs() -> None:
    lines = output("codecs", "list").splitlines()
    assert [line.split()[0] for line in lines] == sorted(registry.entries())


def test_list_imports_no_backend() -> None:
    program = (
        "import sys; from rdbench.cli import app\n"
        "try: app(['codecs', 'list'])\n"
        "except SystemExit: pass\n"
        "print({'PIL', 'imagecodecs', 'pillow_heif', 'numpy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


def test_doctor_measures_a_photograph() -> None:
    lines = output("codecs", "doctor", "png", "jpeg").splitlines()
    assert lines[0].split()[:3] == ["png", "ok", "level"]
    assert "lossless" in lines[0]
    assert registry.load("png").version() in lines[1]
    assert re.match(r"jpeg  ok       quality 50: \d\.\d+ bpp, \d\d\.\d\d dB, ", lines[2])
    assert lines[-1] == "2 ok, 0 failed, 0 missing"


def test_doctor_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(sys.modules, "rdbench.codecs.hevc", raising=False)
    text = output("codecs", "doctor", "hevc", "png", status=1)
    assert re.search(r"^hevc  missing  .*pip install pillow-heif", text, re.MULTILINE)
    assert "1 ok, 0 failed, 1 missing" in text


def test_doctor_names_a_program_that_is_missing_and_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = tmp_path / "mine.toml"
    definition.write_text(MINE)
    text = output("codecs", "doctor", str(definition), status=1)
    assert "missing  codec 'mine': program 'menc' is missing ('menc' is not on PATH)" in text
    assert "ask the author; or set RDBENCH_MENC to it" in text
    for name in ("MENC", "MDEC"):
        monkeypatch.setenv(f"RDBENCH_{name}", "/bin/false")
    text = output("codecs", "doctor", str(definition), status=1)
    assert "failed: false left with exit code 1; it printed nothing" in text
    assert "/bin/false" in text


MINE = """
name = "mine"
parameter = "quality"
ladder = [1, 2]
install = "ask the author"
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


def test_show() -> None:
    text = output("codecs", "show", "jpeg2000:target=psnr,transform=5/3")
    assert "label      jpeg2000 5/3 target=psnr" in text
    assert "parameter  psnr, 1 to 100" in text
    assert "transform=5/3  (9/7, 5/3)" in text
    assert "gray and color" in text


def test_show_tells_what_conversions_cost_also_of_a_program_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RDBENCH_TAPPENCODER", "/nowhere/TAppEncoder")
    text = output("codecs", "show", "hm:chroma=420")
    assert (
        "version    not known: codec 'hm': RDBENCH_TAPPENCODER names '/nowhere/TAppEncoder'" in text
    )
    photo = photograph(3)
    layout = Layout("420", 10, "bt709", "full")
    ceiling = metrics.psnr(photo, round_trip(photo, layout))
    assert f"conversion alone, on a photograph: gray without loss, color {ceiling:.2f} dB" in text
    assert "conversion by the codec itself" in output("codecs", "show", "cjpeg")


def test_show_every_option() -> None:
    for name in registry.entries():
        text = output("codecs", "show", name)
        for option in registry.load(name).option_table.values():
            assert option.meaning in text


def test_show_prints_the_path_of_the_definition() -> None:
    """With the options of a shipped codec, and for a file of one's own."""
    path = registry.PROGRAMS / "openjpeg.toml"
    assert f"file       {path}\n" in output("codecs", "show", "openjpeg:transform=5/3")
    assert "file " not in output("codecs", "show", "jpeg2000").split("options")[0]


def test_form_is_a_definition_with_everything_in_it(tmp_path: Path) -> None:
    """What is printed can be read, and names every key that there is."""
    text = output("codecs", "form")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert load(path).name == "mine"
    forms = (CodecForm, CommandForm, OptionForm, Pixels, ArgumentForm, GrayTest, RefusalForm)
    for form in forms:
        for field in msgspec.structs.fields(form):
            assert re.search(rf"\b{field.encode_name}\b", text), field.encode_name


def test_try_shows_commands_output_files_and_times_of_both_programs(tmp_path: Path) -> None:
    trial(tmp_path, encode="menc says this", decode="mdec says that")
    text = output(
        "codecs", "try", str(tmp_path / "mine.toml"), "--point", "2", "--out", str(tmp_path / "out")
    )
    assert text.startswith("codec      mine, quality 2\n")
    lines = text.splitlines()
    for kind, program, files, said in (
        ("encode", "menc", "input.ppm stream.bin", "menc says this"),
        ("decode", "mdec", "stream.bin output.ppm", "mdec says that"),
    ):
        at = lines.index(f"{kind:10} {tmp_path / program} {files}")
        assert re.fullmatch(r" +left with exit code 0, \d+\.\d{3} s", lines[at + 1])
        assert lines[at + 2].strip() == f"| {said}"
    assert "stream     147471 bytes, 24.002 bpp" in lines
    assert "decoded    inf dB" in lines
    assert "conversion by the codec itself" in lines
    assert re.search(r"^encode +\S+ s, of which \S+ s conversion and files$", text, re.MULTILINE)
    kept = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*"))
    assert list(map(str, kept)) == [
        *("decode/output.ppm", "decode/stream.bin", "encode/input.ppm", "encode/stream.bin")
    ]


def test_try_takes_an_image_and_shows_all_that_a_program_that_fails_prints(tmp_path: Path) -> None:
    trial(tmp_path, encode="fine", decode="first line\n" + "x" * 3000 + "\nlast line", status=3)
    image = tmp_path / "small.png"
    image.write_bytes(write_png(photograph(1)[:8, :9].copy()))
    arguments = (str(tmp_path / "mine.toml"), "--image", str(image), "--out", str(tmp_path / "out"))
    text = output("codecs", "try", *arguments, status=1)
    assert "small.png, 9×8, gray" in text
    assert "input.pgm" in text
    assert f"| first line\n{'':10} | {'x' * 3000}\n{'':10} | last line\n" in text
    failed = next(line for line in text.splitlines() if line.startswith("failed"))
    assert "mdec left with exit code 3: first line xxx" in failed
    assert failed.endswith("xxx last line")
    assert (tmp_path / "out/decode/stream.bin").read_bytes() == b"P5\n9 8\n255\n" + photograph(1)[
        :8, :9
    ].tobytes()


def test_try_says_what_the_pattern_does_not_match(tmp_path: Path) -> None:
    trial(tmp_path, encode="menc of today", decode="")
    path = tmp_path / "mine.toml"
    version = 'version = ["-V"]\npattern = "menc ([0-9.]+)"\n[decode]'
    path.write_text(path.read_text().replace("[decode]", version))
    with pytest.raises(MissingBackendError) as caught:
        output("codecs", "try", str(path))
    told = "`menc -V` prints 'menc of today', which the pattern 'menc ([0-9.]+)' of its definition"
    assert told in str(caught.value)
    with pytest.raises(UsageError, match="codec 'jpeg' is not a program codec"):
        output("codecs", "try", "jpeg")


def trial(folder: Path, *, encode: str, decode: str, status: int = 0) -> None:
    """A codec whose programs copy, and print."""
    path = folder / "mine.toml"
    path.write_text(MINE.replace('"menc"', '"./menc"').replace('"mdec"', '"./mdec"'))
    for name, words, left in (("menc", encode, 0), ("mdec", decode, status)):
        script = f"#!/bin/sh\nprintf '%s' '{words}'\n[ $# = 1 ] || cp $1 $2\nexit {left}\n"
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)


def test_show_unknown() -> None:
    with pytest.raises(UsageError, match="did you mean 'jpeg2000'"):
        output("codecs", "show", "jpeg200")


def test_conformance_passes() -> None:
    text = output("conformance", "png")
    assert text.splitlines()[-1].startswith("png: conforms (11 passed, 0 failed, 6 skipped)")


def test_conformance_fails() -> None:
    text = output("conformance", f"{BROKEN}:NoVersion:points=4/6", status=1)
    assert "version        failed   version() is empty" in text
    assert "does not conform" in text
