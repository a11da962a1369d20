"""``rdbench reproduce`` as a person uses it."""

from __future__ import annotations

import pytest

from rdbench import reproducing

from .command import rdbench


def test_the_list_has_all_that_comes_along(tmp_path):
    done = rdbench("reproduce", "--list", cwd=tmp_path)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(reproducing.shipped())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name something (see `rdbench reproduce --list`)"),
        (["lee2019-tabel"], "unknown reproduction 'lee2019-tabel'; did you mean 'lee2019-table'"),
        (["mine.toml"], "recipe 'mine.toml': No such file or directory"),
        (["lee2019-table", "--jobs", "0"], "it must be at least 1"),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments, message):
    done = rdbench("reproduce", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_published_points_make_the_table_and_it_is_printed(tmp_path):
    done = rdbench("reproduce", "lee2019-table", "--published", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "BPG 4:4:4" in done.stdout
    assert "-6.85" in done.stdout
    assert (tmp_path / "reports" / "lee2019-table" / "claims.csv").is_file()
    assert not (tmp_path / "results").exists()
    assert "measuring was not asked for" in done.stderr


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = rdbench(
        "reproduce", "lee2019-table", "--published", "--out", "file/report", cwd=tmp_path
    )
    assert done.returncode == 2
    assert "file/report" in done.stderr
    assert "Traceback" not in done.stderr
