"""The conformance suite finds what is broken, and nothing else."""

import functools
from pathlib import Path

import pytest

from rdbench.cli import progress
from rdbench.conforming import CheckResult, Status, conforms, run_checks
from rdbench.errors import MissingBackendError, UsageError
from rdbench.testing import assert_conforms
from tests.codecs.broken_codecs import NoVersion, Sound

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
    "VersionRaises": {"version"},
    "VersionIsNoText": {"version"},
    "NotLossless": {"lossless"},
    "ToleratesTruncation": {"truncated"},
    "UnclearError": {"empty"},
    "TakesAnything": {"foreign"},
    "CrashesOnDamage": {"foreign"},
    "HangsOnDamage": {"foreign"},
    "ProgramHangsOnDamage": {"foreign"},
    "LeavesOnDamage": {"foreign"},
    "CrashesOnOnePixel": {"round-trip"},
    "LongPayload": {"payload"},
    "EndlessEstimate": {"estimate"},
    "OffRange": {"ladder", "round-trip"},
    "NeedsTheEncoder": {"round-trip", "ceiling", "bias"},
    "WritesInput": {"round-trip", "ceiling", "bias"},
    "Strided": {"round-trip", "ceiling", "bias"},
    "Floats": {"round-trip", "ceiling", "bias"},
    "CannotBeBuilt": {"round-trip", "ceiling", "bias", "empty", "foreign"},
    "TextStream": {"round-trip", "ceiling", "bias"},
    "ListedImage": {"round-trip", "ceiling", "bias"},
    "FlatImage": {"round-trip", "ceiling", "bias"},
    "FloatPayload": {"payload"},
    "RaisingPayload": {"payload"},
    "TensorEstimate": {"estimate"},
    "TextEstimate": {"estimate"},
    "NaNEstimate": {"estimate"},
    "NegativeEstimate": {"estimate"},
    "ScalarEstimate": set(),
    "FloatConversion": {"conversion"},
}


@functools.cache
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
        ("CrashesOnDamage", "foreign", "PNG header and noise: the process died of SIGABRT"),
        ("HangsOnDamage", "foreign", "PNG header and noise: not done after 2 s"),
        ("ProgramHangsOnDamage", "foreign", "sleep was not done in time and was stopped"),
        ("LeavesOnDamage", "foreign", "PNG header and noise: SystemExit: 3"),
        ("CrashesOnOnePixel", "round-trip", "1×1×1 at 4: encode: the process died of SIGABRT"),
        ("CannotBeBuilt", "round-trip", "RuntimeError: no weights"),
        ("CoarseSwapsChannels", "ceiling", "nearer to channels as BGR"),
        ("CoarseMixesRanges", "ceiling", "nearer to the limited range taken for the full one"),
        ("UnclearError", "empty", "IndexError: index out of range"),
        ("TakesAnything", "foreign", "noise: decode returned ndarray of shape (8, 8, 3)"),
        ("TextStream", "round-trip", "codec 'sound': encode returned str, not bytes"),
        ("ListedImage", "round-trip", "codec 'sound': decode returned list, not a NumPy array"),
        (
            "FlatImage",
            "round-trip",
            "codec 'sound': decode returned shape (1,), but the image is (1, ",
        ),
        ("Floats", "round-trip", "codec 'sound': decode returned float32 samples, not uint8"),
        ("FloatPayload", "payload", "codec 'sound': payload_bytes returned 0.5 (float), where"),
        ("LongPayload", "payload", "bytes of the stream is needed"),
        ("RaisingPayload", "payload", "payload_bytes raised KeyError: 'payload'"),
        ("TensorEstimate", "estimate", "estimated_bits returned ndarray of shape (2, 3), where"),
        ("TextEstimate", "estimate", "codec 'sound': estimated_bits returned '12.5' (str), where"),
        ("NaNEstimate", "estimate", "codec 'sound': estimated_bits returned NaN"),
        ("NegativeEstimate", "estimate", "codec 'sound': estimated_bits returned -1, where"),
        ("EndlessEstimate", "estimate", "codec 'sound': estimated_bits returned inf, where"),
        ("VersionRaises", "version", "version() raised OSError: no such library"),
        ("VersionIsNoText", "version", "version() returned float: 1.5"),
        ("FloatConversion", "conversion", "converted returned float64 samples, not uint8"),
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


def test_missing_programs_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RDBENCH_TAPPENCODER", "/nowhere/TAppEncoder")
    with pytest.raises(MissingBackendError, match="RDBENCH_TAPPENCODER names"):
        run_checks("hm")


def test_a_codec_must_take_some_images() -> None:
    with pytest.raises(UsageError, match="'sound' takes neither gray8 nor rgb8, by its method"):
        run_checks(f"{BROKEN}:FourChannels")


def test_classes_are_checked_as_they_are() -> None:
    """Also those that no other process can import."""

    class Own(Sound):
        name = "own"
        parameter = "levels"

    assert_conforms(Own, points=(3, 6))
    ladder = next(r for r in run_checks(Own, points=(3, 6)) if r.check == "ladder")
    assert ladder.detail == "levels 3 4 6"


def test_assertion_is_the_table_of_what_failed() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_conforms(NoVersion, points=(3, 6))
    assert str(raised.value) == (
        "\nversion  failed   version() is empty\n"
        "NoVersion: does not conform (11 passed, 1 failed, 5 skipped)"
    )
    with pytest.raises(UsageError, match="did you mean 'jpeg'"):
        assert_conforms("jpge")


def test_a_decoder_that_dies_of_every_damaged_stream_costs_few_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It had a new one for each of 45 streams: with torch, a quarter of an hour."""
    monkeypatch.setenv("RDBENCH_TEST_NOTES", str(tmp_path))
    results = {result.check: result for result in run_checks(f"{BROKEN}:DiesOfDamage")}
    failed = {name for name, result in results.items() if result.status is Status.FAILED}
    assert failed == {"empty", "truncated", "foreign"}
    assert "no longer tried, as it ended 3 workers: " in results["truncated"].detail
    assert "no longer tried, as it ended 3 workers: " in results["foreign"].detail
    assert len(list(tmp_path.iterdir())) <= 1 + 3 + 3


def test_a_codec_that_cannot_be_built_is_not_built_for_every_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RDBENCH_TEST_NOTES", str(tmp_path))
    results = {result.check: result for result in run_checks(f"{BROKEN}:DiesWhenItIsBuilt")}
    assert results["round-trip"].status is Status.FAILED
    assert len(list(tmp_path.iterdir())) <= 3 + 3


def test_a_damaged_stream_has_less_time_than_a_sound_one() -> None:
    results = {result.check: result for result in run_checks(f"{BROKEN}:HangsOnDamage")}
    assert "not done after 5 s, where a CodecError is expected" in results["foreign"].detail


def test_progress_is_told_of_each_encoding_and_decoding() -> None:
    seen: list[tuple[int, int]] = []
    run_checks(f"{BROKEN}:Sound", progress=lambda *counts: seen.append(counts))
    done = [count for count, _ in seen]
    assert done == list(range(1, len(seen) + 1))
    assert all(one <= total for one, total in seen)
    assert seen[-1] == (len(seen), len(seen)), "in the end all is done"


def test_the_command_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    with progress.Progress() as shown:
        shown.show(3, 12)
    assert capsys.readouterr().err.startswith("3/12 done (25%), ")
