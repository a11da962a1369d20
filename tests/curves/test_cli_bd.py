"""``rdbench bd`` as it is called."""

from __future__ import annotations

import csv
import io

import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.errors import UsageError
from tests.curves.encoded import as_csv, encoded_rows


@pytest.fixture
def run(tmp_path):
    (tmp_path / "measurements.csv").write_text(as_csv(encoded_rows()))
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, ["bd", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_prints_a_table_and_keeps_the_values(run):
    result = call(run, "--anchor", "jpeg", "--bootstrap", 100)
    assert result.exit_code == 0
    assert "photos, PSNR [dB], against jpeg" in result.stdout
    assert "BD-PSNR [dB]" in result.stdout
    assert "100 resamples" in result.stdout
    kept = list(csv.DictReader(io.StringIO((run / "bd.csv").read_text(encoding="utf-8"))))
    assert {row["test"] for row in kept} == {"webp", "jpeg2000", "png"}
    first = float(kept[0]["value"])
    assert f"{first:+.2f}" in result.stdout


def test_csv_is_the_file_and_the_same_again(run):
    options = (run, "--anchor", "webp", "--csv", "--bootstrap", 50, "--seed", 3)
    first = call(*options).stdout
    assert first == (run / "bd.csv").read_text()
    assert call(*options).stdout == first
    assert call(*options[:-1], 4).stdout != first
    rows = list(csv.DictReader(io.StringIO(first)))
    assert {row["seed"] for row in rows} == {"3"}


def test_other_formats_and_warnings(run):
    result = call(run, "--anchor", "jpeg", "--markdown", "--bootstrap", 0)
    assert result.stdout.count("| --- |") == 1
    assert "intervals" not in result.stdout
    assert "warning: photos, psnr_db: BD-rate rests on less than 75 % overlap" in result.stderr
    assert "toprule" in call(run, "--anchor", "jpeg", "--latex", "--bootstrap", 0).stdout
    nothing = call(run, "--anchor", "jpeg", "--min-overlap", 100, "--csv", "--bootstrap", 0)
    assert "less than 100 %" in nothing.stdout


def test_a_csv_file_is_read_and_nothing_written(run):
    call(run / "measurements.csv", "--anchor", "jpeg", "--bootstrap", 0)
    assert [path.name for path in run.iterdir()] == ["measurements.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--anchor", "jpg"), "did you mean 'jpeg'"),
        (("--anchor", "jpeg", "--metric", "psnr"), "did you mean 'psnr_db'"),
        (("--anchor", "jpeg", "--metric", "mse"), "falls with quality"),
        (("--anchor", "jpeg", "--csv", "--latex"), "exclude each other"),
        (("--anchor", "published:vtn"), "did you mean"),
    ],
)
def test_what_the_user_must_change_is_said(run, options, message):
    with pytest.raises(UsageError, match=message):
        call(run, *options)
    assert not (run / "bd.csv").exists()
