"""Butteraugli by a stand-in that prints what butteraugli_main is documented to print."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rdbench.errors import MissingBackendError
from rdbench.metrics import Reference, Scores, find, registry

NAMES = ("butteraugli", "butteraugli_3norm")
STAND_IN = f"""#!{sys.executable} -I
import cv2, numpy as np, sys
original, decoded = (cv2.imread(name).astype(float) for name in sys.argv[1:])
with open({{calls!r}}, "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
difference = np.abs(original - decoded)
print("%.10f" % difference.max())
print("3-norm: %f" % (difference**3).mean() ** (1 / 3))
"""
ORIGINAL = np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8)
DECODED = ORIGINAL ^ 3


def scored(*names: str, channels: int = 3) -> Scores:
    original, decoded = (
        np.ascontiguousarray(image[:, :, :channels]) for image in (ORIGINAL, DECODED)
    )
    return Reference(original, map(find, names)).score(decoded)


@pytest.fixture
def calls(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "calls"
    install(tmp_path, monkeypatch, STAND_IN.format(calls=str(path)))
    return path


def install(folder: Path, monkeypatch, text: str) -> None:
    program = folder / "butteraugli_main"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("RDBENCH_BUTTERAUGLI_MAIN", str(program))


@pytest.mark.parametrize("channels", [1, 3])
def test_both_norms_come_of_one_call_the_original_first(calls, channels) -> None:
    difference = np.abs(ORIGINAL.astype(float) - DECODED)[:, :, :channels]
    found = scored(*NAMES, channels=channels)
    assert found.reasons == {}
    assert found.values == {
        "butteraugli": difference.max(),
        "butteraugli_3norm": pytest.approx((difference**3).mean() ** (1 / 3), abs=1e-6),
    }
    assert calls.read_text() == "original.png decoded.png\n"
    assert scored(NAMES[1]).values.keys() == {NAMES[1]}


def test_the_program_is_kept_with_its_digest(calls) -> None:
    found = registry.provenance(find("butteraugli"))
    program = found["programs"]["butteraugli_main"]
    assert found["version"] == f"butteraugli_main sha256:{program['sha256'][:12]}"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("echo 1.25", "butteraugli_main printed no butteraugli_3norm: 1.25"),
        ("echo 3-norm: 1.25", "butteraugli_main printed no butteraugli: 3-norm: 1.25"),
        ("echo 1.25; echo 3-norm: nan", "printed no butteraugli_3norm"),
        ("echo cannot read; exit 1", "butteraugli_main left with exit code 1: cannot read"),
    ],
)
def test_what_else_it_does_is_the_reason_for_no_value(tmp_path, monkeypatch, body, told) -> None:
    install(tmp_path, monkeypatch, f"#!/bin/sh\n{body}\n")
    found = scored(*NAMES)
    assert found.values == {}
    assert told in found.notes[0]


def test_a_program_that_is_missing_is_named_with_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("RDBENCH_BUTTERAUGLI_MAIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingBackendError, match="build libjxl with its development tools"):
        registry.version(find("butteraugli"))
