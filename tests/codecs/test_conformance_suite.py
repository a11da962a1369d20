"""The conformance suite finds what is broken, and nothing else."""

from pathlib import Path

import pytest

from rdbench.conforming import CheckResult, Status, conforms, run_checks
from rdbench.errors import UsageError

BROKEN = Path(__file__).with_name("broken_codecs.py")

FAULTS = {
    "Sound": set(),
    "ChangesInput": {"input-kept", "repeatable"},
    "NotRepeatable": {"repeatable"},
    "SwapsChannels": {"ceiling", "bias"},
    "Coarse": set(),
    "CoarseSwapsChannels": {"ceiling", "bias"},
    "CoarseMixesRanges": {"ceiling", "bias"},
    "NotLearnedCoarse": {"ceiling"},
    "Truncates": {"bias"},
    "RateFalls": {"rate-grows", "quality-grows", "ceiling", "bias"},
    "NoVersion": {"version"},
    "NotLossless": {"lossless"},
    "ToleratesTruncation": {"truncated"},
    "UnclearError": {"empty"},
    "TakesAnything": {"foreign"},
    "CrashesOnDamage": {"foreign"},
    "HangsOnDamage": {"foreign"},
    "CrashesOnOnePixel": {"round-trip"},
    "LongPayload": {"payload"},
    "EndlessEstimate": {"estimate"},
    "OffRange": {"ladder", "round-trip"},
    "NeedsTheEncoder": {"round-trip", "ceiling", "bias"},
    "WritesInput": {"round-trip", "ceiling", "bias"},
    "Strided": {"round-trip", "ceiling", "bias"},
    "Floats": {"round-trip", "ceiling", "bias"},
    "CannotBeBuilt": {"round-trip", "ceiling", "bias", "empty", "foreign"},
}


def checked(class_name: str) -> dict[str, CheckResult]:
    results = run_checks(f"{BROKEN}:{class_name}", timeout_s=2.0)
    return {result.check: result for result in results}


@pytest.mark.parametrize("class_name", FAULTS)
def test_fault_is_found(class_name: str) -> None:
    results = checked(class_name)
    failed = {name for name, result in results.items() if result.status is Status.FAILED}
    assert failed == FAULTS[class_name], results
    assert conforms(list(results.values())) == (not FAULTS[class_name])


@pytest.mark.parametrize(
    ("class_name", "check", "words"),
    [
        ("CrashesOnDamage", "foreign", "PNG header and noise: crashed with SIGABRT"),
        ("HangsOnDamage", "foreign", "PNG header and noise: did not come back within 2 s"),
        ("CrashesOnOnePixel", "round-trip", "1×1×1 at 4: encode: crashed with SIGABRT"),
        ("CannotBeBuilt", "round-trip", "RuntimeError: no weights"),
        ("CoarseSwapsChannels", "ceiling", "nearer to channels as BGR"),
        ("CoarseMixesRanges", "ceiling", "nearer to the limited range taken for the full one"),
        ("UnclearError", "empty", "IndexError: index out of range"),
    ],
)
def test_fault_is_named(class_name: str, check: str, words: str) -> None:
    assert words in checked(class_name)[check].detail


def test_only_skipped_does_not_conform() -> None:
    skipped = CheckResult("lossless", Status.SKIPPED, "the codec does not claim it")
    assert not conforms([])
    assert not conforms([skipped])
    assert conforms([skipped, CheckResult("version", Status.PASSED)])


def test_points_stand_in_for_the_ladder() -> None:
    results = run_checks(f"{BROKEN}:Sound", points=("5",))
    rate = next(result for result in results if result.check == "rate-grows")
    assert rate == CheckResult("rate-grows", Status.SKIPPED, "fewer than two points")


@pytest.mark.parametrize(
    ("target", "options", "points"),
    [("jpge", {}, ()), ("jpeg", {"chrome": "444"}, ()), ("jpeg", {}, ("101",))],
)
def test_what_does_not_exist(target: str, options: dict[str, str], points: tuple[str]) -> None:
    with pytest.raises(UsageError):
        run_checks(target, options, points=points)
