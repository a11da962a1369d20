"""What times are worth: warm-up at the size of the image, the machine's load, and memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs.request import CodecRequest
from rdbench.experiment import plan
from tests.metrics import programs

from . import warm_codecs
from .conftest import run_into
from .warm_codecs import FIRST_S, HELD_MIB

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is told on Linux")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images of one size and one of another."""
    folder = tmp_path_factory.mktemp("images")
    for name, size in (("a", (120, 90)), ("b", (120, 90)), ("c", (90, 120))):
        pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def measured(images: Path, out: Path, *classes: str, jobs: int = 1, metric: str = "psnr_db"):
    requests = [CodecRequest(f"{warm_codecs.__file__}:{name}", {}) for name in classes]
    experiment = plan("test", datasets=[str(images)], codecs=requests, metrics=[metric])
    outcome = run_into(out, experiment, jobs=jobs)
    assert not outcome.failures
    return outcome.rows


def test_no_isolated_time_pays_for_the_first_call_of_a_size(images, tmp_path):
    rows = measured(images, tmp_path / "run", "Planning")
    assert {row.timing for row in rows} == {"isolated"}
    assert max(row.encode_s for row in rows) < FIRST_S


def test_shared_times_are_warmed_up_with_a_corner_alone(images, tmp_path):
    rows = measured(images, tmp_path / "run", "Planning", jobs=2)
    assert max(row.encode_s for row in rows) > FIRST_S
    assert not any(row.added_rss_mb for row in rows)


@on_linux
def test_memory_within_the_worker_is_what_the_codec_added(images, tmp_path):
    """The worker has some 100 MiB by itself, and what ``holding`` took before it is given back."""
    rows = measured(images, tmp_path / "run", "Holding", "Plain")
    told = {
        name: [
            row.added_rss_mb for row in rows if row.codec == name and row.added_rss_mb is not None
        ]
        for name in ("holding", "plain")
    }
    assert [len(values) for values in told.values()] == [2, 2], "one for each size"
    assert all(HELD_MIB <= value < HELD_MIB + 8 for value in told["holding"])
    assert all(value < 8 for value in told["plain"])
    assert min(row.peak_rss_mb for row in rows) > 40


@on_linux
def test_memory_of_a_codec_of_programs_is_not_that_of_the_worker(images, tmp_path):
    rows = measured(images, tmp_path / "run", "Calling")
    assert all(row.added_rss_mb is None for row in rows)
    assert all(0 < row.program_rss_mb < 8 for row in rows)


@on_linux
def test_programs_of_metrics_are_no_memory_of_a_codec(images, tmp_path):
    """They were counted with the codec's."""
    definition = programs.write(tmp_path / "metric")
    rows = measured(images, tmp_path / "run", "Calling", "Plain", metric=str(definition))
    assert all(row.scores for row in rows)
    assert all((row.program_rss_mb is None) == (row.codec == "plain") for row in rows)
    assert all((row.program_rss_mb or 0) < 8 for row in rows), "the metric's is a Python"


def test_a_row_has_the_load_of_the_machine(images, tmp_path):
    before = os.getloadavg()[0]
    rows = measured(images, tmp_path / "run", "Plain")
    loads = [row.load for row in rows]
    after = os.getloadavg()[0]
    # It decays by at most 8 % in the five seconds from one value to the next (getloadavg(3)).
    assert 0.5 * min(before, after) <= min(loads) <= max(loads) <= max(before, after) + 2
