"""Codecs as people ask for them: ranges of points and options, and forms that do not work."""

from __future__ import annotations

import re

import pytest

from rdbench.codecs.request import CodecRequest, parse_codec, spread, values, with_points
from rdbench.errors import UsageError
from rdbench.experiment import plan_codec, read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10..90:10", [10, 20, 30, 40, 50, 60, 70, 80, 90]),
        ("10..95:40", [10, 50, 90]),
        ("2..5", [2, 3, 4, 5]),
        ("5..3", [5, 4, 3]),
        ("90..10:40", [90, 50, 10]),
        ("0.1..0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("-2..2:2", [-2, 0, 2]),
        ("1e-3..3e-3:1e-3", [0.001, 0.002, 0.003]),
        ("7..7", [7]),
        ("1e-05", [1e-05]),
        ("-5", [-5]),
    ],
)
def test_ranges_and_steps_are_values(text, expected):
    assert list(map(float, values(text, "x"))) == expected


def test_ranges_are_points_on_the_command_line_and_in_files(tmp_path):
    request = parse_codec("jpeg:chroma=444,points=10..90:40/95")
    assert plan_codec(request).points == (10, 50, 90, 95)
    file = tmp_path / "experiment.toml"
    file.write_text(
        'datasets = ["photos"]\n[[codecs]]\ncodec = "jpeg"\npoints = ["10..30:10", 90]\n'
        '[[codecs]]\ncodec = "webp"\noptions = { method = "4..6" }\n'
    )
    plans = read(file).codecs
    assert plans[0].points == (10, 20, 30, 90)
    assert [dict(plan.options)["method"] for plan in plans[1:]] == [4, 5, 6]
    assert len({plan.label for plan in plans}) == 4


def test_a_range_of_an_option_is_a_curve_by_each_value():
    found = list(spread(parse_codec("avif:speed=2..8:3,points=50,label=mine")))
    assert [(one.options, one.points, one.label) for one in found] == [
        ({"speed": "2"}, ("50",), "mine speed=2"),
        ({"speed": "5"}, ("50",), "mine speed=5"),
        ({"speed": "8"}, ("50",), "mine speed=8"),
    ]
    path = CodecRequest("jpegxl", {"nothing": "1..3"})  # an unknown option is told by the plan
    assert list(spread(path)) == [path]


def test_a_path_is_no_range():
    request = CodecRequest("dumas2018-case2", {"checkpoints": "1..3"})
    assert list(spread(request)) == [request]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "jpeg:points=10,50",
            "'50' is not of the form option=value; points are written as points=10/50",
        ),
        ("jpeg:points=10,50,90", "points are written as points=10/50"),
        ("jpeg:50", "points are written as points=50"),
        ("jpeg:quality=50", "codec 'jpeg': its quality is what its points are; write points=50"),
        ("hevc:qp=30", "codec 'hevc': its qp is what its points are; write points=30"),
        ("jpeg:points=10-90", "quality '10-90': a range is written with its step, as 10..90:10"),
        ("jpeg:points=10:90", "as 10..90:10"),
        ("jpeg:points=10...90", "as 10..90:10"),
        ("jpeg:points=10 50", "quality '10 50': several are separated by '/', as 10/50"),
        ("jpeg:points=10;50", "as 10/50"),
        ("jpeg:points=1.5..3", "'1.5..3' lacks a step above 0, as 1.5..3:STEP"),
        ("jpeg:points=10..90:0", "lacks a step above 0, as 10..90:STEP"),
        ("jpeg:points=1..9999", "has 9999 values, of which 1000 are allowed"),
        ("jpeg:points=50..150:50", "quality 150 is not within 1 to 100"),
    ],
)
def test_a_form_that_does_not_work_is_answered_with_one_that_does(text, message):
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        plan_codec(parse_codec(text))
    if form := re.search(r"(?:points=|as )([\d./:]+)$", str(error.value)):
        assert plan_codec(parse_codec(f"{text.partition(':')[0]}:points={form[1]}")).points


@pytest.mark.parametrize("points", [["10,50"], ["10", "50", "90"]])
def test_points_on_the_scale_of_one_codec_only_are_refused_with_both(points):
    requests = [parse_codec("jpeg"), parse_codec("hevc")]
    if len(points) == 1:
        with pytest.raises(UsageError, match="several are separated by '/', as 10/50"):
            plan_codec(with_points(requests, points)[0])
        return
    message = (
        "codec 'hevc': qp 90 is not within 0 to 51; quality of 'jpeg' is 1 to 100 and qp of 'hevc' "
        "is 0 to 51: `points` are for codecs of one scale, name those of each with it, as "
        "NAME:points=A/B"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        with_points(requests, points)
    own = [parse_codec("jpeg"), parse_codec("hevc:points=20/30")]
    assert [one.points for one in with_points(own, points)] == [("10", "50", "90"), ("20", "30")]
    fitting = with_points(requests, ["10..50:20"])
    assert [plan_codec(one).points for one in fitting] == [(10, 30, 50), (50, 30, 10)]
