"""Known datasets: where they are looked for, what they must contain, and their commands."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from rdbench.errors import UsageError
from rdbench.images import pixel_sha256, resolve
from rdbench.images.known import KNOWN, cache_root, places, presence


@pytest.fixture
def cli():
    from rdbench.cli.datasets import app

    def run(*arguments: str):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=True)

    return run


def fill(folder: Path, files) -> None:
    folder.mkdir(parents=True)
    for file in files:
        PIL.Image.new("RGB", (2, 2)).save(folder / file)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("photos", 5),
        ("kodak", 24),
        ("bsds300-test", 100),
        ("clic2025", 6),
        ("cid22-train", 206),
        ("cid22-val", 41),
    ],
)
def test_manifests_are_whole(name, count):
    manifest = KNOWN[name].manifest
    assert len(manifest) == count
    assert len(set(manifest.values())) == count
    assert all(len(digest) == 64 for digest in manifest.values())


def test_photos_are_always_there_and_are_color_photographs(nowhere):
    loaded = {image.name: image.load() for image in resolve("photos").images}
    assert {name: image.shape for name, image in loaded.items()} == {
        "astronaut": (512, 512, 3),
        "chelsea": (300, 451, 3),
        "coffee": (400, 600, 3),
        "motorcycle_left": (500, 741, 3),
        "rocket": (427, 640, 3),
    }
    for image in loaded.values():
        assert (image[:, :, 0] != image[:, :, 2]).mean() > 0.5


def test_photos_are_those_of_scikit_image():
    from skimage import data

    astronaut = next(i for i in resolve("photos").images if i.name == "astronaut")
    assert np.array_equal(astronaut.load(), data.astronaut())


def test_the_root_given_the_variable_and_the_cache_are_searched(nowhere, tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "rdbench" / "datasets"
    assert cache_root() == cache
    kodak = KNOWN["kodak"]
    assert places(kodak) == [cache / "kodak"]
    monkeypatch.setenv("RDBENCH_DATA", "data")
    assert places(kodak) == [nowhere / "data" / "kodak", cache / "kodak"]
    assert places(kodak, tmp_path) == [tmp_path / "kodak", cache / "kodak"]
    fill(cache / "kodak", kodak.manifest)
    assert resolve("kodak").source == str(cache / "kodak")
    fill(nowhere / "data" / "kodak", kodak.manifest)
    assert resolve("kodak").source == str(nowhere / "data" / "kodak")


def test_the_cache_folder_follows_the_platform(nowhere, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_root() == home / ".cache" / "rdbench" / "datasets"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == home / ".cache" / "rdbench" / "datasets"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_root() == home / "Library" / "Caches" / "rdbench" / "datasets"


def test_a_dataset_that_is_not_there_says_where_it_was_looked_for_and_what_to_do(nowhere, tmp_path):
    with pytest.raises(
        UsageError,
        match=rf"'kodak' was not found in {tmp_path}/root/kodak or {tmp_path}/cache/.*/kodak; "
        "fetch it with `rdbench datasets fetch kodak`, or set RDBENCH_DATA",
    ):
        resolve("kodak", root=tmp_path / "root")
    with pytest.raises(UsageError, match=r"it comes from https://.*set RDBENCH_DATA"):
        resolve("bsds300-test")


def test_a_folder_of_that_name_is_pointed_at_but_not_taken(nowhere, make_images):
    make_images(nowhere / "kodak", "x.png")
    with pytest.raises(UsageError, match=r"write \./kodak for the folder of that name here"):
        resolve("kodak")
    assert len(resolve("./kodak").images) == 1


def test_an_incomplete_dataset_is_refused(nowhere, tmp_path):
    manifest = list(KNOWN["kodak"].manifest)
    fill(tmp_path / "kodak", manifest[:-2])
    with pytest.raises(
        UsageError, match=r"incomplete: 2 of 24 images are missing \(kodim23.png, kodim24.png\)"
    ):
        resolve("kodak", root=tmp_path)
    for file in manifest[:10]:
        (tmp_path / "kodak" / file).unlink()
    with pytest.raises(UsageError, match=r"12 of 24 .*kodim05.png and 7 more\)"):
        resolve("kodak", root=tmp_path)
    assert len(presence(KNOWN["kodak"], tmp_path).missing) == 12


def test_other_files_beside_a_known_dataset_are_left_out(nowhere, tmp_path):
    fill(tmp_path / "kodak", [*KNOWN["kodak"].manifest, "zebra.png"])
    dataset = resolve("kodak", root=str(tmp_path))
    assert [image.name for image in dataset.images] == [f"kodim{n:02}" for n in range(1, 25)]


@pytest.mark.parametrize("name", ["kodak", "bsds300-test", "clic2025"])
def test_recorded_pixels(data_root, name):
    manifest = KNOWN[name].manifest
    images = resolve(name, root=data_root).images
    for image in images[::5]:
        assert pixel_sha256(image.load()) == manifest[image.path.name]


def test_geometry_of_dumas2018(data_root):
    """There Kodak is 512×768 throughout, and BSDS300 is 320×480."""
    kodak = resolve("kodak:geometry=dumas2018", root=data_root)
    assert kodak.name == "kodak:geometry=dumas2018"
    by_name = {image.name: image for image in kodak.images}
    plain = {image.name: image for image in resolve("kodak", root=data_root).images}
    for name in ("kodim01", "kodim04", "kodim19"):
        assert by_name[name].load().shape == (512, 768, 3)
        assert replace(by_name[name], color="luma").load().shape == (512, 768, 1)
    assert np.array_equal(by_name["kodim04"].load(), np.rot90(plain["kodim04"].load(), 1))
    assert np.array_equal(by_name["kodim01"].load(), plain["kodim01"].load())
    bsds = resolve("bsds300-test:geometry=dumas2018", root=data_root)
    bsds_plain = resolve("bsds300-test", root=data_root)
    seen = set()
    for image, original in list(zip(bsds.images, bsds_plain.images, strict=True))[:20]:
        trimmed = original.load()[1:, 1:]
        portrait = trimmed.shape[0] > trimmed.shape[1]
        seen.add(portrait)
        assert np.array_equal(image.load(), np.rot90(trimmed, 1) if portrait else trimmed)
        assert image.load().shape == (320, 480, 3)
    assert seen == {False, True}


# Commands


def test_the_list_says_what_is_there(nowhere, tmp_path, monkeypatch, cli):
    monkeypatch.setenv("RDBENCH_DATA", str(tmp_path))
    fill(tmp_path / "clic2025", list(KNOWN["clic2025"].manifest)[:4])
    result = cli()
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines() if line[0] != " "}
    assert set(lines) == set(KNOWN)
    assert "5 of 5 images" in lines["photos"]
    assert lines["kodak"].endswith("0 of 24 images  not found")
    assert lines["clic2025"].endswith(f"4 of 6 images  {tmp_path}/clic2025")
    assert "rdbench datasets fetch kodak" in result.output


def test_verify_the_photographs(cli):
    result = cli("verify", "photos")
    assert result.exit_code == 0
    assert result.output == "photos: 5 of 5 images have the expected pixels\n"


def test_verify_finds_what_is_wrong(data_root, nowhere, tmp_path, monkeypatch, cli):
    folder = tmp_path / "kodak"
    shutil.copytree(data_root / "kodak", folder)
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)
    (folder / "kodim02.png").write_bytes((folder / "kodim02.png").read_bytes()[:-100])
    shutil.copy(folder / "kodim04.png", folder / "kodim03.png")
    monkeypatch.setenv("RDBENCH_DATA", str(tmp_path))
    result = cli("verify", "kodak")
    assert result.exit_code == 1
    truncated, swapped, summary = result.output.splitlines()
    assert "kodim02.png" in truncated
    assert "truncated" in truncated
    assert swapped.startswith("kodim03.png: pixel SHA-256 is ")
    assert summary == "kodak: 22 of 24 images have the expected pixels"


def test_verify_of_an_unknown_dataset(cli):
    result = cli("verify", "kodk")
    assert isinstance(result.exception, UsageError)
    assert "did you mean 'kodak'?" in str(result.exception)
