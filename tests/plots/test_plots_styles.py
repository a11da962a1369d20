"""Looks of curves: fixed, distinct, and readable without color."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from rdbench.plots.styles import KNOWN, styles


def test_a_known_codec_looks_the_same_whatever_else_is_drawn():
    alone = styles([("webp", "webp")])["webp", "webp"]
    crowd = [(name, name) for name in ("zzz", "aaa", *KNOWN)]
    assert styles(crowd)["webp", "webp"] == alone == KNOWN["webp"]


def test_known_codecs_differ_in_two_of_color_marker_and_dashes():
    for (a, one), (b, other) in itertools.combinations(KNOWN.items(), 2):
        same = (one.color == other.color, one.marker == other.marker, one.dashes == other.dashes)
        assert sum(same) <= 1, (a, b)


def test_measured_codecs_keep_apart_in_grey_by_their_markers():
    own = ("jpeg", "jpeg2000", "webp", "avif", "hevc", "jpegxl", "png", "lee2019", "dumas2018")
    markers = [KNOWN[name].marker for name in own]
    assert len(set(markers)) == len(markers)


def test_an_unknown_codec_keeps_its_look_and_steps_aside_only_for_the_same():
    alone = styles([("mine", "mine")])["mine", "mine"]
    assert styles([("jpeg", "jpeg"), ("mine", "mine")])["mine", "mine"] == alone
    many = [(f"codec{number}", "x") for number in range(40)]
    looks = styles(many)
    assert len({(look.color, look.marker) for look in looks.values()}) == 40
    assert styles(list(reversed(many))) == looks


def test_the_look_of_an_unknown_codec_does_not_depend_on_the_process():
    code = "from rdbench.plots.styles import styles; print(styles([('mine', 'x')])['mine', 'x'])"
    looks = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert looks == {f"{styles([('mine', 'x')])['mine', 'x']}\n"}


def lab(look):
    return rgb2lab(np.array(list(bytes.fromhex(look.color[1:]))) / 255)


def test_curves_of_one_codec_are_shades_of_its_color_and_differ_in_all_else():
    for codec in ("jpeg", "hevc", "jpegxl", "webp", "avif", "mine"):
        looks = list(styles([(codec, f"{codec} {number}") for number in range(4)]).values())
        assert looks[0] == styles([(codec, codec)])[codec, codec]
        points = np.array([lab(look) for look in looks])
        assert np.diff(np.sort(points[:, 0])).min() > 2, codec
        hues = np.degrees(np.arctan2(points[:, 2], points[:, 1]))
        assert codec == "jpeg" or np.abs((hues - hues[0] + 180) % 360 - 180).max() < 30, codec
        assert len({look.marker for look in looks}) == len({look.dashes for look in looks}) == 4


@pytest.mark.parametrize("count", [2, 6, 14])
def test_no_two_curves_of_a_figure_look_alike(count):
    """Codecs and variants as they come: of the shipped ones, of others, several of one."""
    rng = random.Random(count)
    names = [*KNOWN, *(f"codec{number}" for number in range(20))]
    for _ in range(20):
        cast = [(rng.choice(names), f"curve {number}") for number in range(count)]
        looks = list(styles(cast).values())
        colors = [lab(look) for look in looks]
        nearest = min(deltaE_ciede2000(*pair) for pair in itertools.combinations(colors, 2))
        assert nearest >= 9, cast
        assert max(point[0] for point in colors) < 79, "too pale on white paper"
        for one, other in itertools.combinations(looks, 2):
            assert (one.marker, one.dashes) != (other.marker, other.dashes)


def test_program_codecs_of_one_format_differ_by_color():
    """Five blue ones were told apart by their dashes alone."""
    cast = [(name, name) for name in ("hevc", "bpg", "hm", "x265", "heif-enc")]
    assert len({look.color for look in styles(cast).values()}) == 5
