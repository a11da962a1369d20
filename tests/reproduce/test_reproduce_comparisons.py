"""Recipes that compare pictures: their figure, its numbers on the page, and what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rdbench import reproducing
from rdbench.errors import UsageError
from rdbench.results import read_rows

RECIPE = """
title = "Pictures"
datasets = ["photos"]
metrics = ["psnr_db"]
images = ["coffee"]

[[codecs]]
label = "JPEG"
codec = "jpeg"
points = [10, 50, 90]

[[codecs]]
label = "WebP"
codec = "webp"
points = "bpp:0.5"

[[figures]]
kind = "comparison"
image = "coffee"
bpp = 0.5
crop = [200, 100, 80, 60]
"""


def recipe(folder: Path, old: str = "", new: str = "") -> reproducing.Recipe:
    path = folder / "pictures.toml"
    path.write_text(RECIPE.replace(old, new, 1) if old else RECIPE, encoding="utf-8")
    return reproducing.read(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A recipe carried out: the folder of its report, and its run."""
    folder = tmp_path_factory.mktemp("pictures")
    out, run = folder / "out", folder / "run"
    reproducing.reproduce(recipe(folder), out=out, run=run)
    return out, run


def test_a_comparison_is_drawn_and_its_numbers_are_those_of_the_run(made):
    out, run = made
    name = "photos_coffee_bpp-0.5_crop-200-100-80-60"
    assert {path.name for path in out.iterdir()} == {f"{name}.png", "README.md", "curves.csv"}
    rows = read_rows(run)
    assert {row.image for row in rows} == {"coffee"}
    page = (out / "README.md").read_text(encoding="utf-8")
    assert f"]({name}.png)" in page
    nearest = [
        min((row for row in rows if row.label == label), key=lambda row: abs(row.bpp - 0.5))
        for label in ("JPEG", "WebP")
    ]
    for row in nearest:
        assert f"| {row.label} | {row.bpp:.4f} | {row.scores['psnr_db']:.5g} |" in page
    assert nearest[1].bpp == pytest.approx(0.5, rel=0.02)


def test_a_figure_that_cannot_be_drawn_again_stays_and_is_said(made, tmp_path, monkeypatch):
    out, run = made
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    manifest = run / "run.json"
    told = manifest.read_text(encoding="utf-8")
    manifest.write_text(re.sub(r'"coffee": "[^"]*\.png"', '"coffee": "/gone.png"', told))
    try:
        said: list[str] = []
        reproducing.reproduce(recipe(tmp_path), out=out, run=run, kept=True, say=said.append)
        kept = "crop-200-100-80-60 is not drawn, and the existing file is kept"
        assert any(kept in line for line in said)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        elsewhere = tmp_path / "elsewhere"
        reproducing.reproduce(recipe(tmp_path), out=elsewhere, run=run, kept=True)
        assert {path.name for path in elsewhere.iterdir()} == {"README.md", "curves.csv"}
        # The page is the same, so that it can be held against the measurements anywhere.
        assert (elsewhere / "README.md").read_bytes() == before["README.md"]
    finally:
        manifest.write_text(told, encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('image = "coffee"\n', "", "key 'figures[0].image': belongs to a comparison"),
        ("bpp = 0.5\n", "", "key 'figures[0].bpp': is missing"),
        ("bpp = 0.5\n", "bpp = -1.0\n", "key 'figures[0].bpp'"),
        (
            "crop = [200, 100, 80, 60]",
            'crop = "best"',
            "key 'figures[0].crop': 'best' is neither 'worst'",
        ),
        ("bpp = 0.5\n", 'bpp = 0.5\ncodecs = ["Webp"]\n', "unknown label 'Webp'"),
        ('"comparison"', '"rate-distortion"', "key 'figures[0].image': belongs to a comparison"),
    ],
)
def test_mistakes_in_a_comparison_are_answered_with_key_and_reason(tmp_path, old, new, said):
    with pytest.raises(UsageError) as caught:
        recipe(tmp_path, old, new)
    assert said in str(caught.value)


def test_an_image_that_the_dataset_has_not_is_said(tmp_path):
    with pytest.raises(UsageError, match="unknown image 'cofee'; did you mean 'coffee'"):
        reproducing.reproduce(
            recipe(tmp_path, 'images = ["coffee"]', 'images = ["cofee"]'),
            out=tmp_path / "out",
            run=tmp_path / "run",
        )
