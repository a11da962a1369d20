"""A row's memory of programs is the kernel's account of them, and not of what started them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from .kit import measured, own_places, request, write_definition, write_program

LEAST_MIB = 8.0
"""What a new process of Python has, from which programs are started; with a margin."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is told on Linux")

STARTED = """
import json, sys, time
from pathlib import Path
from rdbench import programs

weight = bytearray(300 << 20)
weight[::4096] = b"x" * len(weight[::4096])
programs.account_memory()

def peak(*arguments):
    with programs.supervised() as usage:
        printed = programs.run(programs.Call(arguments, Path.cwd()))
    return usage.peak_rss_mb, int(printed.tail.split()[-2]) / 1024 if printed.tail else None

took = "x = bytearray({} << 20); x[::4096] = b'x' * len(x[::4096]); "
says = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
python = [sys.executable, "-I", "-S", "-c"]
with_child = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', {!r}])"
told = dict(
    true=peak("/bin/true"),
    small=peak(*python, took.format(20) + says),
    large=peak(*python, took.format(500) + says),
    child=peak(*python, with_child.format(took.format(100) + says)),
    again=peak("/bin/true"),
)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, list[float]]:
    """What is told of programs that a process of 300 MiB runs, and what they say themselves."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STARTED)],
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("memory"),
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", ["true", "again"])
def test_a_small_program_has_not_the_memory_of_what_started_it(told, program):
    assert 0 < told[program][0] < LEAST_MIB


@pytest.mark.parametrize(("program", "mib"), [("small", 20), ("large", 500), ("child", 100)])
def test_memory_is_what_the_kernel_tells_the_program_itself(told, program, mib):
    """Its VmHWM (proc(5)) when it has all and ends at once; of ``child`` that of the process which
    the program waits for."""
    found, itself = told[program]
    assert mib < itself < mib + 20
    assert found == pytest.approx(itself, abs=2)


@pytest.fixture(scope="module")
def rows(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("memory-rows")
    with own_places(folder):
        write_program(folder / "codec")
        definition = write_definition(folder / "codec")
        return measured(photos, [request(definition)], folder / "out").rows


def test_every_row_of_a_program_tells_its_memory(rows):
    """The faulty program is a script of Python with zlib, of some 10 MiB."""
    assert all(row.program_rss_mb is not None for row in rows)
    assert all(LEAST_MIB < row.program_rss_mb < 40 < row.peak_rss_mb for row in rows)
