"""Recipes: what rdbench ships can be read, and mistakes are answered with file, key and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdbench import reproducing
from rdbench.curves import published
from rdbench.errors import UsageError

from .texts import HEAD

NAMES = (
    "aom-still",
    "dumas2018-entropy-gap",
    "dumas2018-fig5",
    "dumas2018-reconstructions",
    "lee2019-beta",
    "lee2019-entropy-models",
    "lee2019-families",
    "lee2019-fig1",
    "lee2019-fig5",
    "lee2019-fig7",
    "lee2019-fig8",
    "lee2019-table",
)
GOOD = (
    HEAD
    + """
[[codecs]]
label = "BPG"
published = ["bpg_444_x265_ycbcr"]

[[figures]]
kind = "rate-distortion"

[[claims]]
test = "BPG"
anchor = "JPEG"
paper = -40
"""
)


def test_these_come_along():
    assert tuple(reproducing.shipped()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_along_can_be_read_and_names_curves_that_there_are(name):
    recipe = reproducing.read(reproducing.find(name))
    assert recipe.figures or recipe.claims or recipe.deltas.rows
    for role in recipe.roles:
        for label in role.published:
            assert published(label).dataset in recipe.datasets
    for figure in recipe.figures:
        for label in figure.published:
            assert published(label).dataset in recipe.datasets


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A figure"', "", "key 'title': is missing"),
        ("datasets", "dataset", "unknown key 'dataset'; did you mean 'datasets'"),
        ('kind = "rate-distortion"', 'kind = "pie"', "unknown value 'pie'"),
        (
            'kind = "rate-distortion"',
            "crop = [true, 0, 8, 8]",
            "crop[0]': true is not a whole number",
        ),
        ('test = "BPG"', 'test = "BGP"', "unknown label 'BGP'; did you mean 'BPG'"),
        ('anchor = "JPEG"', "", "key 'claims[0].anchor': is missing"),
        ('label = "BPG"', 'label = "JPEG"', "the label 'JPEG' occurs twice"),
        ('published = ["bpg_444_x265_ycbcr"]', "", "is missing, and there is no codec"),
        (
            'published = ["bpg_444_x265_ycbcr"]',
            'codec = "jpge"',
            "mine.toml', key 'codecs[1].codec': unknown codec 'jpge'",
        ),
        ('metrics = ["psnr_db"]', 'metrics = ["psnr"]', "unknown metric 'psnr'"),
        ("paper = -40", 'paper = "-40"', "is not a number"),
        ("paper = -40", 'dataset = "kodak"', "unknown dataset 'kodak'"),
        ("paper = -40", "points = [1, 2]", "key 'claims[0].points': are for a rate-gap only"),
    ],
)
def test_mistakes_are_answered_with_file_key_and_reason(tmp_path, old, new, message):
    assert old in GOOD
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        reproducing.read(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_claim_is_of_each_dataset_and_point_unless_it_names_them(tmp_path):
    path = tmp_path / "mine.toml"
    entries = """
[[claims]]
kind = "rate-gap"
test = "JPEG"
points = [10, 50]

[[claims]]
test = "BPG"
anchor = "JPEG"
dataset = "kodak"
"""
    head = HEAD.replace('["photos"]', '["photos", "kodak"]')
    codec = '[[codecs]]\nlabel = "BPG"\npublished = ["bpg_444_x265_ycbcr"]\n'
    path.write_text(head + codec + entries, encoding="utf-8")
    assert [
        (claim.dataset, claim.test, claim.point) for claim in reproducing.read(path).claims
    ] == [
        ("photos", "JPEG", 10.0),
        ("photos", "JPEG", 50.0),
        ("kodak", "JPEG", 10.0),
        ("kodak", "JPEG", 50.0),
        ("kodak", "BPG", 1.0),
    ]


def test_a_name_that_is_unknown_is_answered_with_those_near_it():
    with pytest.raises(UsageError, match="did you mean 'dumas2018-fig5'"):
        reproducing.find("dumas-fig5")
    with pytest.raises(UsageError, match="No such file"):
        reproducing.read(Path("nowhere.toml"))
