"""A run on Dask beside what else a run has: a dry run, a cache, and the process that it is in."""

from __future__ import annotations

import os

import pytest

import rdbench
from rdbench.errors import UsageError

from .conftest import CODECS, experiment
from .dask_cluster import Cluster
from .test_runner_distributed import in_background, measured, rows_there

pytest.importorskip("dask", reason="there is no Dask: pip install 'rdbench[distributed]'")
pytestmark = [
    pytest.mark.filterwarnings("default"),  # of Dask's threads and sockets at its end
    pytest.mark.timeout(600),  # processes of Dask take long to start on a busy machine
]


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path / "cluster") as found:
        found.scheduler()
        yield found


def test_a_dry_run_counts_the_workers_of_the_cluster(photos, tmp_path, cluster):
    cluster.worker("many", threads=7)
    cluster.wait_for(1)
    request = {"codecs": "jpeg:points=30/60/90", "datasets": str(photos), "metrics": "psnr_db"}
    outcome = rdbench.run(out=tmp_path / "run", scheduler=cluster.address, dry_run=True, **request)
    assert outcome.forecast.workers == 7
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="the cluster sets the number of workers"):
        rdbench.run(scheduler=cluster.address, jobs=2, dry_run=True, **request)


def test_a_dry_run_finds_that_there_is_no_scheduler(photos, tmp_path):
    with pytest.raises(UsageError, match="there is no Dask scheduler at"):
        rdbench.run(
            codecs="jpeg",
            datasets=str(photos),
            out=tmp_path / "run",
            scheduler="tcp://127.0.0.1:1",
            dry_run=True,
        )


def test_a_local_cluster_takes_rows_from_a_cache_and_leaves_the_environment(photos, tmp_path):
    """Dask sets variables of its workers in this process, which rows may depend on."""
    request = {
        "codecs": "jpeg:points=30/60",
        "datasets": str(photos),
        "metrics": "psnr_db",
        "cache": tmp_path / "cache",
        "jobs": 1,
    }
    assert rdbench.run(out=tmp_path / "here", **request).measured == 6
    before = dict(os.environ)
    more = {**request, "codecs": "jpeg:points=30/60/90"}
    outcome = rdbench.run(out=tmp_path / "there", scheduler="local", **more)
    assert dict(os.environ) == before
    assert (outcome.reused, outcome.measured) == (6, 3)
    # What was measured by Dask is not there for others.
    again = rdbench.run(out=tmp_path / "again", **more)
    assert (again.reused, again.measured) == (6, 3)


def test_what_surrounds_a_worker_of_dask_does_not_reach_the_cache(photos, tmp_path, cluster):
    """A worker on this machine that was started with another environment."""
    cluster.worker("other", DASK_CODEC_PADDING="32")
    request = {
        "codecs": f"{CODECS.with_name('dask_codecs.py')}:Surrounded",
        "datasets": str(photos),
        "metrics": "psnr_db",
        "cache": tmp_path / "cache",
    }
    there = rdbench.run(out=tmp_path / "there", scheduler=cluster.address, **request)
    here = rdbench.run(out=tmp_path / "here", jobs=1, **request)
    assert (here.reused, here.measured) == (0, 12)
    assert not there.failures
    assert not here.failures
    sizes = [(a.size_bytes, b.size_bytes) for a, b in zip(here.rows, there.rows, strict=True)]
    assert {other - one for one, other in sizes} == {32}


def forgets():
    from rdbench.runner.cluster import station

    station._stations.clear()


def test_a_worker_that_has_forgotten_the_run_is_told_of_it_again(photos, tmp_path, cluster):
    """As one that was idle for long, or that was started anew at the same address."""
    from distributed import Client

    cluster.worker("one")
    codecs = experiment(photos, "Step", slow=0.3)
    result = in_background(lambda: measured(cluster.address, tmp_path / "run", codecs))
    rows_there(tmp_path / "run", 3)
    with Client(cluster.address, set_as_default=False) as client:
        client.run(forgets)
    outcome = result()
    assert [row.message for row in outcome.failures] == []
    assert len(outcome.rows) == 12
