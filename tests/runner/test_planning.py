"""The order of work, and what a dry run tells."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import re

import numpy as np
import pytest
from PIL import Image

import rdbench
from rdbench.cli.run import forecast_text
from rdbench.codecs.request import parse_codec
from rdbench.experiment import plan
from rdbench.measurements import Measurements
from rdbench.runner.costs import LONG, Costs, earlier, in_order
from rdbench.runner.jobs import Queue
from rdbench.runner.order import Order
from rdbench.runner.planning import many_networks, ordered
from rdbench.runner.rows import Job
from rdbench.schema import Measurement, options_text

SIZES = {"a": (20, 10), "b": (100, 50), "c": (40, 25)}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name, (width, height) in SIZES.items():
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(folder / f"{name}.png")
    return folder


def asked(images, *codecs):
    requests = [parse_codec(text) for text in codecs]
    return plan("", datasets=[str(images)], codecs=requests, metrics=["psnr_db"])


def took(plan, point, seconds, **changes):
    """A row of some codec for an image of 1000 px."""
    row = Measurement(
        dataset="images",
        image="c",
        width=40,
        height=25,
        codec=plan.name,
        options=options_text(dict(plan.options)),
        point=point,
        task_s=seconds,
    )
    return dataclasses.replace(row, **changes)


def test_rows_are_in_the_order_of_their_tasks(photos):
    codecs = ("jpeg:points=30/60", "jpeg:chroma=444,points=30", "png", "webp:points=10/20/30")
    requests = [parse_codec(text) for text in codecs]
    experiment = plan("", datasets=[str(photos)], codecs=requests, repeat=2)
    expected = {task.key: task.index for task in experiment.tasks()}
    order = Order(experiment)
    assert dict(order) == expected
    assert len(order) == len(expected) == 3 * (2 + 1 + 1 + 3) * 2
    for key in expected:
        assert order.get((*key[:-1], 2)) is None
        assert order.get((key[0], "other", *key[2:])) is None
        assert order.get((*key[:4], 1.5, 0)) is None


def test_what_tasks_take_is_what_earlier_ones_took_by_megapixel(images):
    experiment = asked(images, "jpeg:points=20/50/90", "webp:points=50")
    jpeg, _ = experiment.codecs
    rows = [
        took(jpeg, 20, 3.0),
        took(jpeg, 20, 1.0, image="d"),
        took(jpeg, 20, 2.0, image="e"),
        took(jpeg, 90, None, encode_s=3.0, decode_s=4.0),  # of before there was task_s
        took(jpeg, 50, 900.0, status="timeout"),
        took(jpeg, 50, None),
    ]
    costs = Costs([Measurements.of(rows)])
    assert costs.rows == 4
    found = {
        (task.codec.name, task.image.name, task.point): costs.of(task)
        for task in experiment.tasks()
    }
    assert found["jpeg", "c", 20] == pytest.approx(2.0)  # the median
    assert found["jpeg", "b", 20] == pytest.approx(10.0)  # of five times the pixels
    assert found["jpeg", "a", 90] == pytest.approx(1.4)
    assert found["jpeg", "c", 50] == pytest.approx(2.0)  # as the nearest point
    assert found["webp", "c", 50] is None


def test_runs_of_which_times_are_medians_do_not_count_as_one(images):
    (jpeg,) = asked(images, "jpeg:points=50").codecs
    rows = [took(jpeg, 50, 60.0, encode_s=0.5, decode_s=0.5, encode_runs=30)]
    (task,) = [t for t in asked(images, "jpeg:points=50").tasks() if t.image.name == "c"]
    assert Costs([Measurements.of(rows)]).of(task) == pytest.approx(1.0)


def test_times_to_publish_take_as_many_runs_as_they_need(images):
    """As many as earlier ones of the kind have taken, or else the fewest."""
    jpeg, webp, avif = asked(images, "jpeg", "webp", "avif").codecs
    rows = [
        took(jpeg, 50, 1.5, encode_s=0.5, decode_s=0.25),
        took(webp, 50, 30.0, encode_s=0.5, decode_s=0.5, encode_runs=25, decode_runs=25),
        took(avif, 50, 100.0, encode_s=90.0, decode_s=20.0),
    ]
    costs = Costs([Measurements.of(rows)], timing=True)
    tasks = asked(images, *(f"{name}:points=50" for name in ("jpeg", "webp", "avif"))).tasks()
    found = {task.codec.name: costs.of(task) for task in tasks if task.image.name == "c"}
    assert found["jpeg"] == pytest.approx(6 * 0.75)
    assert found["webp"] == pytest.approx(30.0)
    assert found["avif"] == pytest.approx(90.0 + 60.0)  # one run, and runs for a minute


def makespan(seconds, workers):
    """When the last of so many workers is done, each of which takes the next task."""
    free = [0.0] * workers
    for one in seconds:
        heapq.heappush(free, heapq.heappop(free) + one)
    return max(free)


def test_the_longest_come_first_where_several_share_the_work():
    rng = np.random.default_rng(4)
    seconds = [*rng.uniform(0.1, 0.2, 200).tolist(), 30.0, 9.0, 20.0]
    task = object()
    order, long = in_order([(task, one) for one in seconds], 4)
    assert sorted(order) == list(range(203))
    assert order[:3] == [200, 202, 201]
    assert {200, 201, 202} == long
    # Graham's bound for this order, and far better than as it was.
    ideal = max(max(seconds), sum(seconds) / 4)
    assert makespan([seconds[place] for place in order], 4) <= (4 / 3 - 1 / 12) * ideal
    assert makespan(seconds, 4) > 1.2 * makespan([seconds[place] for place in order], 4)
    # The short ones stay as they were.
    assert order[3:] == list(range(200))
    assert all(seconds[place] > LONG * sum(seconds) / 4 for place in long)


@pytest.mark.parametrize(("workers", "known"), [(1, 5.0), (4, None)])
def test_one_worker_or_no_knowledge_change_nothing(workers, known):
    last = None if known is None else 99 * known
    order, long = in_order([(object(), seconds) for seconds in (known, None, last)], workers)
    assert order == [0, 1, 2]
    assert not long


def taken_by(jobs, workers):
    """The jobs that each of so many workers takes, in turns."""
    queue, groups = Queue(jobs), [None] * workers
    found = [[] for _ in range(workers)]
    while len(queue):
        for worker in range(workers):
            if job := queue.take(groups[worker]):
                groups[worker] = job.group
                found[worker].append(job)
    return found


def test_long_tasks_go_to_whoever_is_free_and_short_ones_by_image(images):
    experiment = asked(images, "jpeg:points=20/50", "webp:points=50")
    jpeg, webp = experiment.codecs
    rows = [took(jpeg, 20, 0.001), took(jpeg, 50, 0.001), took(webp, 50, 5.0)]
    jobs = [Job(task, ("psnr_db",)) for task in experiment.tasks()]
    costs = Costs([Measurements.of(rows)])
    order = ordered(jobs, costs, 2, frozenset())
    assert {job.task.index for job in order} == {job.task.index for job in jobs}
    assert [(job.task.codec.name, job.task.image.name) for job in order[:3]] == [
        ("webp", "b"),
        ("webp", "c"),
        ("webp", "a"),
    ]
    one, two = taken_by(order, 2)
    assert [job.task.codec.name for job in (*one[:1], *two[:1])] == ["webp", "webp"]
    for jobs in (one, two):  # an image at a time
        short = [job.group for job in jobs if job.task.codec.name == "jpeg"]
        assert len([*itertools.groupby(short)]) == len(set(short))


def test_points_of_networks_are_kept_together_where_there_are_many(images):
    few = asked(images, "dumas2018-case2:points=4/2", "jpeg:points=50")
    assert not many_networks(few.codecs)
    betas = "/".join(str(2 + place / 8) for place in range(70))
    many = asked(images, f"dumas2018-case2:points={betas}", "jpeg:points=50")
    apart = many_networks(many.codecs)
    assert apart == {many.codecs[0].label}
    jobs = [Job(task, ("psnr_db",)) for task in many.tasks()]
    order = ordered(jobs, Costs(), 2, apart)
    (one,) = taken_by(order, 1)
    points = [job.task.point for job in one if job.task.codec.label in apart]
    changes = sum(here != there for here, there in itertools.pairwise(points))
    assert changes == 69


def test_earlier_rows_are_those_of_the_run_and_of_runs_beside_it(tmp_path, images):
    for name in ("one", "two"):
        rdbench.run(
            codecs="jpeg:points=50",
            datasets=str(images),
            metrics="psnr_db",
            out=tmp_path / name,
            jobs=1,
        )
    (tmp_path / "two/measurements.csv").write_bytes(b"\xff nothing")
    assert [len(table) for table in earlier(tmp_path / "three")] == [3]
    assert [len(table) for table in earlier(tmp_path / "one")] == [3]
    assert not earlier(tmp_path / "other" / "three")


def snapshot(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_dry_run_tells_all_and_leaves_everything(tmp_path, images):
    settings = {"datasets": str(images), "metrics": "psnr_db", "jobs": 1}
    cache = tmp_path / "cache"
    rdbench.run(codecs="jpeg:points=20/50", out=tmp_path / "first", cache=cache, **settings)
    rdbench.run(codecs="jpeg:points=20", out=tmp_path / "run", **settings)
    before = snapshot(tmp_path / "run")
    again = {
        **settings,
        "codecs": ["jpeg:points=20/50/90", "webp:points=50"],
        "cache": cache,
        "dry_run": True,
        "jobs": 3,
    }
    outcome = rdbench.run(out=tmp_path / "run", **again)
    assert snapshot(tmp_path / "run") == before
    assert (outcome.measured, outcome.rows) == (0, [])
    jpeg, webp = outcome.forecast.curves
    assert (jpeg.there, jpeg.reused, jpeg.measured, jpeg.unknown) == (3, 3, 3, 0)
    assert (webp.there, webp.reused, webp.measured, webp.unknown) == (0, 0, 3, 3)
    assert 0 < outcome.forecast.seconds == pytest.approx(jpeg.seconds / 3)
    text = forecast_text(outcome.forecast)
    assert re.search(r"^jpeg 4:2:0 +3 +0 +3 +3 +[\d.]+ s$", text, re.MULTILINE)
    assert re.search(r"^all +3 +0 +3 +6 +[\d.]+ s$", text, re.MULTILINE)
    assert "with 3 workers, judged by 9 earlier rows" in text
    assert "no earlier times of webp: 3 rows are not included" in text
    timed = rdbench.run(out=tmp_path / "run", **{**again, "jobs": None, "timing": True})
    assert timed.forecast.total("measured") == 12
    assert timed.forecast.seconds > 3 * jpeg.seconds
    # Into a folder that is not there, and afresh: all of it, and nothing is made or forgotten.
    outcome = rdbench.run(out=tmp_path / "new", **{**again, "cache": None})
    assert outcome.forecast.total("measured") == 12
    assert not (tmp_path / "new").exists()
    outcome = rdbench.run(out=tmp_path / "run", fresh=True, **{**again, "cache": None})
    assert outcome.forecast.total("measured") == 12
    assert snapshot(tmp_path / "run") == before
