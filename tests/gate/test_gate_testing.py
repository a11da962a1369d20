"""The helper for people who gate in pytest, and pytest with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rdbench.errors import UsageError
from rdbench.gate import update
from rdbench.testing import assert_no_regression
from tests.gate.rows import as_csv, changed, measured, resized


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text(as_csv(measured()))
    update(path, tmp_path / "baseline.csv")
    return path


def spoil(run):
    run.write_text(as_csv(changed(measured(), resized(1.01), lambda row: row.codec == "webp")))


def test_it_passes_or_says_what_is_not_fine(run, tmp_path):
    assert_no_regression(run, tmp_path / "baseline.csv")
    spoil(run)
    with pytest.raises(AssertionError) as error:
        assert_no_regression(run, tmp_path / "baseline.csv")
    lines = str(error.value).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["verdict", "-------", "worse"]
    assert lines[-1].startswith("1 worse, 3 same: the run ")
    assert "jpeg" not in str(error.value)
    assert_no_regression(run, str(tmp_path / "baseline.csv"), max_bd_rate=2, metrics=("psnr_db",))
    with pytest.raises(UsageError, match="`update`"):
        assert_no_regression(run, tmp_path / "nothing.csv")
    with pytest.raises(TypeError, match="max_bd_rat"):
        assert_no_regression(run, tmp_path / "baseline.csv", max_bd_rat=2)


def test_a_failing_test_shows_the_table_and_not_the_helper(run, tmp_path):
    spoil(run)
    (tmp_path / "test_mine.py").write_text(
        "from rdbench.testing import assert_no_regression\n"
        "def test_codec():\n"
        "    assert_no_regression('run.csv', 'baseline.csv')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "E       worse    photos   webp" in done.stdout
    assert "report = check" not in done.stdout


def test_it_needs_no_pytest():
    code = "import sys, rdbench.testing; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
