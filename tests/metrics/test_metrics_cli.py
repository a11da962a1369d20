"""``rdbench metrics`` and ``rdbench conformance metric``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.conforming.material import compressed, photograph
from rdbench.errors import UsageError
from rdbench.metrics import BUILT_IN, find, psnr

from . import broken_metrics
from .conftest import OFFERED
from .programs import write

FILE = Path(broken_metrics.__file__)


def output(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def test_list_names_all_metrics_with_their_direction() -> None:
    lines = output("metrics", "list").splitlines()
    assert [line.split()[0] for line in lines] == list(BUILT_IN)
    words = [re.split("  +", line) for line in lines]
    assert words[0][:3] == ["mse", "less is better", "MSE"]
    assert words[1][:3] == ["psnr_db", "more is better", "PSNR [dB]"]
    assert words[1][3].startswith("10 log10(255^2 / mse)")


def test_list_imports_nothing_that_computes() -> None:
    program = (
        "import sys; from rdbench.cli import app\n"
        "try: app(['metrics', 'list'])\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'cv2', 'torch', 'skimage'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


def test_metrics_of_packages_are_listed_and_examined(install) -> None:
    install("offered_error = offered:MeanError\nssim = offered:MeanError")
    lines = output("metrics", "list").splitlines()
    assert re.fullmatch(r"offered_error +from the package offered", lines[-1])
    (ssim,) = (line for line in lines if line.startswith("ssim "))
    assert ssim.endswith("; refused: from the package rdbench and offered")
    text = output("metrics", "doctor", status=1)
    assert re.search(r"^offered_error +ok       Mean error \d+\.\d+, ", text, re.MULTILINE)
    assert "offered 1.0" in text
    assert "failed   metric 'ssim' is offered by rdbench and by offered;" in text
    assert counts(text) == (len(BUILT_IN), 1)


def counts(text: str) -> tuple[int, int]:
    """How many the doctor found to be fine or missing, and failed. Only what others compute may be
    missing: their packages, programs and weights."""
    words = [line.split() for line in text.splitlines()]
    missing = {row[0] for row in words if row[1:2] == ["missing"]}
    others = {record.name for record in BUILT_IN.values() if ".extra." in record.target}
    assert missing <= others
    found = re.search(r"^(\d+) ok, (\d+) failed, (\d+) missing$", text, re.MULTILINE)
    assert found
    assert int(found[3]) == len(missing)
    return int(found[1]) + int(found[3]), int(found[2])


def test_show_has_all_of_the_record(tmp_path: Path) -> None:
    for name in BUILT_IN:
        record = find(name)
        text = output("metrics", "show", name)
        for part in (record.label, record.definition, record.computed_on, record.target):
            assert part in text
    text = output("metrics", "show", "ms_ssim_db")
    assert "pooled      decibels of the mean MS-SSIM\nwith it     ms_ssim\n" in text
    path = write(tmp_path, channels="[1]", least_side="8", revision="3", unit='"steps"')
    text = output("metrics", "show", str(path))
    assert "label       Total error [steps]\ndirection   less is better\n" in text
    assert "images      gray\nleast side  8 px\n" in text
    assert "revision    3\nversion     total.py 1.5\n" in text
    assert re.search(r"^file        total.toml sha256:[0-9a-f]{64}$", text, re.MULTILINE)


def test_show_tells_of_a_program_that_is_missing_and_of_a_name_that_is_unknown(tmp_path) -> None:
    path = write(tmp_path, score_program='"there-is-none"')
    text = output("metrics", "show", str(path))
    assert "version     not known: program 'there-is-none' is missing" in text
    assert "install     write it again" in text
    with pytest.raises(UsageError, match=r"did you mean .*'ms_ssim'"):
        output("metrics", "show", "mssim")


def test_doctor_scores_a_degraded_photograph() -> None:
    lines = output("metrics", "doctor").splitlines()
    photo = photograph(3)
    db = psnr(photo, compressed(photo, 30))
    assert re.match(rf"psnr_db +ok       PSNR {db:.6g} dB, \d\.\d+ s$", lines[1])
    assert counts("\n".join(lines)) == (len(BUILT_IN), 0)


def test_doctor_says_what_fails_and_what_to_install(tmp_path: Path) -> None:
    there = write(tmp_path / "there")
    missing = write(tmp_path / "missing", score_program='"there-is-none"')
    text = output("metrics", "doctor", str(there), str(missing), f"{FILE}:Raises", status=1)
    assert re.search(r"there/total.toml +ok       Total error \d+, ", text)
    assert re.search(rf"^ +total.py 1.5\n +{tmp_path}/there/total.py$", text, re.MULTILINE)
    assert "missing  program 'there-is-none' is missing ('there-is-none' is not on PATH)" in text
    assert "failed   raised ZeroDivisionError: no windows" in text
    assert text.splitlines()[-1] == "1 ok, 1 failed, 1 missing"


def test_doctor_ends_a_program_that_hangs(tmp_path: Path) -> None:
    path = write(tmp_path, "time.sleep(60)")
    text = output("metrics", "doctor", str(path), "--timeout", "5", status=1)
    assert "failed   total.py was not done in time and was stopped; it printed nothing" in text


def test_doctor_outlives_a_metric_that_hangs_or_crashes() -> None:
    names = [f"{FILE}:{name}" for name in ("Hangs", "Crashes", "MeanError")]
    text = output("metrics", "doctor", *names, "--timeout", "5", status=1)
    assert "failed   a photograph: not done after 5 s" in text
    assert "failed   a photograph: the process died of SIGABRT" in text
    assert text.splitlines()[-1] == "1 ok, 2 failed, 0 missing"


def test_conformance() -> None:
    text = output("conformance", "metric", "psnr_db")
    assert text.splitlines()[-1] == "psnr_db: conforms (10 passed, 0 failed, 1 skipped)"
    text = output("conformance", "metric", f"{FILE}:Saturates", status=1)
    assert "noise       failed   256×192×1: noise 10 scores 5" in text
    assert "Saturates: does not conform" in text


def test_conformance_of_a_codec_may_say_so() -> None:
    assert "png: conforms" in output("conformance", "codec", "png")
    with pytest.raises(UsageError, match="unknown kind 'metrc'; did you mean 'metric'"):
        output("conformance", "metrc", "ssim")
    with pytest.raises(UsageError, match="one name at a time, not ssim mse"):
        output("conformance", "metric", "ssim", "mse")


def test_a_metric_of_one_file_in_fifteen_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OFFERED.replace('"Mean error"', '"Mean error", definition="Mean of |a - b|."'))
    assert len(path.read_text().splitlines()) <= 15
    assert "conforms (10 passed, 0 failed" in output("conformance", "metric", f"{path}:MeanError")
