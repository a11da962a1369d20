"""``rdbench published``, and completion of commands by the shell."""

from __future__ import annotations

import os
import subprocess
import sys

from rdbench.curves import published
from rdbench.curves.published import published_labels

from .command import rdbench


def test_published_curves_are_listed_with_what_each_is_and_its_doubts(tmp_path):
    lines = rdbench("published", cwd=tmp_path).stdout.splitlines()
    curves = [line for line in lines if line.startswith("  ") and "!" not in line]
    labels = [line.split(":")[0].strip() for line in curves]
    assert sorted(labels) == published_labels()
    (line,) = [line for line in curves if line.startswith("  dumas2018-case2-coder:")]
    assert line.endswith(": dumas2018-case2 coder=binary; 9 points of beta, 24 images, psnr_db")
    at = lines.index(line)
    assert lines[at + 1 : at + 3] == [
        "    ! its rate counts the output of the entropy coder, without headers",
        "    ! one of its 128 maps is charged its entropy instead of being coded",
    ]
    assert f"    ! {published('av1').known_issue}" in lines
    assert any(
        line.startswith("kodak:geometry=dumas2018, luma: Dumas, Roumy and Guillemot")
        for line in lines
    )


def test_published_curves_are_found_by_a_part_of_their_label(tmp_path):
    lines = rdbench("published", "lee2019", cwd=tmp_path).stdout.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("  lee")] == [
        "  lee2019-mse",
        "  lee2019-msssim",
    ]
    done = rdbench("published", "lee2091-mse", cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown published curve 'lee2091-mse'; did you mean 'lee2019-mse'" in done.stderr


def test_the_shell_completes_commands(tmp_path):
    words = {"COMP_WORDS": "rdbench pub", "COMP_CWORD": "1", "_RDBENCH_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-m", "rdbench"],
        env=os.environ | words,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["published"]
