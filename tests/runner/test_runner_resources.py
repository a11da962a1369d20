"""What a worker's own account leaves to those of its descendants."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rdbench.runner.resources import WORK_S, PeakMemory

SERVER = """
import sys, time
while line := sys.stdin.readline():
    until = time.process_time() + float(line)
    while time.process_time() < until:
        pass
    print(flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists descendants")
def test_a_server_that_only_comes_to_rest_has_not_worked():
    """After its answer it needs some time until it waits for the next request."""
    memory = PeakMemory()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:

        def answer(work_s: float) -> None:
            server.stdin.write(f"{work_s}\n")
            server.stdin.flush()
            server.stdout.readline()

        answer(0)
        assert memory.below_mb() is not None, "it is new"
        memory.reset()
        answer(0)
        assert memory.below_mb() is None
        answer(3 * WORK_S)
        assert memory.below_mb() > 1
        server.stdin.close()
