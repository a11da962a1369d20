"""Every metric passes the conformance suite, which finds what is broken and nothing else."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

from rdbench.conforming import (
    METRIC_CHECKS,
    CheckResult,
    Status,
    conforms,
    run_metric_checks,
)
from rdbench.errors import MissingBackendError, UsageError
from rdbench.metrics import BUILT_IN
from rdbench.sample_format import SampleFormat

from . import broken_metrics
from .programs import COMPARE, write

FILE = Path(broken_metrics.__file__)
LATER = {"gray", "color", "flat", "identity", "noise", "repeatable", "symmetry"}
FAULTS = {
    "MeanError": set(),
    "ColorError": set(),
    "Asymmetric": set(),
    "KeepsItsOwnOriginal": set(),
    "ReturnsArray": {"number"},
    "ReturnsNaN": {"number"},
    "ReturnsText": {"number"},
    "ReturnsNothing": {"number"},
    "Raises": {"number"},
    "Exits": {"number"},
    "CannotBeBuilt": {"number"},
    "Crashes": {"number"},
    "LeavesTheProcess": {"number"},
    "PrintsMegabytes": set(),
    "ChangesDecoded": {"input-kept"},
    "ChangesOriginal": {"input-kept"},
    "WritesInPlace": {"input-kept"},
    "WrongDirection": {"gray", "color", "flat", "identity", "noise"},
    "NotRepeatable": {"repeatable"},
    "Remembers": {"noise", "repeatable"},
    "NotOnOnePixel": {"gray", "color"},
    "Saturates": {"noise"},
    "NaNWhereFlat": {"gray", "flat"},
    "Undefined": {"record"},
}


@functools.cache
def checked(name: str) -> dict[str, CheckResult]:
    return {result.check: result for result in run_metric_checks(name, timeout_s=5.0)}


def failed(results: dict[str, CheckResult]) -> set[str]:
    return {name for name, result in results.items() if result.status is Status.FAILED}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n == "cvvdp" else []) for n in BUILT_IN],
)
def test_every_built_in_metric_conforms(name: str) -> None:
    try:
        results = checked(name)
    except MissingBackendError as error:
        pytest.skip(str(error))
    assert [*results] == [*METRIC_CHECKS]
    assert conforms(list(results.values())), results
    skipped = {name for name, result in results.items() if result.status is Status.SKIPPED}
    record = BUILT_IN[name]
    expected = {
        "version": not record.target.startswith("rdbench.metrics.extra."),
        "gray": SampleFormat(1) not in record.formats,
        "identity": not record.best_is_original,
        "noise": record.no_reference,
    }
    assert skipped == {check for check, is_skipped in expected.items() if is_skipped}


@pytest.mark.parametrize("class_name", FAULTS)
def test_a_fault_is_found(class_name: str) -> None:
    results = checked(f"{FILE}:{class_name}")
    assert failed(results) == FAULTS[class_name], results
    assert conforms(list(results.values())) == (not FAULTS[class_name])


@pytest.mark.parametrize(
    ("class_name", "check", "words"),
    [
        ("ReturnsNaN", "number", "score returned NaN"),
        ("ReturnsArray", "number", "score returned ndarray of shape (3,), where a number is"),
        ("Raises", "number", "raised ZeroDivisionError: no windows"),
        ("Crashes", "number", "the first photograph: the process died of SIGABRT"),
        ("LeavesTheProcess", "number", "the process left with exit code 3: out of tokens"),
        ("ChangesDecoded", "input-kept", "the decoded image was changed"),
        ("ChangesOriginal", "input-kept", "the original was changed"),
        ("ChangesOriginal", "noise", "see above"),
        ("Saturates", "noise", "256×192×1: noise 10 scores 5, noise 20 scores 5"),
        ("WrongDirection", "identity", "one sample changed scores 2.03451e-05, itself scores 0"),
        ("NotOnOnePixel", "gray", "1×1×1 against itself: raised ValueError: too small"),
        ("NaNWhereFlat", "flat", "32×32×1 against itself: score returned NaN"),
        ("Undefined", "record", "definition is empty: say what it is, with its source"),
        ("ColorError", "gray", "it does not take them"),
        ("MeanError", "symmetry", "original and decoded image can be exchanged"),
        ("Asymmetric", "symmetry", "not symmetric: 256×192×1 against JPEG 30 0.3501"),
        ("MeanError", "record", "Mean error [steps], less is better, on all samples"),
    ],
)
def test_what_is_found_is_named(class_name: str, check: str, words: str) -> None:
    assert words in checked(f"{FILE}:{class_name}")[check].detail


@pytest.mark.parametrize(
    ("class_name", "doing"),
    [("Hangs", "the first photograph"), ("HangsOnNoise", "256×192×1 against noise 40")],
)
def test_a_metric_that_hangs_is_ended(class_name: str, doing: str) -> None:
    results = {r.check: r for r in run_metric_checks(f"{FILE}:{class_name}", timeout_s=5.0)}
    assert failed(results) == {"number"}
    assert results["number"].detail.startswith(f"{doing}: not done after 5 s; raise ")
    assert all(results[check] == CheckResult(check, Status.SKIPPED, "see above") for check in LATER)


def test_sizes_begin_with_the_shortest_side() -> None:
    detail = checked(f"{FILE}:ColorError")["color"].detail
    assert detail == "20×20×3, 37×20×3, 20×37×3, 22×21×3, 84×52×3, 256×192×3"
    assert checked("ms_ssim")["gray"].detail.startswith("161×161×1, 178×161×1, ")


def test_a_program_conforms(tmp_path: Path) -> None:
    results = checked(str(write(tmp_path)))
    assert failed(results) == set(), results
    assert results["version"].detail == "total.py 1.5"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("time.sleep(60)", "total.py was not done in time and was stopped; it printed nothing"),
        ("print('x' * 4_000_000)", "the output of total.py does not match 'pattern': xxx"),
        ("os.abort()", "total.py died of SIGABRT"),
    ],
)
def test_a_program_that_is_broken_does_not_conform(tmp_path, body, words) -> None:
    path = write(tmp_path, body)
    results = {r.check: r for r in run_metric_checks(str(path), timeout_s=5.0)}
    assert failed(results) == {"number"}
    assert results["number"].detail.startswith(words)


def test_compare_of_imagemagick_conforms(tmp_path: Path) -> None:
    if shutil.which("compare") is None:
        pytest.skip("program 'compare' is missing: apt-get install imagemagick")
    path = tmp_path / "compare.toml"
    path.write_text(COMPARE)
    results = checked(str(path))
    assert failed(results) == set(), results


def test_what_is_not_there_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'ssim'"):
        run_metric_checks("sssim")
    with pytest.raises(MissingBackendError, match="write it again"):
        run_metric_checks(str(write(tmp_path, score_program='"there-is-none"')))
