"""Codecs in other environments are measured as those of this one are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs.request import parse_codec
from rdbench.conforming import conforms, run_checks, table
from rdbench.environments import WORKER
from rdbench.errors import UsageError
from rdbench.experiment import plan, read
from rdbench.manifest import read_manifest
from rdbench.schema import CRASHED, FAILED, OK, TIMEOUT
from tests.runner.conftest import CODECS as FAULTY
from tests.runner.conftest import run_into

CODECS = Path(__file__).parent / "codecs.py"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells it on Linux")


def experiment(photos: Path, *codecs: str, metrics: tuple[str, ...] = ("psnr_db",)):
    requests = [parse_codec(text) for text in codecs]
    return plan("test", datasets=[str(photos)], codecs=requests, metrics=metrics)


def measured(photos: Path, out: Path, *codecs: str, jobs: int = 1, **limits: object):
    outcome = run_into(out, experiment(photos, *codecs), jobs=jobs, **limits)
    assert not outcome.failures, outcome.failures[0].message
    return outcome.rows


def by_hand(
    python: Path, image: Path, point: int, *, file: Path = CODECS, name: str = "Plain"
) -> tuple[str, str]:
    """SHA-256 of stream and decoded samples of a codec, called there by a script."""
    script = f"""
import importlib.util, hashlib, sys, types
import numpy as np
rdbench = types.ModuleType("rdbench")
class Codec:
    def __init__(self, point): self.point = point
rdbench.Codec, rdbench.CodecError = Codec, ValueError
rdbench.Option = lambda *a, **k: None
sys.modules["rdbench"] = rdbench
spec = importlib.util.spec_from_file_location("codecs", {str(file)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(32, 48, 3)
stream = module.{name}({point}).encode(pixels)
decoded = module.{name}({point}).decode(stream)
print(hashlib.sha256(stream).hexdigest(), hashlib.sha256(decoded.tobytes()).hexdigest())
"""
    pixels = np.asarray(Image.open(image)).tobytes()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [python, "-c", script]
    done = subprocess.run(command, input=pixels, capture_output=True, check=True, env=environment)
    stream, decoded = done.stdout.decode().split()
    return stream, decoded


def test_rows_are_what_comes_out_there_by_hand(photos, tmp_path, old_python):
    rows = measured(photos, tmp_path, f"{CODECS}:Plain,python={old_python}")
    assert len(rows) == 6
    for row in rows:
        image = photos / f"{row.image}.png"
        assert (row.stream_sha256, row.decoded_sha256) == by_hand(old_python, image, int(row.point))
    assert {row.host for row in rows} == {os.uname().nodename}
    assert all(row.encode_s > 0 and row.decode_s > 0 for row in rows)
    (version,) = {row.codec_version for row in rows}
    assert version.startswith("plain 1.0; CPython 3.8.")
    assert "numpy 1." in version


def test_a_codec_is_the_same_here_and_there(photos, tmp_path, other_python):
    here = measured(photos, tmp_path / "here", f"{CODECS}:Plain:points=4/8")
    there = measured(photos, tmp_path / "there", f"{CODECS}:Plain,python={other_python}")
    for row, other in zip(here, there, strict=True):
        assert row.key == other.key
        assert row.stream_sha256 == other.stream_sha256
        assert row.scores == other.scores
        assert row.identity != other.identity


@pytest.mark.parametrize(
    "text",
    ["raise TypeError('not here')", "def __getattr__(name):\n    raise TypeError('not here')"],
)
def test_an_rdbench_that_cannot_be_imported_there_is_none(
    photos, tmp_path, other_python, monkeypatch, text
):
    """As one for a later Python, by PYTHONPATH."""
    package = tmp_path / "path" / "rdbench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"import rdbench.errors\n{text}\n")
    (package / "errors.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    rows = measured(photos, tmp_path / "run", f"{CODECS}:Plain,python={other_python},points=8")
    assert {row.scores["psnr_db"] for row in rows} == {float("inf")}


def test_the_record_of_a_row_says_what_made_it(photos, tmp_path, other_python):
    rows = measured(photos, tmp_path, f"{CODECS}:Plain,python={other_python},points=8")
    (digest,) = {row.identity for row in rows}
    record = read_manifest(tmp_path)["identities"][digest]
    version = ".".join(map(str, sys.version_info[:3]))
    assert record["environment"] == {
        "python": f"CPython {version}",
        "packages": {"numpy": np.__version__},
    }
    assert record["source"] == {"codecs.py": hashlib.sha256(CODECS.read_bytes()).hexdigest()}


def test_what_a_codec_tells_of_streams_and_images_comes_along(photos, tmp_path, other_python):
    rows = measured(photos, tmp_path, f"{CODECS}:Told,python={other_python},points=8")
    assert {row.estimated_bpp for row in rows} == {6.0}
    assert all(row.payload_bytes == row.size_bytes - 6 for row in rows)


@pytest.fixture(scope="module")
def faults(photos, tmp_path_factory, other_python):
    """Rows of the codecs with faults, by codec: those of the one image and point."""
    names = ("Raises", "Leaves", "NotBytes", "WrongShape", "WrongType", "NotAnArray", "Garbage")
    names += ("WritesToInput", "Exits", "Killed", "Segfaults", "Hangs", "Chatty")
    codecs = [f"{FAULTY}:{name},python={other_python},points=16/8" for name in names]
    run = tmp_path_factory.mktemp("faults")
    outcome = run_into(run, experiment(photos, *codecs), jobs=2, timeout_s=5.0)
    assert len(outcome.rows) == 3 * 2 * len(names)
    rows = {}
    for row in outcome.rows:
        if (row.image, row.point) == ("b", 16):
            rows[row.codec] = row
        else:
            assert row.status == OK, row.message
    return rows


@pytest.mark.parametrize(
    ("codec", "status", "message"),
    [
        ("raises", FAILED, "ValueError: no such luck"),
        ("leaves", FAILED, "SystemExit: goodbye"),
        ("not-bytes", FAILED, "codec 'not-bytes': encode returned str, not bytes"),
        ("wrong-shape", FAILED, "decode returned shape (3, 4, 3), but the image is (32, 48, 3)"),
        ("wrong-type", FAILED, "decode returned float32 samples, not uint8"),
        ("not-an-array", FAILED, "decode returned list, not a NumPy array"),
        ("garbage", FAILED, "no step stream"),
        ("writes-to-input", FAILED, "read-only"),
        ("exits", CRASHED, "exit code 3: giving up at once"),
        ("killed", CRASHED, "SIGSEGV"),
        ("segfaults", CRASHED, "SIGSEGV"),
        ("hangs", TIMEOUT, "not done after 5 s; raise the time limit"),
        ("chatty", OK, ""),
    ],
)
def test_a_fault_there_costs_its_row_as_it_does_here(faults, codec, status, message):
    row = faults[codec]
    assert row.status == status
    assert message in row.message
    assert "\n" not in row.message


def test_memory_beyond_the_cap_costs_its_row(photos, tmp_path, other_python):
    codecs = experiment(photos, f"{FAULTY}:Hog,python={other_python},points=16/8")
    outcome = run_into(tmp_path, codecs, jobs=1, memory_mb=600)
    (row,) = outcome.failures
    assert (row.status, row.image, row.point) == (FAILED, "b", 16)
    assert "cap of 600 MiB" in row.message


def test_what_was_measured_there_is_not_measured_again(photos, tmp_path, other_python):
    text = f"{CODECS}:Dies,python={other_python}"
    first = run_into(tmp_path, experiment(photos, text), jobs=1)
    assert {row.status for row in first.rows if row.image == "b"} == {CRASHED}
    assert first.measured == 6
    again = run_into(tmp_path, experiment(photos, text), jobs=1)
    assert again.measured == 2  # those that failed
    assert not again.replaced


def test_another_source_is_measured_again_and_other_packages_are_refused(
    photos, tmp_path, other_python
):
    folder = other_python.parents[1] / "lib"
    (package,) = folder.glob("python*/site-packages")
    (tmp_path / "mine.py").write_text(CODECS.read_text() + "\nimport fake_net\n")
    text = f"{tmp_path / 'mine.py'}:Plain,python={other_python},points=8"

    def installed(version: str) -> None:
        (package / "fake_net.py").write_text(f"__version__ = {version!r}\n")

    try:
        installed("1.0")
        rows = measured(photos, tmp_path / "run", text)
        assert "fake_net 1.0" in rows[0].codec_version
        with (tmp_path / "mine.py").open("a") as stream:
            stream.write("# edited\n")
        again = run_into(tmp_path / "run", experiment(photos, text), jobs=1)
        assert again.measured == 3
        assert "source.mine.py" in again.replaced[0]
        installed("2.0")
        with (tmp_path / "mine.py").open("a") as stream:  # a worker is asked anew what it has
            stream.write("# and again\n")
        with pytest.raises(UsageError, match=r'fake_net: "1.0" there, "2.0" now'):
            run_into(tmp_path / "run", experiment(photos, text), jobs=1)
    finally:
        (package / "fake_net.py").unlink()


def test_a_stream_must_be_enough_there_too(photos, tmp_path, other_python):
    codecs = experiment(photos, f"{CODECS}:Cheats,python={other_python},points=8")
    outcome = run_into(tmp_path, codecs, jobs=1)
    assert {row.status for row in outcome.rows} == {FAILED}
    assert "cannot be decoded in another process" in outcome.rows[0].message


@on_linux
def test_time_and_memory_of_a_living_worker_are_counted(photos, tmp_path, other_python):
    text = f"{CODECS}:Busy,python={other_python},points=8"
    rows = measured(photos, tmp_path, text, "jpeg:points=50")
    busy = [row for row in rows if row.codec == "busy"]
    assert all(0.2 <= row.encode_cpu_s < 0.6 for row in busy)
    assert all(row.decode_cpu_s < 0.1 for row in busy)
    assert all(200 < row.program_rss_mb < 400 for row in busy)
    # It is idle while others are measured, and is not theirs.
    assert {row.program_rss_mb for row in rows if row.codec == "jpeg"} == {None}
    assert {row.added_rss_mb for row in busy} == {None}


@on_linux
def test_time_of_a_server_that_a_codec_started_is_counted(photos, tmp_path):
    rows = measured(photos, tmp_path, f"{CODECS}:OwnServer:points=8")
    assert all(0.2 <= row.encode_cpu_s < 0.6 for row in rows)


RELAY = """
import os, sys
# The worker is nobody's child: whoever started it has ended.
(a, b), (c, d) = os.pipe(), os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.dup2(a, 0), os.dup2(d, 1), os.close(b), os.close(c)
        code = ("import ctypes; ctypes.CDLL = lambda n: type('L', (), {'prctl': lambda *a: 0})();"
                "import runpy; runpy.run_path(" + repr(sys.argv[1]) + ", run_name='__main__')")
        os.execv(sys.executable, [sys.executable, "-c", code])
    os._exit(0)
os.wait()
os.close(a), os.close(d)
if os.fork() == 0:
    os.close(b)
    while data := os.read(c, 65536):
        os.write(1, data)
    os._exit(0)
os.close(c)
while data := os.read(0, 65536):
    os.write(b, data)
"""


@on_linux
def test_of_a_worker_elsewhere_no_time_is_made_up(photos, tmp_path, other_python):
    """As of one in a container, whose processes are below the container's server."""
    relay = tmp_path / "relay.py"
    relay.write_text(RELAY)
    text = f"{CODECS}:Busy:command={other_python} {relay} {WORKER},points=8"
    rows = measured(photos, tmp_path / "run", text)
    assert {row.encode_cpu_s for row in rows} == {None}
    assert {row.program_rss_mb for row in rows} == {None}
    assert all(row.encode_s > 0.2 for row in rows)


def test_conformance_is_that_of_any_codec(other_python):
    results = run_checks(f"{FAULTY}:Step,python={other_python}", timeout_s=30.0)
    assert conforms(results), table("step", results)


def test_conformance_finds_a_codec_that_dies(other_python):
    results = run_checks(f"{FAULTY}:Exits,python={other_python}", points=[16, 8], timeout_s=30.0)
    failed = [result for result in results if result.status == "failed"]
    assert any("giving up at once" in result.detail for result in failed)


def test_a_file_names_environments_as_the_command_line_does(photos, tmp_path, other_python):
    (tmp_path / "env").symlink_to(other_python.parents[1])
    (tmp_path / "mine.py").write_text(CODECS.read_text())
    (tmp_path / "mine.toml").write_text(
        f"""
        datasets = [{str(photos)!r}]
        metrics = ["psnr_db"]
        [[codecs]]
        codec = "mine.py:Plain"
        environment = {{ python = "env/bin/python" }}
        options = {{ effort = 3 }}
        """
    )
    outcome = run_into(tmp_path / "run", read(tmp_path / "mine.toml"), jobs=1)
    assert not outcome.failures
    assert {row.options for row in outcome.rows} == {"effort=3"}
    places = json.loads((tmp_path / "run" / "run.json").read_text())["targets"]
    assert places == {"plain": f"{tmp_path}/mine.py:Plain,python={tmp_path}/env/bin/python"}
