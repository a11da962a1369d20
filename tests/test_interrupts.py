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
