"""Names of image files never reach a command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rdbench.schema import OK

from .kit import measured, request

NAMES = (
    "with spaces  in it",
    "qu'o\"te`s`",
    "; touch pwned;",
    "$(touch pwned)",
    "| touch pwned &",
    "line\nbreak",
    "größe 画像 é",
    "-rf",
    "--help",
    "{output}",
    "%s %d",
    "*?[a]",
)


def test_names_of_images_are_not_passed_on(definition, photo, places, tmp_path, monkeypatch):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in NAMES:
        shutil.copyfile(photo, folder / f"{name}.png")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    outcome = measured(folder, [request(definition)], tmp_path / "out", keep_streams=True)
    assert {row.image for row in outcome.rows} == set(NAMES)
    assert {row.status for row in outcome.rows} == {OK}
    assert len(list((tmp_path / "out" / "streams").rglob("*.z"))) == len(NAMES)
    calls = places.calls()
    assert len(calls) == 2 * len(NAMES) + 2, "with those of the warm-up"
    assert {tuple(call["argv"][1:]) for call in calls} == {
        ("encode", "none", "input.ppm", "stream.z"),
        ("decode", "none", "stream.z", "output.ppm"),
    }
    assert not list(tmp_path.rglob("pwned*"))
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("name", ["-x.png", "a b; touch pwned.png", "line\nbreak.png"])
def test_an_image_that_is_named_by_itself(definition, photo, places, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(photo, name)
    outcome = measured(Path(name), [request(definition)], tmp_path / "out")
    assert [(row.image, row.status) for row in outcome.rows] == [(Path(name).stem, OK)]
    assert not list(tmp_path.rglob("pwned*"))
