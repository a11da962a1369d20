"""The cache as a store: bounded, shared, damaged, full, read-only."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.runner import cache as module
from rdbench.runner.cache import FILE, Cache
from tests.processes import said, started

ENTRY = {"core": {"codec": "jpeg"}, "scores": {"psnr_db": "inf"}, "note": "ünïcode"}


@pytest.fixture
def folder(tmp_path):
    with Cache(tmp_path / "cache") as cache:
        for number in range(10):
            cache.put(f"key{number}", {**ENTRY, "number": number})
        assert not cache.said
    return tmp_path / "cache"


def numbers(folder, said=()):
    with Cache(folder) as cache:
        found = [cache.get(f"key{number}") for number in range(10)]
        assert all(any(text in line for line in cache.said) for text in said), cache.said
        assert bool(cache.said) == bool(said)
    return [entry and entry["number"] for entry in found]


def test_what_was_put_is_there_for_the_next_run(folder):
    assert numbers(folder) == list(range(10))
    with Cache(folder) as cache:
        assert cache.get("key3") == {**ENTRY, "number": 3}
        cache.put("key3", ENTRY)
        assert cache.get("key3") == ENTRY
        assert cache.get("other") is None
        assert cache.filled
    with Cache(folder.parent / "empty") as cache:
        assert not cache.filled


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and then nothing", b"\xff" * 9999])
def test_a_file_that_is_no_database_is_put_aside_and_begun_anew(folder, content):
    (folder / FILE).write_bytes(content)
    said = ["is damaged"] if content else ()
    assert numbers(folder, said) == [None] * 10
    with Cache(folder) as cache:
        cache.put("key0", {"number": 0})
        assert not cache.said
    assert numbers(folder)[0] == 0
    assert (folder / f"{FILE}.damaged").exists() == bool(content)


def test_pages_that_are_overwritten_give_nothing_wrong(folder):
    path = folder / FILE
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 512] = bytes(512)
    path.write_bytes(data)
    with Cache(folder) as cache:
        assert {number for number in range(10) if cache.get(f"key{number}")} == set()
        assert "is damaged" in cache.said[0]
        cache.put("key0", {"number": 0})  # no harm
    with Cache(folder) as cache:
        assert not cache.said
        cache.put("key0", {"number": 0})
    assert numbers(folder)[0] == 0


def test_an_entry_whose_content_was_changed_is_not_used(folder):
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("UPDATE entry SET content = replace(content, '3', '4') WHERE key='key3'")
        connection.execute(
            "UPDATE entry SET content = (SELECT content FROM entry WHERE key='key6'), "
            "digest = (SELECT digest FROM entry WHERE key='key6') WHERE key='key5'"
        )
    connection.close()
    expected = [0, 1, 2, None, 4, None, *range(6, 10)]
    assert numbers(folder, ["has damaged entries"]) == expected
    assert numbers(folder) == expected  # they are gone


def test_a_cache_that_cannot_be_written_is_read(folder, monkeypatch):
    before = (folder / FILE).read_bytes()
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    with Cache(folder) as cache:
        assert cache.get("key1") == {**ENTRY, "number": 1}
        cache.put("new", ENTRY)
        assert cache.get("new") is None
        assert cache.said == [f"the cache {str(folder)!r} is read-only; nothing is added to it"]
    assert (folder / FILE).read_bytes() == before
    (folder / FILE).unlink()
    with Cache(folder) as cache:
        assert cache.get("key1") is None
        assert len(cache.said) == 2


def test_a_full_disk_ends_writing_and_not_reading(folder):
    with Cache(folder) as cache:
        # As if the file system had no page left (SQLITE_FULL).
        (pages,) = cache._connection.execute("PRAGMA page_count").fetchone()
        cache._connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(200):
            cache.put(f"more{number}", ENTRY)
        assert cache.said == [
            f"the cache {str(folder)!r} takes nothing more: database or disk is full"
        ]
        assert cache.get("key2") == {**ENTRY, "number": 2}
    assert numbers(folder) == list(range(10))


def test_it_stays_within_its_bound_and_keeps_what_was_used_last(tmp_path):
    large = {"text": "x" * 20_000}
    with Cache(tmp_path, limit_mb=1) as cache:
        cache.put("used", large)
        for number in range(320):
            cache.put(f"key{number}", large)
            assert cache.get("used") == large
        there = [number for number in range(320) if cache.get(f"key{number}")]
        assert not cache.said
    assert 0 < len(there) < 60 + 64
    assert there == list(range(320 - len(there), 320))
    assert (tmp_path / FILE).stat().st_size < 3 * 2**20


def test_a_clock_that_jumps_changes_nothing(folder, monkeypatch):
    monkeypatch.setattr("time.time", lambda: -1e9)
    with Cache(folder) as cache:
        cache.put("key10", {"number": 10})
        assert cache.get("key10") == {"number": 10}
    assert numbers(folder) == list(range(10))


WRITES = """
import sys
from pathlib import Path
from rdbench.runner.cache import Cache
name, folder = sys.argv[1:]
with Cache(Path(folder)) as cache:
    for number in range(150):
        cache.put(f"{name}{number}", {"of": name, "number": number})
        assert cache.get(f"{name}{number}") == {"of": name, "number": number}
    assert not cache.said, cache.said
"""


def test_two_runs_share_it_from_the_first_moment(tmp_path):
    """Both make the tables, and both write."""
    with contextlib.ExitStack() as ended:
        runs = [
            ended.enter_context(
                started([sys.executable, "-c", WRITES, name, str(tmp_path / "cache")])
            )
            for name in ("one", "two")
        ]
        assert [said(run) for run in runs] == ["", ""]
        assert [run.returncode for run in runs] == [0, 0]
    with Cache(tmp_path / "cache") as cache:
        for name in ("one", "two"):
            for number in range(150):
                assert cache.get(f"{name}{number}") == {"of": name, "number": number}


def test_one_that_never_lets_go_is_waited_for_and_then_left_alone(folder, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    try:
        with Cache(folder) as cache:
            other.execute("BEGIN EXCLUSIVE")
            assert cache.get("key1") is None
            assert cache.said == [
                f"the cache {str(folder)!r} is not used any more: database is locked"
            ]
        with Cache(folder) as cache:
            assert cache.get("key1") is None
            assert "is not used: database is locked" in cache.said[0]
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert numbers(folder) == list(range(10))


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot create the cache .* name another folder"):
        Cache(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot create the cache"):
        Cache(tmp_path / "file" / "within")
    with pytest.raises(UsageError, match="`cache_mb` is 0"):
        Cache(tmp_path / "cache", 0)
    assert not Path(tmp_path / "cache").exists()
