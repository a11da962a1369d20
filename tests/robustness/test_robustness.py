"""The short form of the commands in this folder, with seeds of their own."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from rdbench.runner.cluster import distributed

from .chaos import GOES_ON
from .chaos import run as run_chaos
from .kills import run as run_kills
from .streams import CODECS, Batch, Bench, Found, coder, coders, mutated
from .streams import run as run_streams


@pytest.mark.slow
def test_a_few_hundred_streams():
    pytest.importorskip("torch", reason="the networks need torch")
    found, done = run_streams(300, seed=1_000_000, seconds=200, jobs=2)
    total = sum((one.ends for one in found.values()), start=Found().ends)
    assert [fault for one in found.values() for fault in one.faults] == []
    assert done >= 100
    assert total["refused"] > 0
    assert total["decoded"] > 0


@pytest.mark.slow
def test_a_few_kills(tmp_path):
    found = run_kills(4, seed=1, seconds=150, folder=tmp_path)
    assert found.faults == []
    assert found.kills.total() >= 1


@pytest.mark.slow
def test_a_little_chaos(tmp_path):
    pytest.importorskip(
        "distributed", reason="there is no Dask: pip install 'rdbench[distributed]'"
    )
    found = run_chaos(15, seed=1, folder=tmp_path)
    assert found.faults == []
    assert found.kills.total() >= 3
    assert found.finished >= 1


def test_chaos_knows_what_a_run_says_without_its_cluster():
    """Otherwise only a scheduler that is killed during a run shows that it does not."""
    source = Path(distributed.__file__).read_text()
    assert [text for text in GOES_ON if text not in source] == []


@pytest.mark.parametrize(("name", "seeds"), [("avif", (10, 11)), ("hevc", (33, 40, 232))])
def test_what_was_found_is_found_no_more(name, seeds):
    """Pillow raised a RuntimeError where libavif cannot decode color planes, pillow-heif an
    IndexError for a file without a picture, and made larger pictures than the file declares."""
    bench = Bench(None, lambda doing: None)
    assert bench.answer(Batch(name, seeds)).faults == []


def test_a_stream_is_the_same_again_and_another_by_another_seed():
    assert set(CODECS) < set(coders())
    _, streams = coder("png")
    made = [mutated(Random(f"png {seed}"), streams[0]) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
