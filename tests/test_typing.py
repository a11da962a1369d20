"""``import rdbench`` is typed for its users: what mypy and basedpyright say of a user's file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TYPED = Path(__file__).parent / "typed"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the checkers have their configurations and mypy its cache."""
    return tmp_path_factory.mktemp("typing")


def mypy(file: Path, folder: Path) -> dict[int, str]:
    """The errors of mypy by line, with a configuration of its own."""
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", folder / "mypy.ini"),
            *("--cache-dir", folder / "cache", "--no-error-summary", file),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found = re.findall(rf"(?m)^.*{re.escape(file.name)}:(\d+): error: (.*)$", done.stdout)
    assert bool(found) == bool(done.stdout), done.stdout
    return {int(line): message for line, message in found}


def basedpyright(file: Path, folder: Path) -> dict[int, str]:
    """The errors of basedpyright by line, in the strict mode that it shares with pyright."""
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "include": [str(file)],
                "typeCheckingMode": "strict",
                "extraPaths": [str(ROOT)],
                "pythonVersion": "3.11",
            }
        )
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--outputjson", "--project", folder),
            *("--pythonpath", sys.executable),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1, done.stdout
    return {
        one["range"]["start"]["line"] + 1: one["message"]
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    }


CHECKERS = pytest.mark.parametrize("checker", [mypy, basedpyright])


@CHECKERS
def test_a_users_file_has_no_errors(checker: Callable[[Path, Path], dict[int, str]], folder):
    assert checker(TYPED / "user.py", folder) == {}


@CHECKERS
def test_mistakes_are_found(checker: Callable[[Path, Path], dict[int, str]], folder):
    file = TYPED / "mistakes.py"
    lines = file.read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 20
    found = checker(file, folder)
    assert set(found) == wrong, found
