"""Program codecs by their names: in folders of the user's and in installed packages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdbench import plugins
from rdbench.codecs import registry
from rdbench.errors import UsageError
from rdbench.results import read_rows

TEXT = """
name = "{name}"
summary = "gzip"
parameter = "level"
ladder = [1, 9]
lossless = true
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "gzip"
arguments = ["-n", "-{{point}}"]
stdin = "{{input}}"
stdout = "{{stream}}"
[decode]
program = "gzip"
arguments = ["-d"]
stdin = "{{stream}}"
stdout = "{{output}}"
"""


def write(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(name=name))
    return path


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """Two folders that the variable names, and that of the user's configuration."""
    found = (tmp_path / "a", tmp_path / "b", tmp_path / "config" / "rdbench" / "codecs")
    monkeypatch.setenv("RDBENCH_CODECS", os.pathsep.join(["", *map(str, found[:2])]))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return found


def test_codecs_of_folders_are_found_by_name(folders: tuple[Path, Path, Path]) -> None:
    """By what the file says, and not by how it is called; folders need not be there."""
    assert registry.folders() == folders
    write(folders[1] / "x.toml", "packed")
    write(folders[2] / "y.toml", "packed-too")
    for name, path in (("packed", folders[1] / "x.toml"), ("packed-too", folders[2] / "y.toml")):
        assert registry.load(name).name == name
        assert registry.entries()[name].summary == f"gzip (in {path.parent})"
        assert registry.place(name) == registry.origin(name) == str(path)
        assert registry.load_file(path) is registry.load(name)
    write(folders[1] / "x.toml", "renamed")
    assert "packed" not in registry.entries()
    assert registry.load("renamed").name == "renamed"


def test_codecs_of_one_name_in_two_folders_are_refused(folders: tuple[Path, Path, Path]) -> None:
    one, two = (write(folder / "x.toml", "packed") for folder in folders[:2])
    jpeg = write(folders[2] / "jpeg.toml", "jpeg")
    with pytest.raises(UsageError, match=f"'packed' is offered by {one} and by {two};"):
        registry.load("packed")
    assert f"refused: also gzip (in {folders[1]})" in registry.entries()["packed"].summary
    with pytest.raises(UsageError, match=f"'jpeg' is offered by rdbench and by {jpeg};"):
        registry.load("jpeg")
    with pytest.raises(UsageError, match="there is a codec 'packed'; choose another name"):
        registry.load_file(write(folders[0].parent / "own.toml", "packed"))


def test_a_broken_file_in_a_folder_harms_nothing_else(folders: tuple[Path, Path, Path]) -> None:
    write(folders[0] / "good.toml", "good")
    (folders[0] / "bad.toml").write_text("name = ")
    assert registry.load("good").name == "good"
    with pytest.raises(UsageError, match=r"program codec '.*/bad\.toml' is not TOML"):
        registry.load("bad")


def test_a_codec_of_a_folder_is_measured_by_name(
    folders: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    write(folders[2] / "x.toml", "packed")
    command = ["run", "--codecs", "packed", "--dataset", "photos", "--metrics", "psnr_db"]
    done = subprocess.run(
        [sys.executable, "-m", "rdbench", *command, "--out", str(tmp_path / "out"), "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {(row.codec, row.status) for row in read_rows(tmp_path / "out")} == {("packed", "ok")}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package that offers the path of a definition."""
    (tmp_path / "offers_toml").mkdir()
    write(tmp_path / "offers_toml" / "p.toml", "offered-program")
    (tmp_path / "offers_toml" / "__init__.py").write_text(
        "from pathlib import Path\nPROGRAM = Path(__file__).with_name('p.toml')\n"
    )
    folder = tmp_path / "offers_toml-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: offers-toml\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[rdbench.codecs]\noffered-program = offers_toml:PROGRAM\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.offers.cache_clear()
    yield tmp_path / "offers_toml" / "p.toml"
    plugins.offers.cache_clear()
    sys.modules.pop("offers_toml", None)


def test_a_package_offers_a_definition(package: Path) -> None:
    codec = registry.load("offered-program")
    assert codec.name == "offered-program"
    assert codec.provenance({"program": "", "decoder": ""}, [1])["path"] == str(package)
    assert registry.origin("offered-program") == "offers-toml"
