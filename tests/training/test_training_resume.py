"""Trainings that are interrupted, killed, damaged, or asked for again."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from rdbench.errors import UsageError
from rdbench.models import architectures, weights
from rdbench.training import checkpoint
from rdbench.training.configuration import FINISH_SPEED
from rdbench.training.configuration_file import read
from rdbench.training.family import train
from tests.training.conftest import NETWORKS

ROOT = Path(__file__).parents[2]
EVERY = {"checkpoint_minutes": 0}
BFLOAT16 = {"precision": "bfloat16"}
FINISHED = {"steps": 4, "finish_steps": 4, "warm_up": 0.0, "rate": 1e-3}
CONSTANT = {"schedule": "steps", "factor": 1.0}


def identity(out, name="bmshj2018-factorized-0.5"):
    return weights.identity(weights.read(out / f"{name}.safetensors")[1])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def train_and_stop(configuration, out, step, by=signal.SIGTERM):
    """Train, with a signal after the row of the log of ``step``."""

    def report(status):
        if status.step == step:
            os.kill(os.getpid(), by)

    return train(configuration, out, report=report)


@pytest.mark.parametrize(
    ("architecture", "method"),
    [
        *((name, "adam") for name in NETWORKS),
        ("dumas2018", "muon"),
        ("bmshj2018-factorized", "muon"),
    ],
)
def test_interrupted_and_resumed_is_as_in_one_go(toml, tmp_path, architecture, method):
    """All that a step depends on is in the checkpoint: in the middle of rising rates, ramps and
    young averages."""
    path = toml(
        architecture,
        optimizer={"steps": 8, "warm_up": 0.3, "bits_ramp": 0.9, "method": method},
        run={"checkpoint_minutes": 0},
    )
    configuration = read(path)
    name = configuration.members[0].name
    assert not train(configuration, tmp_path / "whole").interrupted
    handler = signal.getsignal(signal.SIGTERM)
    stopped = train_and_stop(configuration, tmp_path / "parts", 5)
    assert (stopped.interrupted, stopped.finished) == (True, [])
    assert signal.getsignal(signal.SIGTERM) is handler
    assert not (tmp_path / "parts" / f"{name}.safetensors").exists()
    resumed = train(configuration, tmp_path / "parts")
    assert resumed.finished == [tmp_path / "parts" / f"{name}.safetensors"]
    assert identity(tmp_path / "parts", name) == identity(tmp_path / "whole", name)


@pytest.mark.slow
def test_killed_while_a_checkpoint_is_written(toml, tmp_path):
    path = toml(optimizer={"steps": 12}, run={"checkpoint_minutes": 0})
    train(read(path), tmp_path / "whole")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.training.killed", str(path), str(out), "8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (out / checkpoint.NAME).exists()
    assert len(list(out.glob(".*.tmp"))) == 1
    assert len(rows(out / "log.csv")) == 8
    said = []
    train(read(path), out, say=said.append)
    assert said == ["bmshj2018-factorized-0.5: continuing from step 7"]
    assert identity(out) == identity(tmp_path / "whole")
    assert not list(out.glob(".*.tmp"))
    log = rows(out / "log.csv")
    assert [row["step"] for row in log] == [str(step) for step in range(1, 13)]
    losses = [row["loss"] for row in log]
    assert losses == [row["loss"] for row in rows(tmp_path / "whole" / "log.csv")]


def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(toml, tmp_path):
    configuration = read(toml(optimizer={"steps": 6}, run={"checkpoint_minutes": 0}))
    train(configuration, tmp_path / "whole")
    out = tmp_path / "out"
    train_and_stop(configuration, out, 4)
    newest, previous = out / checkpoint.NAME, out / checkpoint.PREVIOUS
    # One bit of the weights: torch.load does not notice it.
    with zipfile.ZipFile(newest) as archive:
        tensors = [info for info in archive.infolist() if "/data/" in info.filename]
        largest = archive.read(max(tensors, key=lambda info: info.file_size))
    data = bytearray(newest.read_bytes())
    data[data.find(largest) + 100] ^= 1
    newest.write_bytes(data)
    torch.load(newest, weights_only=True)
    said = []
    train(configuration, out, say=said.append)
    assert "checkpoint.pt is damaged (wrong CRC of " in said[0]
    assert identity(out) == identity(tmp_path / "whole")
    newest.write_bytes(b"PK")
    previous.unlink()
    (out / "bmshj2018-factorized-0.5.safetensors").unlink()
    with pytest.raises(UsageError, match=r"checkpoint\.pt is damaged .*start over with `fresh"):
        train(configuration, out)


def test_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch /tmp/rdbench-was-here",)

    torch.save({"member": Evil()}, tmp_path / checkpoint.NAME)
    with pytest.raises(UsageError, match="damaged"):
        checkpoint.load(tmp_path)


def test_the_average_is_a_young_one_that_forgets_faster(toml, tmp_path):
    configuration = read(toml(optimizer={"steps": 2}, run={"checkpoint_minutes": 0}))
    card = configuration.card(configuration.members[0])
    start = architectures.build(card, torch.Generator().manual_seed(0)).g_a[0].weight.detach()
    train_and_stop(configuration, tmp_path, 1)
    first, _ = checkpoint.load(tmp_path)
    train(configuration, tmp_path)
    second, _ = checkpoint.load(tmp_path)
    name = "g_a.0.weight"
    expected = start + 10 / 11 * (first.network[name] - start)
    torch.testing.assert_close(first.average[name], expected)
    expected += 10 / 12 * (second.network[name] - expected)
    torch.testing.assert_close(second.average[name], expected)
    written = weights.read(tmp_path / "bmshj2018-factorized-0.5.safetensors")[1]
    assert torch.equal(written[name], second.average[name])


@pytest.mark.parametrize("step", [3, 4, 5, 7])
def test_finishing_resumes_as_in_one_go(toml, tmp_path, step):
    path = toml("dumas2018", optimizer={**FINISHED, "method": "muon"}, run=EVERY | BFLOAT16)
    configuration = read(path)
    (file,) = train(configuration, tmp_path / "whole").finished
    assert weights.read_card(file).training["steps"] == 8
    assert train_and_stop(configuration, tmp_path / "parts", step).interrupted
    train(configuration, tmp_path / "parts")
    assert identity(tmp_path / "parts", file.stem) == identity(tmp_path / "whole", file.stem)


def test_finishing_goes_on_from_the_average_with_a_tenth_of_the_rate(toml, tmp_path):
    configuration = read(toml(optimizer=FINISHED | CONSTANT, run=EVERY))
    train_and_stop(configuration, tmp_path, 4)
    before, _ = checkpoint.load(tmp_path)
    train_and_stop(configuration, tmp_path, 5)
    after, _ = checkpoint.load(tmp_path)
    for name, start in before.average.items():
        moved = after.network[name] - start
        # The first step of Adam is as long as its rate.
        assert moved.abs().max() <= FINISH_SPEED * 1e-3 * 1.001, name
        torch.testing.assert_close(after.average[name], start + 10 / 11 * moved)
    name = "g_a.0.weight"
    assert (before.network[name] - before.average[name]).abs().max() > FINISH_SPEED * 1e-3


def test_finishing_is_in_float32(toml, tmp_path):
    """From the same checkpoint it does as a training that was in float32 all along."""
    rough = read(toml(optimizer=FINISHED, run=EVERY | BFLOAT16))
    exact = read(toml(optimizer=FINISHED, run=EVERY))
    for configuration, out in ((rough, "rough"), (exact, "exact")):
        train_and_stop(configuration, tmp_path / out, 4)
    ends = [checkpoint.load(tmp_path / out)[0].network for out in ("rough", "exact")]
    assert not torch.equal(*(end["g_a.0.weight"] for end in ends))
    shutil.copy(tmp_path / "rough" / checkpoint.NAME, tmp_path / "exact")
    for configuration, out in ((rough, "rough"), (exact, "exact")):
        train(configuration, tmp_path / out)
    assert identity(tmp_path / "rough") == identity(tmp_path / "exact")


def test_what_is_finished_is_not_trained_again(toml, tmp_path):
    configuration = read(toml(lambdas=[0.5, 1.0]))
    first = train(configuration, tmp_path / "out")
    times = [path.stat().st_mtime_ns for path in first.finished]
    assert [path.name for path in first.finished] == [
        "bmshj2018-factorized-0.5.safetensors",
        "bmshj2018-factorized-1.safetensors",
    ]
    log = (tmp_path / "out" / "log.csv").read_text()
    again = train(configuration, tmp_path / "out")
    assert [path.stat().st_mtime_ns for path in again.finished] == times
    assert (tmp_path / "out" / "log.csv").read_text() == log
    first.finished[1].unlink()
    train(configuration, tmp_path / "out")  # from its checkpoint, which is that of the last step
    assert first.finished[0].stat().st_mtime_ns == times[0]
    assert len(rows(tmp_path / "out" / "validation.csv")) == 2


def test_another_configuration_is_refused_unless_afresh(toml, tmp_path):
    out = tmp_path / "out"
    train(read(toml()), out)
    other = read(toml(optimizer={"rate": 1e-2, "steps": 4}))
    with pytest.raises(UsageError, match=r"optimizer\.steps: 3 there, 4 now; optimizer\.rate: "):
        train(other, out)
    train(other, out, fresh=True)
    assert rows(out / "log.csv")[-1]["step"] == "4"
    # What does not decide the weights may change.
    train(read(toml(optimizer={"rate": 1e-2, "steps": 4}, run={"checkpoint_minutes": 5.0})), out)


def test_two_at_once_are_refused(toml, tmp_path):
    configuration = read(toml())

    def report(status):
        with pytest.raises(UsageError, match="another training is writing"):
            train(configuration, tmp_path / "out")

    train(configuration, tmp_path / "out", report=report)


def test_fresh_leaves_alone_what_is_no_training(toml, tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"somebody's weights")
    train(read(toml()), tmp_path, fresh=True)
    assert other.read_bytes() == b"somebody's weights"
