"""What needs no worker runs where Python lacks what POSIX systems have, as on Windows."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from rdbench import files
from rdbench.errors import UsageError
from tests.curves.encoded import as_csv, of

# Of Windows' Python: modules that cannot be imported, and names that modules lack.
WINDOWS = """
import importlib.abc, os, select, signal, subprocess, sys, multiprocessing.connection

GONE = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"}

class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in GONE:
            raise ImportError(f"No module named {name!r}", name=name)

for name in GONE:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Refusing())
for module, names in {
    os: "fork killpg getpgid setsid wait4 pidfd_open environb sysconf getuid geteuid mkfifo "
        "pipe2 register_at_fork sched_getaffinity",
    signal: "SIGKILL SIGXFSZ SIGPIPE SIGHUP alarm setitimer",
    select: "poll epoll",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)

import rdbench.cli
sys.argv[0] = "rdbench"
rdbench.cli.main()
"""


def rdbench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WINDOWS, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "measurements.csv").write_text(as_csv([*of("jpeg"), *of("webp")]))
    shutil.copy(tmp_path / "mine" / "measurements.csv", tmp_path / "baseline.csv")
    (tmp_path / "theirs.csv").write_text("bpp,psnr_db\n0.2,30\n0.5,34\n1.1,38\n")
    return tmp_path


COMMANDS = {
    "bd": ("bd", "mine", "--anchor", "jpeg"),
    "plot": ("plot", "mine", "--anchor", "jpeg", "--metrics", "psnr_db"),
    "check": ("check", "mine", "--baseline", "baseline.csv"),
    "import": (
        "import",
        "theirs.csv",
        "--images",
        "24",
        "--rate-is",
        "file",
        "--dataset",
        "kodak",
        "--label",
        "mine",
    ),
    "published": ("published", "lee2019"),
    "codecs": ("codecs", "list"),
    "help": ("--help",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_and_figures_need_nothing_that_windows_lacks(folder, command):
    done = rdbench(*COMMANDS[command], folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("command", ["run", "score"])
def test_what_needs_workers_says_so_in_one_line_on_windows(folder, command):
    arguments = {
        "run": ("run", "--codecs", "jpeg", "--dataset", "photos", "--out", "out"),
        "score": ("score", "photos", ".", "--out", "out"),
    }[command]
    done = rdbench(*arguments, folder=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "workers need process groups" in line
    assert "measure in WSL" in line


def test_a_folder_is_locked_by_windows_own_lock_there(tmp_path, monkeypatch):
    held: set[str] = set()

    def locking(descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (2, 1)
        name = str(Path(f"/proc/self/fd/{descriptor}").resolve())
        if name in held:
            raise OSError(errno.EACCES, "Permission denied")
        held.add(name)

    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(files.sys, "platform", "win32")
    files.lock(tmp_path, "busy with")
    with pytest.raises(UsageError, match="busy with"):
        files.lock(tmp_path, "busy with")
