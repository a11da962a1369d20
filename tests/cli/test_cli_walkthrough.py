"""``rdbench walkthrough``, and the page that is made of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.conforming.material import picture
from rdbench.errors import RdbenchError
from tests.cli.command import understood

FOLDER = Path(__file__).parents[2] / "reports" / "walkthrough"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
TABLES = ("totals", "positions", "block")
FIGURES = ("picture", "bases", "energy", "way", "costs")


@pytest.fixture
def walk(tmp_path, monkeypatch):
    """The command on a small picture, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(3, 40, 52)).save("small.png")
    return lambda *words: CliRunner().invoke(
        app, ["walkthrough", "--dataset", "small.png", "--out", "way", *words]
    )


def test_pictures_come_with_the_numbers_behind_them(walk, tmp_path) -> None:
    done = walk("--learned", "none", "--block", "17,9")
    assert done.exit_code == 0, done.output
    expected = [f"way/{name}.csv" for name in TABLES]
    expected += [f"way/{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")]
    assert done.stdout.split() == expected
    assert all((tmp_path / path).stat().st_size > 0 for path in expected)


@pytest.mark.slow
def test_a_learned_transform_stands_beside(walk, tmp_path) -> None:
    pytest.importorskip("torch", reason="the networks need torch")
    done = walk()
    assert done.exit_code == 0, done.output
    assert "left out" not in done.output
    with Image.open(tmp_path / "way" / "bases.png") as three:
        wide = three.width
    assert walk("--learned", "none").exit_code == 0
    with Image.open(tmp_path / "way" / "bases.png") as two:
        assert two.width < wide


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--image", "smal"], "unknown image of 'small' 'smal'; did you mean 'small'?"),
        (["--block", "3"], "--block '3' is not X,Y, two whole numbers of pixels"),
        (["--block", "60,3"], "pixel 60,3 (x, y) is not within the image of 52x40 px"),
        (["--step", "0"], "step 0 is not within 0.5 to 1000"),
        (["--learned", "jpeg"], "codec 'jpeg' has no weights to inspect"),
        (["--dataset", "nothing"], "'nothing'"),
        (["--out", "small.png/way"], "cannot write"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_line(walk, tmp_path, words, message) -> None:
    done = walk("--learned", "none", *words)
    assert isinstance(done.exception, RdbenchError)
    assert message in str(done.exception)
    assert not (tmp_path / "way").exists()


def test_the_page_shows_what_its_commands_make() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE))
    assert {f"{name}.png" for name in FIGURES} < shown
    assert shown == {path.name for path in FOLDER.glob("*.png")}
    commands = re.findall(r"(?m)^rdbench (.+)$", PAGE)
    assert len(commands) == 5
    for line in commands:
        understood(line)


def test_the_numbers_of_the_page_are_those_of_its_tables() -> None:
    totals = pd.read_csv(FOLDER / "totals.csv").set_index("codec")
    order = ["dct-block", "klt-block"]
    for row, column, digits in (
        ("levels", "levels_bpp", 3),
        ("where the levels of each block end", "lengths_bpp", 3),
        ("header, checksum, end of the coder", "header_bpp", 3),
        ("all", "bpp", 3),
        ("PSNR [dB]", "psnr_db", 2),
    ):
        cells = " | ".join(f"{totals.loc[name, column]:.{digits}f}" for name in order)
        assert f"| {row} | {cells} |" in PAGE
    assert f"| basis functions | 0 | {totals.loc['klt-block', 'basis_bpp']:.3f} |" in PAGE
    gains = totals["coding_gain_db"]
    assert f"{gains.iloc[0]:.2f} dB for the DCT and {gains.iloc[1]:.2f} dB for the KLT" in PAGE
    saved = totals["levels_bpp"] + totals["lengths_bpp"]
    assert round(100 * (1 - saved["klt-block"] / saved["dct-block"])) == 2
    price = totals.loc["klt-block", "basis_bpp"] / (saved["dct-block"] - saved["klt-block"])
    assert round(price) == 7
    error = 255**2 / 10 ** (totals.loc["dct-block", "psnr_db"] / 10)
    assert f"the error is {error:.0f} for the DCT" in PAGE


def test_the_deltas_of_the_page_are_those_of_its_table() -> None:
    table = pd.read_csv(FOLDER / "bd.csv")
    rates = table[(table["delta"] == "rate") & (table["metric"] == "psnr_db")].set_index("test")
    assert len(rates) == 3
    for name, row in rates.iterrows():
        interval = f"{row['low']:+.1f} to {row['high']:+.1f}"
        assert f"| `{name}` | {row['value']:+.1f} | {interval} |" in PAGE


@pytest.mark.slow
def test_the_page_is_of_this_program(tmp_path) -> None:
    """Its table comes out again, but for what another library's eigenvectors may do."""
    (line,) = re.findall(r"(?m)^rdbench (walkthrough .+)$", PAGE)
    words = [str(tmp_path) if word == "reports/walkthrough" else word for word in shlex.split(line)]
    done = CliRunner().invoke(app, [*words, "--learned", "none"])
    assert done.exit_code == 0, done.output
    found, kept = (pd.read_csv(folder / "totals.csv") for folder in (tmp_path, FOLDER))
    pd.testing.assert_frame_equal(found, kept, rtol=1e-3)
