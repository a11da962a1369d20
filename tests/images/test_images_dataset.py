"""From what stands on the command line to a list of images."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rdbench.errors import UsageError
from rdbench.images import ImageRef, pixel_sha256, resolve
from rdbench.images.dataset import image_names, natural_order


def names(spec: str | Path, **options) -> list[str]:
    return [image.name for image in resolve(str(spec), **options).images]


def test_importing_and_resolving_loads_no_heavy_package():
    program = (
        "import sys, rdbench.images; rdbench.images.resolve('photos');"
        "print([name for name in ('numpy', 'PIL', 'skimage') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


# Folders, files and globs


def test_a_folder_is_its_images_in_natural_order(nowhere, make_images):
    make_images(nowhere / "set", "b10.png", "b2.PNG", "a.jpg", "B3.webp", "sub/x.png")
    for other in ("notes.txt", ".hidden.png", "._b2.png", "b2.png.part"):
        (nowhere / "set" / other).write_text("no image")
    (nowhere / "set" / "folder.png").mkdir()
    dataset = resolve("set")
    assert [image.name for image in dataset.images] == ["a", "b2", "B3", "b10"]
    assert dataset.name == "set"
    assert dataset.source == str(nowhere / "set")
    assert {image.dataset for image in dataset.images} == {"set"}
    assert all(image.path.is_absolute() for image in dataset.images)


@pytest.mark.parametrize(
    ("spec", "name"), [(".", "cwd"), ("./", "cwd"), ("../cwd", "cwd"), ("sub/..", "cwd")]
)
def test_a_folder_without_a_name_of_its_own_is_named(nowhere, make_images, spec, name):
    make_images(nowhere, "x.png", "sub/y.png")
    assert resolve(spec).name == name


def test_a_linked_folder_has_the_name_of_the_link(nowhere, make_images):
    make_images(nowhere / "target", "x.png")
    (nowhere / "link").symlink_to("target")
    assert resolve("link").name == "link"


def test_a_link_that_leads_nowhere_is_not_passed_over(nowhere, make_images):
    make_images(nowhere / "set", "a.png")
    (nowhere / "set" / "b.png").symlink_to("gone.png")
    assert names("set") == ["a", "b"]


def test_a_file_is_a_dataset_of_one(nowhere, make_images):
    make_images(nowhere, "my photo.png")
    dataset = resolve("my photo.png")
    assert (dataset.name, [image.name for image in dataset.images]) == ("my photo", ["my photo"])


def test_a_home_folder_is_expanded(nowhere, make_images, tmp_path):
    make_images(tmp_path / "home" / "set", "x.png")
    assert resolve("~/set").source == str(tmp_path / "home" / "set")
    assert names("~/set/*.png") == ["x"]


def test_a_glob_takes_the_images_that_match(nowhere, make_images):
    make_images(nowhere / "set", "a1.png", "a10.png", "a9.png", "b.png", "deep/er/c.png")
    (nowhere / "set" / "a2.txt").write_text("")
    assert names("set/a*") == ["a1", "a9", "a10"]
    assert names("set/**/*.png") == ["a1", "a9", "a10", "b", "c"]
    assert resolve("set/**/*.png").name == "set"
    assert resolve("set/*.png").source == str(nowhere / "set/*.png")


def test_images_of_newer_formats_are_taken(nowhere):
    (nowhere / "set").mkdir()
    for name in ("a.heic", "b.HEIF", "c.avif", "d.jp2", "e.j2k", "f.gif"):
        (nowhere / "set" / name).write_bytes(b"x")
    assert names("set") == ["a", "b", "c", "d", "e", "f"]
    assert not resolve("set").passed_over


@pytest.mark.parametrize("spec", ["set", "set/*"])
def test_images_that_are_not_read_are_passed_over_with_a_note_that_counts_them(
    nowhere, make_images, spec
):
    make_images(nowhere / "set", "a.png")
    for name in ("b.jxl", "c.JXL", "d.exr", ".hidden.jxl", "notes.txt"):
        (nowhere / "set" / name).write_bytes(b"x")
    assert names(spec) == ["a"]
    told = resolve(spec).passed_over
    assert "'set': 3 image files skipped, in formats that are not read (1 .exr, 2 .jxl)" in told


def test_brackets_in_the_working_directory_are_no_pattern(nowhere, make_images, monkeypatch):
    make_images(nowhere / "run[1]", "a.png")
    monkeypatch.chdir(nowhere / "run[1]")
    assert names("*.png") == ["a"]
    assert resolve("*.png").name == "run[1]"


def test_an_existing_path_wins_over_a_glob(nowhere, make_images):
    make_images(nowhere, "a[1].png", "a1.png")
    assert names("a[1].png") == ["a[1]"]


@pytest.mark.parametrize(
    "name",
    ["two words", "it's", 'a "quote"', "new\nline", "semi;colon,", "Blåbær", "写真", "100%", "a.b"],
)
def test_unusual_names(nowhere, make_images, name):
    make_images(nowhere / name, f"{name}.png")
    dataset = resolve(name)
    assert (dataset.name, dataset.images[0].name) == (name, name)
    assert dataset.images[0].load().shape == (2, 3, 3)
    assert names(f"*/{name}.png") == [name]


def test_a_decomposed_name_is_composed(nowhere, make_images):
    make_images(nowhere / "set", unicodedata.normalize("NFD", "é") + ".png")
    assert names("set") == ["é"]


def test_a_name_that_is_not_utf8_can_be_written(nowhere, make_images):
    make_images(nowhere / "set", "a.png")
    Path("set/a.png").rename(os.fsdecode(b"set/\xff.png"))
    assert names("set") == ["\\xff"]
    assert resolve("set").images[0].load().shape == (2, 3, 3)


def test_a_byte_and_the_text_of_its_escape_are_not_one_image(nowhere, make_images):
    make_images(nowhere / "set", "a.png", "a\\xff.png")
    Path("set/a.png").rename(os.fsdecode(b"set/a\xff.png"))
    told = r"^2 image files in '.*set' are called 'a\\\\xff\.png', where .* rename it$"
    for spec in ("set", "set/*.png"):
        with pytest.raises(UsageError, match=told):
            resolve(spec)
    Path("set", "a\\xff.png").rename("set/a\\xff.jpg")  # as stems that are equal are told apart
    assert names("set") == [r"a\xff.jpg", r"a\xff.png"]


def test_equal_stems_are_told_apart_by_path(nowhere, make_images):
    make_images(nowhere / "set", "a.png", "a.jpg", "b.png", "x/c.png", "y/c.png")
    assert names("set") == ["a.jpg", "a.png", "b"]
    assert names("set/**/*.*") == ["a.jpg", "a.png", "b", "x/c.png", "y/c.png"]


FILES = st.sets(
    st.lists(
        st.text("ab.1", min_size=1, max_size=3).filter(lambda part: part.strip(".")), max_size=2
    ).map(lambda parts: "/".join([*parts, "f"][-2:]) + ".png"),
    min_size=1,
)


@given(FILES, st.sampled_from(["a.png", "a.png.png", "a.jpg", "f.png.png"]))
def test_names_are_unique_and_independent_of_the_place(files, more):
    files = sorted({*files, more})
    found = image_names([Path("/somewhere", file) for file in files], Path("/somewhere"))
    assert len(set(found)) == len(files)
    assert found == image_names([Path("/else/where", file) for file in files], Path("/else/where"))
    for name, file in zip(found, files, strict=True):
        assert name in (PurePosixPath(file).stem, file)


@pytest.mark.parametrize(
    "ordered",
    [
        ["img1", "img2", "img10", "img11"],
        ["1", "2", "10", "a"],
        ["a", "a1", "a1b", "a1c"],
        ["a1b2", "a1b10", "a2b1"],
        ["Apple", "banana", "Cherry"],
        ["x007", "x7", "x8"],
    ],
)
def test_natural_order(ordered):
    paths = [Path(name) for name in ordered]
    backwards = paths[::-1]
    assert sorted(backwards, key=natural_order) == paths


@given(st.lists(st.text("ab019 ²٣", min_size=1), unique=True))
def test_natural_order_is_total(names_):
    paths = [Path("/x") / name for name in names_]
    backwards = paths[::-1]
    assert sorted(paths, key=natural_order) == sorted(backwards, key=natural_order)


# Options and references


def test_references_carry_what_loading_needs(nowhere, make_images):
    make_images(nowhere / "set", "a.png")
    image = resolve("set:geometry=dumas2018", color="luma").images[0]
    assert image == ImageRef(
        "set:geometry=dumas2018", "a", nowhere / "set" / "a.png", "luma", "dumas2018"
    )
    assert pickle.loads(pickle.dumps(image)) == image
    with pytest.raises(dataclasses.FrozenInstanceError):
        image.name = "b"


def test_an_existing_path_with_a_colon_wins_over_options(nowhere, make_images):
    make_images(nowhere / "set:geometry=dumas2018", "a.png")
    make_images(nowhere / "set", "b.png")
    dataset = resolve("set:geometry=dumas2018")
    assert [image.name for image in dataset.images] == ["a"]
    assert dataset.images[0].geometry == "original"


def test_options_of_globs_and_of_paths_with_colons(nowhere, make_images):
    make_images(nowhere / "a:b", "x.png")
    assert names("a:b/*.png") == ["x"]
    assert resolve("a:b:geometry=dumas2018").images[0].geometry == "dumas2018"
    assert resolve("a:b/*.png:geometry=dumas2018").images[0].geometry == "dumas2018"
    assert resolve("a:b:geometry=original").name == "a:b"


def test_loaded_arrays_are_contiguous_and_locked(nowhere):
    stored = np.random.default_rng(5).integers(0, 256, (5, 3, 3), dtype=np.uint8)
    Image.fromarray(stored).save("tall.png")
    for color, channels in (("rgb", 3), ("luma", 1)):
        for spec, shape in (("tall.png", (5, 3)), ("tall.png:geometry=dumas2018", (3, 5))):
            image = resolve(spec, color=color).images[0].load()
            assert image.shape == (*shape, channels)
            assert image.dtype == np.uint8
            assert image.flags.c_contiguous
            assert not image.flags.writeable


def test_gray_images_are_the_same_in_either_color(nowhere):
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    Image.fromarray(stored).save("gray.png")
    for color in ("rgb", "luma"):
        image = resolve("gray.png", color=color).images[0].load()
        assert np.array_equal(image[:, :, 0], stored)


# What is refused


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("kodk", r"unknown dataset 'kodk'; did you mean 'kodak'\? \(or the path of a folder"),
        ("Kodak", "did you mean 'kodak'"),
        ("bsds300", "did you mean 'bsds300-test'"),
        ("qqqq", "known: bsds300-test, cid22-train, cid22-val, clic2025, kodak, photos"),
        ("./gone/x.png", "unknown dataset './gone/x.png'.*this one does not exist"),
        ("kodk:geometry=dumas2018", "unknown dataset 'kodk'; did you mean"),
        ("", "unknown dataset ''"),
        ("~nobody-at-all/x", "unknown dataset"),
        ("x" * 5000, "unknown dataset"),
        ("nul\0", "unknown dataset"),
        ("*.png", r"dataset '\*\.png': nothing matches this glob"),
        ("*.tx?", "none of the 1 paths that match this glob is an image file"),
        ("empty", "is an empty folder"),
        ("texts", r"no image files in it, but 2 other files and 1 folders; .*texts/\*\*/\*'"),
        ("photos:dumas2018", "'dumas2018' is not an option of the form name=value"),
        ("photos:geometri=x", "unknown option.*'geometri'; did you mean 'geometry'"),
        ("photos:geometry=dumas", "unknown geometry.*'dumas'; did you mean 'dumas2018'"),
    ],
)
def test_requests_that_cannot_be_carried_out(nowhere, spec, message):
    (nowhere / "empty").mkdir()
    (nowhere / "texts" / "sub").mkdir(parents=True)
    for file in ("notes.txt", "texts/a.txt", "texts/b.json"):
        (nowhere / file).write_text("")
    with pytest.raises(UsageError, match=message):
        resolve(spec)


def test_an_unknown_color():
    with pytest.raises(UsageError, match="unknown color 'lum'; did you mean 'luma'"):
        resolve("photos", color="lum")


def test_a_loaded_known_image_has_its_recorded_pixels():
    from rdbench.images.known import KNOWN

    for image in resolve("photos").images:
        assert pixel_sha256(image.load()) == KNOWN["photos"].manifest[image.path.name]
