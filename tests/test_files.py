"""What is nested too deep, or is a pipe or a device, costs one line, wherever it is read."""

from __future__ import annotations

import errno
import json
import os
import tomllib
from pathlib import Path

import pytest

from rdbench import plugins, results
from rdbench.codecs import registry
from rdbench.curves.published import utf8_text
from rdbench.errors import FileNote, RdbenchError, UsageError
from rdbench.files import MOST_NESTED, lock, parsed, sha256
from rdbench.images.tags import read_tags
from rdbench.runner import kept
from rdbench.toml import read_toml

DEEP = {
    "deeper than the parser goes": 100_000,
    "deeper than those who read it go": 300,
}


def test_what_is_nested_as_deep_as_is_read():
    text = "[" * MOST_NESTED + "]" * MOST_NESTED
    assert parsed(json.loads, text) == json.loads(text)
    with pytest.raises(ValueError, match=f"deeper than {MOST_NESTED} levels"):
        parsed(json.loads, f"[{text}]")
    assert parsed(tomllib.loads, "a = 1\nb.c.d = [1]") == {"a": 1, "b": {"c": {"d": [1]}}}


@pytest.mark.parametrize("depth", DEEP.values(), ids=DEEP)
def test_a_manifest(tmp_path, depth):
    (tmp_path / results.MANIFEST).write_text('{"a":' * depth + "1" + "}" * depth)
    with pytest.raises(UsageError, match=r"run\.json' is not JSON: values are nested deeper"):
        results.read_manifest(tmp_path)


@pytest.mark.parametrize("depth", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("form", ["a = {}{}", "a{} = 1"], ids=["arrays", "dotted keys"])
def test_a_toml_file(tmp_path, depth, form):
    depth = min(depth, 20_000)  # the parser's time for dotted keys grows with their square
    file = tmp_path / "x.toml"
    arrays = form.startswith("a = ")
    file.write_text(form.format("[" * depth, "]" * depth) if arrays else form.format(".a" * depth))
    with pytest.raises(UsageError, match=r"x\.toml' is not TOML: values are nested deeper"):
        read_toml(file, "experiment")
    with pytest.raises(UsageError, match=r"x\.toml' is not TOML"):
        registry.load(str(file))


def test_numbers_that_python_does_not_read(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text("a = 1" + "0" * 10_000)
    with pytest.raises(UsageError, match=r"x\.toml' is not TOML: Exceeds the limit"):
        read_toml(file, "experiment")


def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "x.toml"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is a pipe or a device"):
        read_toml(pipe, "experiment")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_written_to_with_a_warning(tmp_path, monkeypatch, number):
    """As Lustre mounted without ``flock``; only a lock that another process has is one."""
    import fcntl

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(FileNote, match=f"cannot be locked \\({os.strerror(number)}\\): make sure"):
        os.close(lock(tmp_path, "another run is writing to"))


def test_a_lock_that_another_process_has_is_refused(tmp_path):
    held = lock(tmp_path, "another run is writing to")
    try:
        with pytest.raises(UsageError, match="another run is writing to"):
            lock(tmp_path, "another run is writing to")
    finally:
        os.close(held)
    os.close(lock(tmp_path, "another run is writing to"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["pipe", "device"])
def test_a_pipe_or_a_device_in_place_of_a_file_is_not_waited_for(tmp_path, name):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = pipe if name == "pipe" else Path("/dev/zero")
    with pytest.raises(UsageError, match="it is a pipe or a device"):
        read_tags(path)
    with pytest.raises(UsageError, match="it is a pipe or a device"):
        utf8_text(path)
    with pytest.raises(RdbenchError, match="it is a pipe or a device"):
        kept.read_stream(path, None)
    with pytest.raises(OSError, match="it is a pipe or a device"):
        sha256(path)
    with pytest.raises(UsageError, match="it is a pipe or a device"):
        plugins.module(path, "codec file")
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text('{"schema_version": 3, "experiment": {}}')
    (run / results.MEASUREMENTS).symlink_to(path)
    with pytest.raises(UsageError, match=r"measurements\.csv': it is a pipe or a device"):
        results.RunDirectory(run, {})
