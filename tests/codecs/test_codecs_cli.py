"""``rdbench codecs`` and ``rdbench conformance``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rdbench import metrics
from rdbench.cli import app
from rdbench.codecs import registry
from rdbench.conforming.material import photograph
from rdbench.errors import UsageError
from rdbench.formats import Layout, round_trip

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
    assert "grey and color" in text


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
    assert f"conversion alone, on a photograph: grey without loss, color {ceiling:.2f} dB" in text
    assert "conversion by the codec itself" in output("codecs", "show", "cjpeg")


def test_show_every_option() -> None:
    for name in registry.entries():
        text = output("codecs", "show", name)
        for option in registry.load(name).option_table.values():
            assert option.meaning in text


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
