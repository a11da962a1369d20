"""What this process may use of the machine: by its affinity, and by its control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rdbench import host
from rdbench.errors import UsageError
from rdbench.runner import Limits

V2 = "31 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = (
    "33 32 0:29 {inside} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 32 0:30 {inside} /sys/fs/cgroup/memory rw master:14 - cgroup cgroup rw,memory"
)
GIB = 2**30
UNLIMITED = 9223372036854771712
"""What version 1 says where there is no limit: the largest multiple of a page."""


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    """A machine of eight cores and 64 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * GIB // 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)


def tree(root: Path, own: str, mounts: str, files: dict[str, str]) -> Path:
    """The files that a kernel shows of control groups."""
    written = {
        "proc/self/cgroup": own,
        "proc/self/mountinfo": f"1 0 8:1 / / rw - ext4 x rw\n{mounts}",
    }
    written |= {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


def test_a_machine_without_control_groups(tmp_path):
    assert host.cores(tmp_path) == 8
    assert host.memory_mb(tmp_path) == 64 * 1024


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000", 8), ("200000 100000", 2), ("350000 100000", 3), ("50000 100000", 1)],
)
def test_a_container_of_version_2(tmp_path, quota, count):
    """``docker run --cpus``: as it is within, where the group is the root of what is shown."""
    tree(tmp_path, "0::/", V2, {"cpu.max": quota, "memory.max": str(3 * GIB)})
    assert host.cores(tmp_path) == count
    assert host.memory_mb(tmp_path) == 3 * 1024


def test_the_least_of_all_groups_above_holds(tmp_path):
    """A job of a batch system: the job, its step and its task are groups in one another."""
    files = {
        "slurm/job_7/cpu.max": "400000 100000",
        "slurm/job_7/memory.max": str(16 * GIB),
        "slurm/job_7/step_0/cpu.max": "max 100000",
        "slurm/job_7/step_0/memory.high": str(12 * GIB),
        "slurm/job_7/step_0/memory.max": "max",
        "slurm/job_8/cpu.max": "100000 100000",
        "slurm/job_8/memory.max": str(GIB),
    }
    tree(tmp_path, "0::/slurm/job_7/step_0", V2, files)
    assert host.cores(tmp_path) == 4
    assert host.memory_mb(tmp_path) == 12 * 1024


@pytest.mark.parametrize(
    ("path", "inside"),
    [("/docker/abc", "/"), ("/docker/abc", "/docker/abc"), ("/elsewhere", "/docker/abc")],
    ids=["the host's tree", "a container's part", "a path that is not shown"],
)
def test_version_1(tmp_path, path, inside):
    below = "docker/abc/" if inside == "/" else ""
    own = f"4:memory:{path}\n3:cpu,cpuacct:{path}\n1:name=systemd:{path}\n0::/"
    files = {
        f"cpu,cpuacct/{below}cpu.cfs_quota_us": "250000",
        f"cpu,cpuacct/{below}cpu.cfs_period_us": "100000",
        f"memory/{below}memory.limit_in_bytes": str(2 * GIB),
    }
    if below:
        files |= {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
        files |= {"memory/memory.limit_in_bytes": str(UNLIMITED)}
    tree(tmp_path, own, V1.format(inside=inside), files)
    assert host.cores(tmp_path) == 2
    assert host.memory_mb(tmp_path) == 2 * 1024


def test_a_mount_with_a_blank_in_its_name(tmp_path):
    mount = V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/of\040mine")
    tree(tmp_path, "0::/", mount, {"of mine/cpu.max": "100000 100000"})
    assert host.cores(tmp_path) == 1


@pytest.mark.parametrize("text", ["", "nonsense", "0 0", "100000 0", "1 2 3"])
def test_files_that_say_nothing_limit_nothing(tmp_path, text):
    tree(tmp_path, "0::/", V2, {"cpu.max": text, "memory.max": "nonsense"})
    assert host.cores(tmp_path) == 8
    assert host.memory_mb(tmp_path) == 64 * 1024


def test_limits_are_by_default_what_may_be_used(monkeypatch):
    monkeypatch.setattr(host, "cores", lambda: 3)
    monkeypatch.setattr(host, "memory_mb", lambda: 3000)
    assert Limits.of_machine() == Limits(3, 600.0, 900)
    assert Limits.of_machine(1) == Limits(1, 600.0, 2700)
    assert Limits.of_machine(3000).memory_mb == 1


@pytest.mark.skipif(sys.platform != "linux", reason="taskset is of Linux")
def test_taskset_is_heeded(monkeypatch):
    monkeypatch.undo()
    code = "import os; from rdbench.runner import Limits; print(Limits.of_machine().jobs)"
    core = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(
        ["taskset", "--cpu-list", core, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"jobs": 0}, "`jobs` is 0; it must be at least 1"),
        ({"jobs": 10**9}, "`jobs` is 1000000000; it must be at most 4096 on one"),
        ({"timeout_s": 0.0}, "`timeout_s` is 0; it must be above 0"),
        ({"timeout_s": float("nan")}, "`timeout_s` is nan"),
        ({"timeout_s": float("inf")}, "`timeout_s` is inf"),
        (
            {"timeout_s": 1e300},
            r"1e\+300; it must be above 0 and at most 10,000,000 s",
        ),
        ({"memory_mb": -1}, "`memory_mb` is -1 MiB"),
        ({"memory_mb": 10**18}, "`memory_mb` is 1000000000000000000 MiB; it must be 1 to"),
    ],
)
def test_limits_have_bounds(limits, message):
    with pytest.raises(UsageError, match=message):
        Limits.of_machine(**{"jobs": 1, **limits})
