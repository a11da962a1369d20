"""What an interrupt leaves of a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rdbench.interrupts import STATUS

WITHIN = {
    "code": "raise KeyboardInterrupt",
    "code that was made": "exec('raise KeyboardInterrupt')",
}


@pytest.mark.parametrize("within", WITHIN)
def test_the_exit_status_is_the_same_wherever_it_comes(within, tmp_path):
    """CPython remembers an interrupt that went through ``exec`` of a text, as where a dataclass is
    made, and a module that is run would end by SIGINT."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\nfrom rdbench.interrupts import STATUS, ignore\n"
        f"try:\n    {WITHIN[within]}\nexcept KeyboardInterrupt:\n"
        "    ignore()\n    sys.exit(STATUS)\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == STATUS, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "run --codecs png --dataset photos --out run",
        "rescore run --metrics psnr_db",
        "score originals decoded --out run",
        "reproduce lee2019-table --run run",
    ],
)
def test_an_interrupt_within_an_import_is_told_as_any_other(tmp_path, command):
    """NumPy cannot be imported again after one, not even to count the rows that are kept."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'numpy.dtypes':  # by the extension module\n"
        "            sys.meta_path.remove(self)\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from rdbench.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == STATUS, done.stderr
    assert done.stderr == ("interrupted; nothing was measured, and rows of earlier runs are kept\n")
