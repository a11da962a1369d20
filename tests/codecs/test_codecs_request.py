"""Codecs as people ask for them: ranges of points and options, and forms that do not work."""

from __future__ import annotations

import re

import pytest

from rdbench.codecs.request import CodecRequest, parse_codec, spread, values, with_points
from rdbench.errors import UsageError
from rdbench.experiment import CodecForm, codec_request, plan_codec, read


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


@pytest.mark.parametrize(
    ("codec", "option", "value", "found"),
    [
        ("avif", "speed", "2/4/8", ["2", "4", "8"]),
        ("avif", "speed", "0/4..8:2", ["0", "4", "6", "8"]),
        ("avif", "speed", [2, 4], [2, 4]),  # as a file has it
        ("avif", "chroma", "420/444", ["420", "444"]),
        ("hevc", "preset", "fast/medium/slow", ["fast", "medium", "slow"]),
        ("jpeg", "progressive", "yes/no", ["yes", "no"]),
    ],
)
def test_a_list_of_an_option_is_a_curve_by_each_value(codec, option, value, found):
    spreads = spread(CodecRequest(codec, {option: value}))
    assert [one.options[option] for one in spreads] == found


def test_lists_of_two_options_are_all_their_pairs():
    found = spread(parse_codec("avif:speed=6/8,chroma=420/444"))
    pairs = [(one.options["speed"], one.options["chroma"]) for one in found]
    assert pairs == [("6", "420"), ("6", "444"), ("8", "420"), ("8", "444")]


@pytest.mark.parametrize(
    ("codec", "option", "value"),
    [
        ("jpeg2000", "transform", "5/3"),  # a choice
        ("hevc", "preset", "fast/fastest"),  # refused by the plan, as it stands
        ("dumas2018-case2", "checkpoints", "a/folder"),
        ("dumas2018-case2", "checkpoints", "1..3"),
    ],
)
def test_a_path_and_a_choice_are_no_lists(codec, option, value):
    request = CodecRequest(codec, {option: value})
    assert list(spread(request)) == [request]


def test_paths_of_a_list_in_a_file_are_relative_to_it(tmp_path):
    form = CodecForm("dumas2018-case2", {"checkpoints": ["one", "other"]})
    request = codec_request(form, tmp_path)
    found = [one.options["checkpoints"] for one in spread(request)]
    assert found == [str(tmp_path / "one"), str(tmp_path / "other")]


def test_mistakes_in_lists_are_told():
    with pytest.raises(UsageError, match="the list has no values"):
        list(spread(CodecRequest("avif", {"speed": []})))
    with pytest.raises(UsageError, match="option 'speed': 'x' is not of type int"):
        [plan_codec(one) for one in spread(parse_codec("avif:speed=2/x"))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "jpeg:points=10,50",
            "'50' is not of the form option=value; write points as points=10/50",
        ),
        ("jpeg:points=10,50,90", "write points as points=10/50"),
        ("jpeg:50", "write points as points=50"),
        ("jpeg:quality=50", "codec 'jpeg': points are values of its quality; write points=50"),
        ("hevc:qp=30", "codec 'hevc': points are values of its qp; write points=30"),
        (
            "jpeg:points=10-90",
            "quality '10-90': write the step of a range after it, as in 10..90:10",
        ),
        ("jpeg:points=10:90", "as in 10..90:10"),
        ("jpeg:points=10...90", "as in 10..90:10"),
        ("jpeg:points=10 50", "quality '10 50': separate several values by '/', as in 10/50"),
        ("jpeg:points=10;50", "as in 10/50"),
        ("jpeg:points=1.5..3", "'1.5..3' needs a step above 0, as in 1.5..3:STEP"),
        ("jpeg:points=10..90:0", "needs a step above 0, as in 10..90:STEP"),
        ("jpeg:points=1..9999", "has 9999 values, but only 1000 are allowed"),
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
        with pytest.raises(UsageError, match="separate several values by '/', as in 10/50"):
            plan_codec(with_points(requests, points)[0])
        return
    message = (
        "codec 'hevc': qp 90 is not within 0 to 51; quality of 'jpeg' is 1 to 100 and qp of 'hevc' "
        "is 0 to 51: `points` needs codecs of one scale; give each its own, as in "
        "NAME:points=A/B"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        with_points(requests, points)
    own = [parse_codec("jpeg"), parse_codec("hevc:points=20/30")]
    assert [one.points for one in with_points(own, points)] == [("10", "50", "90"), ("20", "30")]
    fitting = with_points(requests, ["10..50:20"])
    assert [plan_codec(one).points for one in fitting] == [(10, 30, 50), (50, 30, 10)]
