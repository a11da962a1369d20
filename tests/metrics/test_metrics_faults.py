"""A metric that does what it must not costs its own cell, and says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rdbench import MetricRecord
from rdbench.errors import UsageError
from rdbench.metrics import Reference, choose, find

from . import broken_metrics

FILE = Path(broken_metrics.__file__)
ORIGINAL = np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8)
DECODED = ORIGINAL ^ 3
REASONS = {
    "ReturnsArray": "score returned ndarray of shape (3,), where a number is needed",
    "ReturnsNaN": "score returned NaN",
    "ReturnsText": "score returned '17.5' (str), where a number is needed",
    "ReturnsNothing": "score returned None (NoneType), where a number is needed",
    "Raises": "raised ZeroDivisionError: no windows",
    "Exits": "raised SystemExit: 3",
    "CannotBeBuilt": "raised RuntimeError: no weights",
    "ChangesDecoded": "it changed its input images",
    "ChangesOriginal": "it changed its input images",
    "WritesInPlace": "raised ValueError: output array is read-only",
}


def of(*classes: str, image: np.ndarray = ORIGINAL) -> Reference:
    return Reference(image, choose(["psnr_db", *(f"{FILE}:{name}" for name in classes)]))


@pytest.mark.parametrize("name", REASONS)
def test_a_fault_empties_its_own_cell(name: str) -> None:
    reference = of(name, "MeanError")
    original, decoded = ORIGINAL.copy(), DECODED.copy()
    for _ in range(2):
        scores = reference.score(decoded)
        assert list(scores.reasons.values()) == [REASONS[name]]
        assert {*scores.values} == {"mse", "psnr_db", "mean_error"}
        assert scores.values["mean_error"] == np.abs(DECODED.astype(int) - ORIGINAL).mean()
        assert all(type(value) is float for value in scores.values.values())
        np.testing.assert_array_equal(original, ORIGINAL)
        np.testing.assert_array_equal(decoded, DECODED)


def test_what_a_metric_makes_of_its_original_is_its_own() -> None:
    scores = of("KeepsItsOwnOriginal", "MeanError").score(DECODED)
    assert scores.reasons == {}
    assert scores.values["keeps_its_own_original"] == scores.values["mean_error"]


def test_images_that_a_metric_does_not_take_have_no_value() -> None:
    gray = of("ColorError", image=ORIGINAL[:, :, :1]).score(DECODED[:, :, :1])
    assert gray.notes == ("color_error: takes rgb8, but the image is gray8",)
    small = of("ColorError", image=ORIGINAL[:19]).score(DECODED[:19])
    assert small.notes == ("color_error: sides must be at least 20 px, but the image is 30x19",)
    assert of("ColorError").score(ORIGINAL).values["color_error"] == 0


def test_metrics_of_others_are_told_before_and_come_last() -> None:
    told: list[tuple[str, ...]] = []
    records = choose([f"{FILE}:MeanError", "ssim", f"{FILE}:Raises"])
    reference = Reference(ORIGINAL, records, lambda names: told.append(tuple(names)))
    assert list(reference.score(ORIGINAL).values) == ["mse", "ssim", "mean_error"]
    assert told == [("mean_error",), ("raises",)]
    scores = reference.score(ORIGINAL, {"raises": "it hung before"})
    assert told[2:] == [("mean_error",)]
    assert scores.reasons == {"raises": "it hung before"}


def test_two_metrics_of_one_name_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(FILE.read_text())
    with pytest.raises(UsageError) as caught:
        choose([f"{FILE}:MeanError", f"{other}:MeanError"])
    assert str(caught.value) == (
        f"two metrics are called 'mean_error': {FILE}:MeanError and {other}:MeanError; rename one"
    )


def test_one_metric_may_be_named_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILE.parent)
    records = choose([f"{FILE}:MeanError", f"{FILE.name}:MeanError"])
    assert [record.name for record in records] == ["mse", "mean_error"]
    assert records[1].target == f"{FILE}:MeanError"


def test_a_file_never_takes_the_name_of_a_built_in(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    text = FILE.read_text().replace('"mean_error"', '"mse"')
    path.write_text(text)
    with pytest.raises(UsageError, match="has the name 'mse' of a metric of rdbench; rename it"):
        choose([f"{path}:MeanError"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NoRecord", "lacks record = rdbench.MetricRecord"),
        ("NoScore", "lacks score"),
        ("NotAMetric", "is not a subclass of rdbench.Metric"),
        ("MeanEror", "unknown metric class 'MeanEror'; did you mean 'MeanError'"),
    ],
)
def test_what_is_no_metric_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find(f"{FILE}:{name}")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("Mean Error", {}, "a name may only have a to z, 0 to 9 and '_'"),
        ("9th", {}, "a name may only have"),
        (3, {}, "a name may only have"),
        ("bpp", {}, "a column of this name has another meaning"),
        ("description", {}, "a column of this name has another meaning"),
        ("x", {"unit": None}, "unit is None, where str is needed"),
        ("x", {"higher_is_better": 1}, "higher_is_better is 1, where bool is needed"),
        ("x", {"revision": "2"}, "revision is '2', where int is needed"),
        ("x", {"formats": {1, 3}}, "formats is {1, 3}, where frozenset is needed"),
        ("x", {"formats": frozenset()}, "formats is empty"),
        ("x", {"least_side": 0}, "at least 1"),
        ("x", {"computed_on": 3}, "computed_on is 3, where str is needed"),
        ("x", {"beside": "mse"}, "beside is 'mse', where tuple is needed"),
    ],
)
def test_a_record_that_cannot_be_is_refused(name, values, message) -> None:
    with pytest.raises(UsageError) as caught:
        MetricRecord(name, **values)
    assert message in str(caught.value)


def test_a_record_is_plain_data_and_back() -> None:
    record = find(f"{FILE}:ColorError")
    plain = record.plain()
    assert plain["formats"] == ["rgb8"]
    again = MetricRecord.of({**plain, "version": "told beside", "of_a_newer_one": 1})
    assert again.plain() == plain
    assert again.axis == "color_error"
    assert find(f"{FILE}:MeanError").sign == -1
    with pytest.raises(UsageError, match="cannot be read"):
        MetricRecord.of({"label": "x"})
    with pytest.raises(UsageError, match="'rgb' is not a sample format"):
        MetricRecord.of({**plain, "formats": ["rgb"]})
