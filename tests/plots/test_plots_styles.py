"""Looks of curves: by who they are, distinct, and readable without color."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from rdbench.codecs import registry
from rdbench.plots.palette import KNOWN, MARKERS, OTHERS, SAME
from rdbench.plots.styles import UNLIKE, Member, Style, styles

# Machado, Oliveira, Fernandes 2009, doi 10.1109/TVCG.2009.113, table 1, severity 1: linear sRGB.
PROTANOPE = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTERANOPE = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)


def look(codec, *others):
    """The look of a codec's one curve, in a figure with ``others`` before it."""
    return styles([*others, Member(codec, codec)])[Member(codec, codec)]


def seen(color, eye=None):
    """CIE L*a*b* of a hex code, as seen with cones of all kinds or of two."""
    rgb = np.array(list(bytes.fromhex(color[1:]))) / 255
    if eye is None:
        return rgb2lab(rgb)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(eye) @ linear, 0, 1)
    return rgb2lab(
        np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    )


def apart(one, other, eye=None):
    return float(deltaE_ciede2000(seen(one, eye), seen(other, eye)))


def test_a_known_codec_looks_the_same_whatever_else_is_drawn_and_left_out():
    rng = random.Random(3)
    everybody = [*KNOWN, *(f"codec{number}" for number in range(20))]
    alone = {codec: look(codec) for codec in KNOWN}
    for _ in range(30):
        codecs = [rng.choice(everybody) for _ in range(rng.randint(2, 16))]
        cast = [
            Member(codec, f"curve {number}", rng.random() < 0.3)
            for number, codec in enumerate(codecs)
        ]
        found = styles(cast)
        for published in (False, True):
            firsts = {key.codec: key for key in reversed(cast) if key.published == published}
            for codec, key in firsts.items():
                if codec in KNOWN:
                    assert found[key] == Style(*KNOWN[codec], published)
                    assert found[key].color == alone[codec].color


def test_curves_that_are_added_leave_the_others_as_they_are():
    cast = [
        Member("webp", "webp"),
        Member("webp", "webp method=6"),
        Member("hm", "HM"),
        Member("hm", "HM (published)", published=True),
        Member("mine", "mine"),
    ]
    before = styles(cast)
    more = [
        Member(name, name) for name in ("jpeg", "cwebp", "vtm", "bpg", "dumas2018-case2", "webp2")
    ]
    after = styles([*cast, *more, Member("webp", "webp method=4")])
    assert {key: after[key] for key in cast} == before
    assert {key: styles([*more, *cast])[key] for key in cast} == before


def test_known_codecs_are_told_apart_by_color_and_those_of_one_marker_by_all_eyes_and_in_gray():
    for (a, (one, marker)), (b, (other, second)) in itertools.combinations(KNOWN.items(), 2):
        assert apart(one, other) >= UNLIKE, (a, b)
        if marker == second:
            assert abs(seen(one)[0] - seen(other)[0]) >= 12, (a, b)
            assert min(apart(one, other, eye) for eye in (PROTANOPE, DEUTERANOPE)) >= UNLIKE, (a, b)
    assert max(seen(color)[0] for color, _ in KNOWN.values()) < 79, "too pale on white paper"


def test_codecs_of_a_usual_figure_have_markers_of_their_own():
    own = ("jpeg", "jpeg2000", "webp", "avif", "hevc", "jpegxl", "png", "lee2019")
    cases = ("dumas2018-case1", "dumas2018-case2", "dumas2018-case3", "openjpeg", "hm")
    for names in (own, cases):
        assert len({KNOWN[name][1] for name in names}) == len(names)


def test_every_codec_that_comes_along_has_a_look_and_others_have_colors_that_none_of_these_has():
    assert {SAME.get(name, name) for name in registry.entries()} <= {*KNOWN}
    assert {*SAME.values()} <= {*KNOWN}
    for color in OTHERS:
        assert min(apart(color, other) for other, _ in KNOWN.values()) >= UNLIKE
    for one, other in itertools.combinations(OTHERS, 2):
        assert apart(one, other) >= UNLIKE


def test_an_unknown_codec_keeps_its_look_and_steps_aside_only_for_the_same():
    alone = look("mine")
    assert look("mine", *(Member(name, name) for name in KNOWN)) == alone
    many = [Member(f"codec{number}", "x") for number in range(40)]
    looks = styles(many)
    assert len({(look.color, look.marker) for look in looks.values()}) == 40
    assert styles(list(reversed(many))) == looks


def test_the_look_of_an_unknown_codec_does_not_depend_on_the_process():
    code = (
        "from rdbench.plots.styles import Member, styles\n"
        "print(styles([Member('mine', 'mine')])[Member('mine', 'mine')])"
    )
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
    assert looks == {f"{look('mine')}\n"}


def test_curves_of_one_codec_are_shades_of_its_color_with_markers_of_their_own():
    for codec in ("jpeg", "hevc", "jpegxl", "webp", "avif", "mine"):
        cast = [Member(codec, f"{codec} {number}") for number in range(4)]
        looks = list(styles(cast).values())
        assert looks[0] == look(codec)
        points = np.array([seen(one.color) for one in looks])
        assert np.diff(np.sort(points[:, 0])).min() > 2, codec
        hues = np.degrees(np.arctan2(points[:, 2], points[:, 1]))
        assert codec == "jpeg" or np.abs((hues - hues[0] + 180) % 360 - 180).max() < 30, codec
        assert len({one.marker for one in looks}) == 4


def test_what_was_published_has_the_color_of_what_was_measured_and_another_line():
    measured, published = styles(
        [Member("hm", "HM"), Member("hm", "HM (published)", True)]
    ).values()
    assert (measured.color, measured.marker) == (published.color, published.marker)
    assert measured.dashes != published.dashes
    assert measured.marks(5)["markerfacecolor"] == measured.color
    assert published.marks(5)["markerfacecolor"] == "none"
    # A hollow marker shows around a filled one at the same place.
    assert published.marks(5)["markersize"] > measured.marks(5)["markersize"] + 1


@pytest.mark.parametrize("count", [2, 6, 14, 30])
def test_no_two_curves_of_a_figure_look_alike(count):
    """Codecs and variants as they come: of the shipped ones, of others, several of one."""
    rng = random.Random(count)
    names = [*KNOWN, *(f"codec{number}" for number in range(20))]
    for _ in range(20):
        cast = [Member(rng.choice(names), f"curve {number}") for number in range(count)]
        for one, other in itertools.combinations(styles(cast).values(), 2):
            assert one.marker != other.marker or apart(one.color, other.color) >= UNLIKE, cast
    assert {marker for _, marker in KNOWN.values()} <= {*MARKERS}
