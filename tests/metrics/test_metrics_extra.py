"""VMAF, CAMBI, CVVDP and FLIP, which packages of the extra compute."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from rdbench.errors import MissingBackendError, UsageError
from rdbench.metrics import BUILT_IN, Reference, choose, find, registry
from rdbench.metrics.extra import vmaf

A, B = "lee2019-mse-q3-kodim05", "lee2019-msssim-q6-kodim23"
# libvmaf of FFmpeg 9.0.2 on planes that FFmpeg's scale filter made (out_color_matrix=bt709,
# out_range=tv); cvvdp 0.5.7 and flip-evaluator 1.7 called by hand.
ORACLE = {
    "vmaf": (70.7524, 90.0892),
    "vmaf_neg": (69.257, 87.207),
    "cvvdp": (8.1539, 9.4922),
    "cvvdp:display=4k": (8.9874, 9.7304),
    "flip": (0.12651, 0.04788),
}
# Ours are rounded once, FFmpeg's are in fixed point: VMAF moves by 0.013.
TOLERANCES = {"vmaf": 0.02, "vmaf_neg": 0.02, "flip": 2e-5}
OF_FFMPEG = ("vmaf", "vmaf_neg", "cambi")


def there(name: str) -> None:
    try:
        registry.version(find(name))
    except MissingBackendError as error:
        pytest.skip(str(error))


def values(names: list[str], original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    for name in names:
        there(name)
    scores = Reference(original, [find(name) for name in names]).score(decoded)
    assert scores.reasons == {}
    return scores.values


@pytest.fixture(scope="module")
def pair(photo, jpeg) -> tuple[np.ndarray, np.ndarray]:
    original = np.ascontiguousarray(photo[100:317, 100:334])
    return original, jpeg(original, 30)


@pytest.mark.parametrize("name", ORACLE)
def test_a_value_is_that_of_the_package(oracle, name) -> None:
    for image, expected in zip((A, B), ORACLE[name], strict=True):
        found = values([name], *oracle(image))
        tolerance = TOLERANCES.get(name.partition(":")[0], 1e-4)
        assert found == {name: pytest.approx(expected, abs=tolerance)}


def test_matrix_and_range_of_vmaf_are_what_ffmpeg_makes_of_them(oracle) -> None:
    """FFmpeg given the PNGs takes 601 and limited range: 73.10; full range of 709 gives 68.95."""
    original, decoded = oracle(A)
    assert values(["vmaf:matrix=601"], original, decoded) == {
        "vmaf:matrix=601": pytest.approx(73.10, abs=0.02)
    }
    assert values(["vmaf:range=full"], original, decoded) == {
        "vmaf:range=full": pytest.approx(68.95, abs=0.02)
    }


def test_all_of_libvmaf_takes_one_call_and_gives_what_single_ones_do(pair, monkeypatch) -> None:
    calls = []
    compare = vmaf.ffmpeg.compare
    monkeypatch.setattr(
        vmaf.ffmpeg, "compare", lambda *a, **k: calls.append(a[1]) or compare(*a, **k)
    )
    together = values([*OF_FFMPEG], *pair)
    assert len(calls) == 1
    assert together == {name: values([name], *pair)[name] for name in OF_FFMPEG}


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("vmaf", 96, 100), ("vmaf_neg", 96, 100), ("cvvdp", 10, 10), ("flip", 0, 0)],
)
def test_what_identical_images_give(pair, name, low, high) -> None:
    assert low <= values([name], pair[0], pair[0].copy())[name] <= high


def test_cambi_sees_the_decoded_image_alone(pair) -> None:
    original, _ = pair
    row = np.linspace(100, 120, original.shape[1]).astype(np.uint8)
    banded = np.ascontiguousarray(np.broadcast_to(row[:, np.newaxis], original.shape))
    against_itself = values(["cambi"], banded, banded.copy())["cambi"]
    assert values(["cambi"], original, banded)["cambi"] == against_itself
    assert against_itself > values(["cambi"], banded, original)["cambi"]


@pytest.mark.parametrize("name", [*OF_FFMPEG, "cvvdp"])
def test_images_that_are_too_small_have_no_value(photo, name) -> None:
    side = BUILT_IN[name].least_side
    small = np.ascontiguousarray(photo[: side - 1, :300])
    (note,) = Reference(small, [find(name)]).score(small).notes
    assert note.startswith(f"{name}: sides must be at least {side} px")
    least = np.ascontiguousarray(photo[:side, :side])
    assert name in values([name], least, 255 - least)


@pytest.mark.parametrize("name", ["cvvdp", "flip", "vmaf"])
def test_of_gray_images_it_is_that_of_three_equal_channels(pair, name) -> None:
    gray = [np.ascontiguousarray(image[:, :, :1]) for image in pair]
    color = [np.repeat(image, 3, axis=2) for image in gray]
    assert values([name], *gray) == values([name], *color)


SCRIPT = """
import json, socket, sys

def refused(*arguments, **named):
    raise AssertionError("a metric went to the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refused
import cv2, numpy as np
from rdbench.metrics import Reference, find
threads = int(sys.argv[1])
cv2.setNumThreads(threads)
with np.load(sys.argv[2]) as kept:
    original, decoded = kept["original"], kept["decoded"]
scores = Reference(original, map(find, sys.argv[3:])).score(decoded)
assert not scores.reasons, scores.reasons
print(json.dumps(scores.values))
"""


@pytest.mark.slow
def test_values_need_no_network_and_are_the_same_with_any_number_of_threads(pair, tmp_path) -> None:
    names = ["vif", "fsim", "iw_ssim", "nlpd", "psnr_hvs_m_db", *OF_FFMPEG, "cvvdp", "flip"]
    for name in names:
        there(name)
    np.savez(tmp_path / "pair.npz", original=pair[0], decoded=pair[1])
    found = []
    for threads in ("1", "2"):
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        ran = subprocess.run(
            [sys.executable, "-c", SCRIPT, threads, str(tmp_path / "pair.npz"), *names],
            env={**os.environ, **dict.fromkeys(variables, threads)},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        found.append(json.loads(ran.stdout))
    assert found[0] == found[1]


def test_a_density_that_is_none_is_refused(pair) -> None:
    there("flip")
    for text in ("near", "0", "-1", "nan"):
        scores = Reference(pair[0], [find(f"flip:ppd={text}")]).score(pair[1])
        (note,) = scores.notes
        assert f"ppd is a number of pixels per degree, not '{text}'" in note
    finer = values(["flip:ppd=30"], *pair)["flip:ppd=30"]
    assert finer != values(["flip"], *pair)["flip"]


def test_a_display_is_one_of_the_presets() -> None:
    with pytest.raises(
        UsageError, match=r"metric 'cvvdp': display is fhd or 4k or .*, not 'cinema'"
    ):
        find("cvvdp:display=cinema")
    pytest.importorskip("torch")
    there("cvvdp")
    (option,) = BUILT_IN["cvvdp"].options
    for display in option.choices:
        assert registry.load(find(f"cvvdp:display={display}"))(np.zeros((9, 9, 3), np.uint8), ())


@pytest.mark.parametrize(
    ("name", "package"), [("cvvdp", "pycvvdp"), ("flip", "flip_evaluator"), ("lpips", "piq")]
)
def test_a_package_that_is_missing_is_named_with_what_to_install(
    monkeypatch, photo, name, package
) -> None:
    for module in [m for m in sys.modules if m.startswith("rdbench.metrics.extra.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    scores = Reference(photo, choose(["psnr_db", name])).score(photo)
    assert {*scores.values} == {"mse", "psnr_db"}
    assert re.search(rf"{package}.*; pip install 'rdbench\[metrics\]'", scores.notes[0])
    assert "pip install" in registry.provenance(find(name))["missing"]


def test_an_ffmpeg_without_libvmaf_is_refused_with_what_to_install(monkeypatch, tmp_path) -> None:
    stand_in = tmp_path / "ffmpeg"
    stand_in.write_text("#!/bin/sh\necho ffmpeg version 1\necho Unknown filter\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("RDBENCH_FFMPEG", str(stand_in))
    with pytest.raises(MissingBackendError, match="is not the expected program 'ffmpeg'"):
        registry.version(find("vmaf"))


@pytest.mark.parametrize("name", ["cvvdp", "flip", "lpips", "dists"])
def test_a_version_that_was_not_tested_is_said(monkeypatch, name) -> None:
    monkeypatch.setattr(registry, "_package_version", lambda _: "99.1")
    record = BUILT_IN[name]
    told = registry.untested(record)
    assert told.startswith(f"{name}: {record.library} 99.1 is untested")


def test_the_versions_that_are_here_are_tested_ones() -> None:
    for record in BUILT_IN.values():
        if record.library and importlib.util.find_spec(record.library.replace("-", "_")):
            assert registry.untested(record) == ""
