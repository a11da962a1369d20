"""``rdbench codecs`` and ``rdbench conformance``."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.codecs import registry
from rdbench.errors import UsageError

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


def test_list_checks() -> None:
    text = output("codecs", "list", "--check")
    assert text.count("  ok: ") == len(registry.entries())
    assert registry.load("hevc").version() in text


def test_list_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(sys.modules, "rdbench.codecs.hevc", raising=False)
    text = output("codecs", "list", "--check", status=1)
    assert "not usable" in text
    assert "pip install pillow-heif" in text


def test_show() -> None:
    text = output("codecs", "show", "jpeg2000:target=psnr,transform=5/3")
    assert "label      jpeg2000 5/3 target=psnr" in text
    assert "parameter  psnr, 1 to 100" in text
    assert "transform=5/3  (9/7, 5/3)" in text
    assert "grey and colour" in text


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
    assert text.splitlines()[-1].startswith("png: conforms (11 passed, 0 failed, 5 skipped)")


def test_conformance_fails() -> None:
    text = output("conformance", f"{BROKEN}:NoVersion:points=4/6", status=1)
    assert "version        failed   version() is empty" in text
    assert "does not conform" in text
