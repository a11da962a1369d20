"""Looks of curves: fixed, distinct, and readable without color."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

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


def test_curves_of_one_codec_share_its_color_and_nothing_else():
    looks = list(styles([("jpeg", f"jpeg {number}") for number in range(6)]).values())
    assert {look.color for look in looks} == {KNOWN["jpeg"].color}
    assert len({(look.marker, look.hollow) for look in looks}) == 6
    assert len({look.dashes for look in looks[:5]}) == 5
