"""Tags of images: the file beside them, and every mistake in it."""

from __future__ import annotations

import unicodedata

import pytest
from PIL import Image

from rdbench.errors import UsageError
from rdbench.images import resolve
from rdbench.images.known import KNOWN
from rdbench.images.tags import read_tags, tagged


@pytest.fixture
def folder(tmp_path):
    for name in ("one.png", "two.png", "three.v2.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    return tmp_path


def written(folder, text, encoding="utf-8"):
    path = folder / "tags.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_tags_stand_between_blanks_or_semicolons_in_any_case(tmp_path):
    path = written(
        tmp_path,
        'author,tags,image\nx,People;water ,one\n\ny,"water  PEOPLE; night",two\nz,,three\n',
        "utf-8-sig",
    )
    assert read_tags(path) == {
        "one": ("people", "water"),
        "two": ("night", "people", "water"),
        "three": (),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the header is ''; it needs one column 'image'"),
        ("image,class\none,a\n", "the header is 'image,class'; it needs one column 'tags'"),
        ("image;tags\none;a\n", "the header is 'image;tags'; it needs one column 'image'"),
        ("image,tags,tags\none,a,b\n", "it needs one column 'tags'"),
        (
            "image,tags\none,a,b\n",
            "line 2: 3 cells under a header of 2; several tags are separated",
        ),
        ("image,tags\none,a\ntwo,b\none,c\n", "line 4: image 'one' occurs twice"),
        ("image,tags\none,Untagged\n", "line 2: 'untagged' is the class of images without tags"),
    ],
)
def test_mistakes_are_said_with_their_place(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as error:
        read_tags(path)
    assert message in str(error.value)
    assert repr(str(path)) in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not_utf_8_is_refused(tmp_path):
    path = written(tmp_path, "image,tags\nköln,stadt\n", "latin-1")
    with pytest.raises(UsageError, match="byte 12 is not UTF-8; save it as CSV in UTF-8"):
        read_tags(path)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_tags(tmp_path / "none.csv")


def test_names_are_composed_as_those_of_images(tmp_path):
    path = written(tmp_path, unicodedata.normalize("NFD", "image,tags\nköln,stadt\n"))
    assert read_tags(path) == {unicodedata.normalize("NFC", "köln"): ("stadt",)}


def test_a_folder_has_the_tags_beside_its_images(folder):
    assert resolve(str(folder)).tags is None
    written(folder, "image,tags\none,a\nthree.v2.png,b a\nthree,c\ngone,a\n")
    dataset = resolve(str(folder))
    assert dataset.tags == {"one": ("a",), "three.v2": ("a", "b")}
    assert dataset.tags_not_there == (
        f"tags {str(folder / 'tags.csv')!r}: 2 images that are not there (three, gone)"
    )
    assert hash(dataset) == hash(dataset)
    # A glob chooses some of the images, and a file is one.
    some = resolve(str(folder / "t*.png"))
    assert some.tags == {"three.v2": ("a", "b")}
    assert some.tags_not_there == ""
    assert resolve(str(folder / "one.png")).tags is None


def test_an_image_by_two_names_is_there_twice(folder):
    written(folder, "image,tags\none,a\none.png,b\n")
    with pytest.raises(UsageError, match=r"image 'one' occurs twice, once as 'one\.png'"):
        resolve(str(folder))
    with pytest.raises(UsageError):
        tagged({"one"}, {"one.png": ("a",), "one": ("b",)}, "here")


def test_the_photographs_have_tags_and_a_file_of_ones_own_comes_first(tmp_path):
    dataset = resolve("photos")
    assert dataset.tags["astronaut"] == ("people",)
    assert dataset.tags_not_there == ""
    folder = tmp_path / "kodak"
    folder.mkdir()
    for name in KNOWN["kodak"].manifest:
        (folder / name).touch()
    assert resolve("kodak", root=tmp_path).tags["kodim23"] == ("animals",)
    written(folder, "image,tags\nkodim23,parrots\n")
    assert resolve("kodak", root=tmp_path).tags == {"kodim23": ("parrots",)}


@pytest.mark.parametrize("name", KNOWN)
def test_tags_that_come_along_are_of_images_that_there_are(name):
    known = KNOWN[name]
    names = {file.rpartition(".")[0] for file in known.manifest}
    tags, unknown = tagged(names, known.tags, name)
    assert not unknown
    assert not tags or tags.keys() == names
