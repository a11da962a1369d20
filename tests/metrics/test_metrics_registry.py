"""Metrics of installed packages, and what a run notes of the metrics that it has."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from rdbench.errors import MissingBackendError, UsageError
from rdbench.metrics import BUILT_IN, Reference, choose, find, registry

from . import broken_metrics
from .conftest import OFFERED
from .programs import write

FILE = Path(broken_metrics.__file__)


def test_a_metric_of_an_installed_package_is_found_by_its_name(install) -> None:
    install("offered_error = offered:MeanError")
    image = np.zeros((4, 5, 3), np.uint8)
    scores = Reference(image, choose(["offered_error"])).score(image + np.uint8(3))
    assert scores.values == {"mse": 9, "offered_error": 3}
    assert scores.reasons == {}
    assert registry.names() == [*BUILT_IN, "offered_error"]
    assert registry.provenance(find("offered_error"))["version"] == "offered 1.0"
    with pytest.raises(UsageError, match="did you mean 'offered_error'"):
        find("offered_eror")


def test_an_entry_point_never_takes_the_name_of_a_built_in(install) -> None:
    install("ssim = offered:MeanError\noffered_error = offered:MeanError")
    with pytest.raises(UsageError, match="metric 'ssim' is offered by rdbench and by offered;"):
        find("ssim")
    assert find("psnr_db") is BUILT_IN["psnr_db"]


def test_two_packages_with_one_name_are_refused(install) -> None:
    install("offered_error = offered:MeanError")
    install("offered_error = other:MeanError", package="other")
    with pytest.raises(UsageError, match=r"is offered by (offered and by other|other and by off)"):
        find("offered_error")


def test_a_file_never_takes_the_name_of_an_installed_metric(install, tmp_path) -> None:
    install("offered_error = offered:MeanError")
    with pytest.raises(UsageError, match="'offered_error' of a metric of offered; rename it"):
        find(f"{tmp_path / 'offered.py'}:MeanError")


def test_an_entry_point_of_another_name_is_refused(install) -> None:
    install("mean_error = offered:MeanError")
    with pytest.raises(UsageError, match="offers the metric 'offered_error' as 'mean_error'"):
        find("mean_error")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("import there_is_none", MissingBackendError, "No module named 'there_is_none'"),
        ("1 / 0", UsageError, "cannot be imported: ZeroDivisionError: division by zero"),
        ("", UsageError, "is not a subclass of rdbench.Metric"),
    ],
)
def test_a_package_that_is_broken_says_how(install, text, error, message) -> None:
    install("offered_error = offered:MeanError", text)
    with pytest.raises(error, match=message):
        find("offered_error")


def test_a_beside_that_is_none_is_refused(install) -> None:
    install("offered_error = offered:MeanError", OFFERED.replace('"Mean error"', "beside=('x',)"))
    with pytest.raises(UsageError, match="beside names 'x', which is not a metric of rdbench"):
        find("offered_error")


def test_provenance_of_a_built_in_has_no_files() -> None:
    record = BUILT_IN["ms_ssim_db"]
    told = registry.provenance(record)
    assert told == {**record.plain(), "version": "", "source": {}, "programs": {}}
    assert json.loads(json.dumps(told)) == told


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_provenance_of_a_file_has_the_digests_of_what_it_imports(tmp_path) -> None:
    main, helper = tmp_path / "main.py", tmp_path / "provenance_inner" / "provenance_helper.py"
    helper.parent.mkdir()
    main.write_text(f"from provenance_inner import provenance_helper\n{OFFERED}")
    helper.write_text("x = 1")
    record = find(f"{main}:MeanError")
    told = registry.provenance(record)
    assert told["source"] == {
        "main.py": sha256(main),
        "provenance_inner/provenance_helper.py": sha256(helper),
    }
    helper.write_text("x = 22")
    assert registry.provenance(record)["source"]["provenance_inner/provenance_helper.py"] == sha256(
        helper
    )
    assert registry.provenance(record)["source"] != told["source"]


def test_provenance_of_a_program_has_its_definition_path_version_and_digest(tmp_path) -> None:
    path = write(tmp_path)
    told = registry.provenance(find(str(path)))
    program = tmp_path / "total.py"
    assert told["version"] == "total.py 1.5"
    assert told["source"] == {"total.toml": sha256(path)}
    assert told["programs"] == {
        "total.py": {"path": str(program), "version": "1.5", "sha256": sha256(program)}
    }
    assert "missing" not in told
    program.write_text(program.read_text() + "\n# another build\n")
    again = registry.provenance(find(str(path)))
    assert again["programs"]["total.py"]["sha256"] == sha256(program)
    assert again["programs"] != told["programs"]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("return 3", UsageError, "metric 'offered_error': version returned 3, not text"),
        ("raise KeyError('x')", UsageError, "metric 'offered_error': version raised KeyError: 'x'"),
    ],
)
def test_a_version_that_is_none_is_refused(tmp_path, body, error, message) -> None:
    path = tmp_path / "versions.py"
    path.write_text(f"{OFFERED}\n    @classmethod\n    def version(cls):\n        {body}\n")
    with pytest.raises(error, match=message):
        registry.version(find(f"{path}:MeanError"))


def test_what_a_version_says_is_one_line(tmp_path) -> None:
    path = tmp_path / "versions.py"
    path.write_text(
        f"{OFFERED}\n    @classmethod\n    def version(cls):\n        return 'a 1\\nb 2'\n"
    )
    assert registry.version(find(f"{path}:MeanError")) == "a 1 b 2"
