"""How many workers there are, and when: none before there is work, and no more than there is."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

import rdbench
from rdbench.errors import RdbenchError, UsageError
from rdbench.runner import Limits, LocalPool
from rdbench.runner import pool as pools
from rdbench.runner.rows import Job, Settings
from tests.processes import wait_for

from .conftest import experiment


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """The names of the workers that are started in a test."""
    names: list[str] = []

    class Noted(pools._Worker):
        def __init__(self, janitor, name, user):
            names.append(name)
            super().__init__(janitor, name, user)

    monkeypatch.setattr(pools, "_Worker", Noted)
    return names


def test_no_more_workers_than_there_are_tasks(photos, started):
    plan = experiment(photos, "Step")
    jobs = [Job(task, ("psnr_db",)) for task in plan.tasks()]
    settings = Settings(plan.metrics, shared=True)
    with LocalPool(Limits(64)) as pool:
        assert started == []
        assert len(list(pool.run(jobs[:2], settings))) == 2
        assert len(started) == 2
        assert len(list(pool.run(jobs[:1], settings))) == 1
        assert len(started) == 2
        assert len(list(pool.run(jobs[:3], settings))) == 3
        assert len(started) == 3
        assert list(pool.run([], settings)) == []


@pytest.mark.parametrize(
    "mistake",
    [
        {"codecs": "jpge"},
        {"datasets": "nowhere"},
        {"metrics": "pnsr"},
        {"points": "1000"},
        {"repeat": 0},
        {"repeat": 10**6},
        {"timeout_s": float("inf")},
        {"jobs": 10**6},
        {"memory_mb": 10**18},
    ],
    ids=lambda mistake: " ".join(f"{key}={value}" for key, value in mistake.items()),
)
def test_nothing_is_started_before_a_request_is_checked(photos, tmp_path, started, mistake):
    before = children()
    request = {"codecs": "jpeg", "datasets": str(photos), "out": tmp_path / "out", **mistake}
    with pytest.raises(UsageError):
        rdbench.run(**request)
    assert started == []
    assert children() == before
    assert not (tmp_path / "out").exists()


def test_a_pool_that_another_thread_closes_ends_the_work_with_its_reason(photos):
    """As where a worker of Dask is told to stop a run that is under way there."""
    plan = experiment(photos, "Hangs")
    jobs = [Job(task, ()) for task in plan.tasks() if task.image.name == "b" and task.point == 16]
    for _ in range(3):
        pool, ends = LocalPool(Limits(1)), []

        def work(pool=pool, ends=ends):
            try:
                list(pool.run(jobs, Settings((), shared=False)))
            except BaseException as error:
                ends.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        wait_for(lambda pool=pool: pool._workers and pool._workers[0].jobs, "it does not begin")
        pool.close()
        thread.join(60)
        (told,) = ends
        assert isinstance(told, RdbenchError), repr(told)
        assert "the pool was closed" in str(told)


def test_ending_a_worker_twice_is_ending_it(photos):
    """An interrupt may come while workers are ended: whoever cleans up behind does it again."""
    plan = experiment(photos, "Step")
    settings = Settings(plan.metrics, shared=True)
    pool = LocalPool(Limits(1))
    with contextlib.closing(pool):
        jobs = [Job(task, ("psnr_db",)) for task in plan.tasks()]
        next(iter(pool.run(jobs, settings)))
        (worker,) = pool._workers
        first = worker.end()
        assert worker.end() == first
        pool.close()
    pool.close()


@pytest.mark.parametrize("at", ["wait", "close", "sweep"])
def test_an_interrupt_while_workers_end_leaves_none(photos, monkeypatch, at):
    plan = experiment(photos, "Step", slow=3600)
    pool = LocalPool(Limits(2))
    jobs = [Job(task, ("psnr_db",)) for task in plan.tasks()]
    for worker in pool.run(jobs[:0], Settings(plan.metrics, shared=True)):
        pytest.fail(f"{worker} without a job")
    pool._workers += [pool._start(), pool._start()]
    pids = [worker.process.pid for worker in pool._workers]
    folders = [folder for worker in pool._workers for folder in worker._janitor.folders]
    first = pool._workers[-1]
    owner = {"wait": first.process, "close": first.connection, "sweep": first._janitor}[at]

    def interrupted(*arguments: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, at, interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.close()
    pool.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not [folder for folder in folders if folder.exists()]
