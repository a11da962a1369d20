"""Metrics that are programs: what they print, what goes wrong, and mistakes in their files."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rdbench.errors import MissingBackendError, UsageError
from rdbench.metrics import Reference, Scores, choose, find, registry
from rdbench.programs import supervised

from .programs import COMPARE, DECODED, ORIGINAL, PRINT, changed, write

TOTAL = float(np.abs(DECODED.astype(int) - ORIGINAL).sum())


def scored(path: Path, original: np.ndarray = ORIGINAL, decoded: np.ndarray = DECODED) -> Scores:
    return Reference(original, choose(["psnr_db", str(path)])).score(decoded)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["pnm", "png"])
def test_a_program_is_given_both_images_and_its_number_is_taken(tmp_path, channels, kind) -> None:
    seen = [tmp_path / f"seen{number}" for number in (0, 1)]
    body = f"for path, data in zip({list(map(str, seen))}, (a, b)): open(path, 'wb').write(data)"
    body += '\nprint("total: 1", "total: 2", *sys.argv[1:], "total: 7")'
    path = write(tmp_path, body, input=f'"{kind}"', pattern="'total: ([0-9])'")
    images = [image[:, :, :channels] for image in (ORIGINAL, DECODED)]
    assert scored(path, *images).values["total_error"] == 7
    for file, image in zip(seen, images, strict=True):
        with Image.open(file) as found:
            assert found.format == {"png": "PNG", "pnm": "PPM"}[kind]
            np.testing.assert_array_equal(np.asarray(found).reshape(image.shape), image)


def test_a_program_is_a_metric_like_any_other(tmp_path) -> None:
    path = write(tmp_path)
    record = find(str(path))
    assert (record.name, record.label, record.sign) == ("total_error", "Total error", -1)
    assert scored(path).values["total_error"] == TOTAL
    assert scored(path, decoded=ORIGINAL).values["total_error"] == 0
    assert registry.version(record) == "total.py 1.5"


def test_a_changed_definition_is_read_again(tmp_path) -> None:
    assert find(str(write(tmp_path))).label == "Total error"
    assert find(str(write(tmp_path, label='"Another"'))).label == "Another"


HANGS = "time.sleep(60)"
FAULTS = {
    "print('nothing')": "the output of total.py does not match 'pattern': nothing",
    "": "the output of total.py does not match 'pattern'; it printed nothing",
    "print('total: nan')": "score returned NaN",
    "print('total: 1,5')": "total.py printed '1,5', where a number is needed",
    "sys.exit(2)": "total.py left with exit code 2; it printed nothing",
    "print('total: 3'); sys.exit(1)": "total.py left with exit code 1: total: 3",
    "os.kill(os.getpid(), 9)": "total.py was killed (SIGKILL: out of memory, or by a user); it",
    "os.abort()": "total.py died of SIGABRT; it printed nothing",
    "print('total: 3\\n' + 'x' * 4_000_000)": (
        "the output of total.py does not match 'pattern': total: 3 xxx"
    ),
}


@pytest.mark.parametrize("body", FAULTS)
def test_a_fault_of_a_program_empties_its_own_cell(tmp_path, body) -> None:
    scores = scored(write(tmp_path, body))
    assert {*scores.values} == {"mse", "psnr_db"}
    assert scores.reasons["total_error"].startswith(FAULTS[body])
    assert len(scores.reasons["total_error"]) <= 200


def test_megabytes_before_the_number_do_no_harm(tmp_path) -> None:
    path = write(tmp_path, f"print('x' * 30_000_000)\n{PRINT}")
    assert scored(path).values["total_error"] == TOTAL


def test_a_program_that_hangs_is_ended_and_nothing_else_is_lost(tmp_path) -> None:
    path = write(tmp_path, "open(sys.argv[0] + '.pid', 'w').write(str(os.getpid()))\n" + HANGS)
    started = time.monotonic()
    with supervised(time.monotonic() + 1.0):
        scores = scored(path)
    assert time.monotonic() - started < 30
    assert {*scores.values} == {"mse", "psnr_db"}
    assert scores.reasons["total_error"].startswith("total.py was not done in time and was stopped")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "total.py.pid").read_text()), 0)


def test_exit_codes_of_success_are_those_of_the_definition(tmp_path) -> None:
    path = write(tmp_path, f"{PRINT}\nsys.exit(1)", score_exit_codes="[0, 1]")
    assert scored(path).values["total_error"] == TOTAL


def test_files_beside_a_definition_are_put_where_its_program_runs(tmp_path) -> None:
    tmp_path.joinpath("weights.txt").write_text("41.5")
    body = "print('total:', open('weights.txt').read())"
    path = write(tmp_path, body, score_files='["weights.txt"]')
    assert scored(path).values["total_error"] == 41.5
    assert {*registry.provenance(find(str(path)))["source"]} == {"total.toml", "weights.txt"}


def test_a_definition_sets_variables_of_its_program_and_they_are_kept(tmp_path) -> None:
    body = "print('total:', os.environ['WEIGHT'])"
    path = write(tmp_path, body, score_environment="{ WEIGHT = '41.5' }")
    assert scored(path).values["total_error"] == 41.5
    (program,) = registry.provenance(find(str(path)))["programs"].values()
    assert program["environment"] == {"WEIGHT": "41.5"}
    path.write_text(changed(score_environment="{ WEIGHT = '{decoded}' }"))
    with pytest.raises(UsageError, match=r"key 'score\.environment\.WEIGHT': \{decoded\} is not"):
        find(str(path))


def test_a_missing_program_says_what_to_install_and_costs_nothing_else(tmp_path) -> None:
    path = write(tmp_path, score_program='"there-is-none"')
    record = find(str(path))
    reason = (
        "program 'there-is-none' is missing ('there-is-none' is not on PATH): write it again; or "
        "set RDBENCH_THERE_IS_NONE to it"
    )
    scores = scored(path)
    assert scores.reasons == {"total_error": reason}
    assert {*scores.values} == {"mse", "psnr_db"}
    with pytest.raises(MissingBackendError, match="write it again"):
        registry.version(record)
    told = registry.provenance(record)
    assert (told["version"], told["programs"], told["missing"]) == ("", {}, reason)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "key 'name': is missing"),
        ({"name": '"Total"'}, "metric 'Total': a name may only have a to z"),
        ({"name": '"size_bytes"'}, "a column of this name has another meaning"),
        ({"higher_is_better": ""}, "key 'higher_is_better': is missing"),
        ({"higher_is_better": "1"}, "key 'higher_is_better': 1 is not true or false"),
        ({"revison": "1"}, "key 'revison': unknown key 'revison'; did you mean 'revision'?"),
        ({"revision": "0"}, "revision and least_side must be at least 1"),
        ({"channels": "[]"}, "key 'channels': has no values"),
        ({"channels": "[1, 4]"}, "key 'channels[1]': unknown value '4'; known: 1, 3"),
        ({"channels": "[true]"}, "key 'channels[0]': true is not a whole number"),
        ({"input": '"jpeg"'}, "key 'input': unknown value 'jpeg'"),
        ({"pattern": ""}, "key 'pattern': is missing"),
        ({"pattern": "'('"}, "key 'pattern': is not a regular expression: "),
        ({"pattern": "'total: .*'"}, "key 'pattern': 'total: .*' needs exactly one group"),
        ({"pattern": "'(.)(.)'"}, "key 'pattern': '(.)(.)' needs exactly one group"),
        ({"score_program": '""'}, "key 'score.program': '' names no program"),
        ({"score_progam": '"a"'}, "key 'score.progam': unknown key 'progam'; did you mean"),
        ({"score_pattern": "'['"}, "key 'score.pattern': is not a regular expression"),
        ({"score_arguments": '["{original}"]'}, "key 'score.arguments': {decoded} is not among"),
        (
            {"score_arguments": '["{original}", "{decoded}", "{point}"]'},
            "key 'score.arguments[2]': {point} is not one of decoded, original",
        ),
        ({"score_arguments": "[3]"}, "key 'score.arguments[0]': 3 is not text"),
        (
            {"score_arguments": '["{original}", "{decoded}", "../x"]'},
            "key 'score.arguments[2]': '../x' leads out of the temporary folder",
        ),
        (
            {"score_arguments": '["{original}", "/tmp/{decoded}"]'},
            "key 'score.arguments[1]': '/tmp/{decoded}': {decoded} is a file in the folder",
        ),
        ({"score_files": '["absent"]'}, "key 'score.files[0]': 'absent' is not a file beside"),
        ({"score_exit_codes": "[]"}, "key 'score.exit_codes': has no values"),
        ({"score_exit_codes": "[0, -9]"}, "key 'score.exit_codes[1]': -9 is not between 0 and 255"),
        ({"score_exit_codes": "[256]"}, "key 'score.exit_codes[0]': 256 is not between 0 and 255"),
        ({"score_exit_codes": "[true]"}, "key 'score.exit_codes[0]': true is not a whole number"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_file_and_key(tmp_path, changes, message) -> None:
    path = write(tmp_path)
    path.write_text(changed(**changes))
    with pytest.raises(UsageError) as caught:
        find(str(path))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"program metric '{path}'")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(
        UsageError, match=r"program metric '.*none\.toml': No such file or directory"
    ):
        find("none.toml")


def test_compare_of_imagemagick_gives_the_mean_squared_error(tmp_path) -> None:
    if shutil.which("compare") is None:
        pytest.skip("program 'compare' is missing: apt-get install imagemagick")
    path = tmp_path / "compare.toml"
    path.write_text(COMPARE)
    for channels in (1, 3):
        original = ORIGINAL[:, :, :channels]
        decoded = cv2.GaussianBlur(original, (5, 5), 0).reshape(original.shape)
        values = scored(path, original, decoded).values
        # It prints six digits of a number from 0 to 1.
        assert values["compare_mse"] * 255**2 == pytest.approx(values["mse"], rel=1e-5)
        assert scored(path, original, original).values["compare_mse"] == 0
    assert registry.version(find(str(path))).startswith("compare ")
