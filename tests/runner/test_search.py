"""The search for a target, held against curves whose answer is known and against trying it all."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rdbench.codecs.base import Axis
from rdbench.errors import OutOfTimeError, RdbenchError, UnsupportedImageError
from rdbench.goals import Goal, Tolerance
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.runner.search import MOST_TRIES, Search

QUALITY = Axis("quality", (5, 10, 15, 25, 35, 50, 65, 75, 85, 90, 95), 1, 100, integer=True)
RATIO = Axis("ratio", (240, 160, 120, 80, 60, 40, 30, 20, 15, 10, 6), 1, 10000)
UNBOUNDED = Axis("beta", (10, 5, 2, 1))


def goal(axis, record=None, tolerance=None):
    given_ = None if tolerance is None else Tolerance(tolerance, record is None)
    return Goal(record.name if record else "bpp", axis, record, given_)


@pytest.fixture(scope="module")
def jpeg_sizes():
    """Bytes of a photograph by Pillow at each quality."""
    image = Image.fromarray(skimage.data.chelsea())

    def size(quality):
        buffer = io.BytesIO()
        image.save(buffer, "jpeg", quality=quality)
        return len(buffer.getvalue())

    return {float(quality): size(quality) for quality in range(1, 101)}


@pytest.mark.parametrize("target", [0.2, 0.25, 0.5, 0.75, 1.5, 3.0])
def test_whole_numbers_end_at_the_nearest_of_all(jpeg_sizes, target):
    height, width, _ = skimage.data.chelsea().shape
    rates = {quality: 8 * size / (width * height) for quality, size in jpeg_sizes.items()}
    search = Search(goal(QUALITY), target, rates.__getitem__)
    nearest = min(rates, key=lambda quality: abs(math.log(rates[quality] / target)))
    assert search.setting() == nearest
    assert search.tries <= 8
    assert search.reached == {setting: rates[setting] for setting in search.reached}


@given(st.floats(0.01, 20), st.sampled_from([0.3, 1.0, 2.5]), st.sampled_from([0.001, 0.02]))
def test_a_continuous_parameter_comes_within_the_tolerance(target, exponent, tolerance):
    """Of rate = 24 / ratio^exponent, whose ratio is known."""
    exact = (24 / target) ** (1 / exponent)
    search = Search(goal(RATIO, tolerance=tolerance), target, lambda r: 24 / r**exponent)
    if not 1 < exact < 10000:
        end = 1.0 if exact <= 1 else 10000.0
        if abs(24 / end**exponent - target) > tolerance * target:
            with pytest.raises(RdbenchError, match="can give for this image"):
                search.setting()
        return
    found = search.setting()
    assert abs(24 / found**exponent - target) <= tolerance * target
    assert search.tries <= 12
    assert search.remark(24 / found**exponent, search.tries) == ""


def test_the_targets_of_an_image_share_tries():
    """They go the same way to the same settings, whatever was tried before."""
    asked = []

    def rate(ratio):
        asked.append(ratio)
        return 24 / ratio

    first, second = (Search(goal(RATIO), t, rate) for t in (0.5, 0.25))
    first.setting()
    second.setting()
    assert asked[0] == 40
    assert asked.count(40) == 2  # the bench keeps what it reached; the way is the same
    again = Search(goal(RATIO), 0.25, rate)
    assert again.setting() == second.setting()
    assert list(again.reached) == list(second.reached)


def test_a_target_beyond_the_range():
    below = Search(goal(QUALITY), 0.01, lambda q: 0.1 * q)
    with pytest.raises(
        RdbenchError, match=r"bpp 0.01 is less than quality can .* 0.1 at quality 1"
    ):
        below.setting()
    above = Search(goal(QUALITY), 20, lambda q: 0.1 * q)
    with pytest.raises(RdbenchError, match=r"bpp 20 is more than quality can .* 10 at quality 100"):
        above.setting()
    # Less error is more rate: the words are of the metric.
    errors = MetricRecord("error", higher_is_better=False)
    low = Search(goal(QUALITY, errors), 0.5, lambda q: 100 / q)
    with pytest.raises(RdbenchError, match=r"error 0.5 is less than quality can give"):
        low.setting()
    # An end within the tolerance is the nearest, and good.
    assert Search(goal(QUALITY), 0.0995, lambda q: 0.1 * q).setting() == 1


def test_a_metric_of_which_less_is_better():
    errors = MetricRecord("error", higher_is_better=False)
    search = Search(goal(QUALITY, errors), 4, lambda q: 100 / q)
    assert search.setting() == 25


@pytest.mark.parametrize("axis", [QUALITY, RATIO], ids=["whole", "continuous"])
def test_a_parameter_that_is_not_monotone_ends_and_is_said(axis):
    """The rate rises and falls: the best try counts."""
    search = Search(goal(axis), 0.5, lambda s: 0.8 + 0.3 * math.sin(s / 3))
    try:
        found = search.setting()
    except RdbenchError as error:
        told = str(error)
    else:
        told = search.remark(search.reached[found], search.tries)
        assert found == min(search.reached, key=lambda s: abs(math.log(search.reached[s] / 0.5)))
    assert f"bpp is not monotone in {axis.parameter}" in told
    assert search.tries <= MOST_TRIES


def test_a_step_in_the_rate_ends_at_its_nearer_side():
    """No ratio gives anything between 0.4 and 0.6."""
    search = Search(goal(RATIO), 0.55, lambda r: 0.6 if r < 33.3 else 0.4)
    found = search.setting()
    assert search.reached[found] == 0.6
    assert search.tries <= MOST_TRIES
    told = search.remark(0.6, search.tries)
    assert told.startswith("bpp 0.6 for 0.55 (+9.09 %) misses the tolerance: the nearest of")


def test_a_tolerance_of_nothing_ends():
    search = Search(goal(RATIO, tolerance=0.0), 0.3, lambda r: 24 / r**1.01)
    assert abs(24 / search.setting() ** 1.01 - 0.3) < 1e-5
    assert search.tries <= MOST_TRIES
    exact = Search(goal(QUALITY, tolerance=0.0), 5, lambda q: 0.1 * q)
    assert exact.setting() == 50
    assert exact.remark(5.0, exact.tries) == ""


def test_settings_that_fail_cost_their_tries_and_are_said():
    def rate(ratio):
        if 38 < ratio < 45:
            raise ValueError("no such ratio")
        return 24 / ratio

    search = Search(goal(RATIO), 0.5, rate)
    found = search.setting()
    assert abs(24 / found - 0.5) <= 0.01
    told = search.remark(24 / found, search.tries)
    assert told == "the try at ratio 40 failed: ValueError: no such ratio"
    # The target is where it fails: the nearest that works.
    hole = Search(goal(RATIO), 24 / 41, rate)
    found = hole.setting()
    assert found in hole.reached
    assert "misses the tolerance" in hole.remark(hole.reached[found], hole.tries)


def test_where_all_settings_fail_there_is_none():
    def rate(_):
        raise RdbenchError("broken")

    search = Search(goal(QUALITY), 0.5, rate)
    with pytest.raises(RdbenchError, match=r"no setting could be tried .* quality 50: broken"):
        search.setting()
    assert search.tries <= MOST_TRIES


@pytest.mark.parametrize("error", [OutOfTimeError("ended"), UnsupportedImageError("alpha")])
def test_what_would_meet_each_try_ends_the_search(error):
    def rate(_):
        raise error

    search = Search(goal(QUALITY), 0.5, rate)
    with pytest.raises(type(error), match=str(error)):
        search.setting()


def test_fails_beyond_the_ladder_come_nearer_to_it():
    """The codec takes no quality above 97."""

    def rate(quality):
        if quality > 97:
            raise RdbenchError("too fine")
        return 0.1 * quality

    search = Search(goal(QUALITY), 9.7, rate)
    assert search.setting() == 97
    beyond = Search(goal(QUALITY), 9.95, rate)
    with pytest.raises(RdbenchError, match=r"more than quality gave .* failed: too fine"):
        beyond.setting()


@pytest.mark.parametrize("target", [0.001, 50.0])
def test_a_parameter_without_bounds_is_followed_beyond_its_ladder(target):
    search = Search(goal(UNBOUNDED), target, lambda beta: 2 / beta)
    assert abs(2 / search.setting() / target - 1) <= 0.02
    nowhere = Search(goal(UNBOUNDED), target, lambda _: 1.0)
    with pytest.raises(RdbenchError, match=r"than beta gave"):
        nowhere.setting()
    assert nowhere.tries <= MOST_TRIES


def test_an_infinite_score_is_above_any_target():
    """As the PSNR of identical images."""
    psnr = BUILT_IN["psnr_db"]
    search = Search(goal(QUALITY, psnr), 50, lambda q: 0.5 * q if q < 90 else math.inf)
    found = search.setting()
    assert found == 89
    told = search.remark(44.5, search.tries)
    assert told.startswith("psnr_db 44.5 for 50 (-5.5 dB) misses the tolerance")


@given(st.lists(st.floats(0.01, 10), min_size=100, max_size=100), st.floats(0.01, 10))
def test_it_ends_whatever_comes(values, target):
    search = Search(goal(QUALITY), target, lambda q: values[int(q) - 1])
    try:
        found = search.setting()
    except RdbenchError:
        pass
    else:
        assert search.reached[found] == values[int(found) - 1]
    assert search.tries <= MOST_TRIES
    assert all(np.isfinite(setting) and setting == int(setting) for setting in search.reached)


def test_tolerances_that_hold_without_one_asked_for():
    assert goal(QUALITY).allowed(0.25) == pytest.approx(0.005)
    assert goal(QUALITY, BUILT_IN["psnr_db"]).allowed(36) == 0.1
    assert goal(QUALITY, BUILT_IN["ms_ssim"]).allowed(0.98) == pytest.approx(0.0004)
    assert goal(QUALITY, BUILT_IN["mse"]).allowed(40) == pytest.approx(0.2)
    assert goal(QUALITY, MetricRecord("points")).allowed(80) == pytest.approx(0.4)
