"""The file of a baseline: what it keeps, and everything that can be wrong with it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.gate import Limits, Verdict, check, read_baseline, update
from rdbench.schema import SCHEMA_VERSION
from tests.gate.rows import as_csv, changed, measured, of, resized, shifted

LABELS = ["=cmd|' /C calc'!A0", "Größe 日本語", 'a "b", c\r\nd', "\x1b[31m&<x>]]>"]


@pytest.fixture
def run(tmp_path):
    return write(tmp_path / "run" / "measurements.csv", as_csv(measured()))


@pytest.fixture
def baseline(run, tmp_path):
    return update(run, tmp_path / "baseline.csv").path


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def table(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def test_it_keeps_what_is_the_same_at_each_run_and_describes_itself(run, baseline):
    rows = table(baseline)
    assert len(rows) == 60
    assert {row["schema_version"] for row in rows} == {str(SCHEMA_VERSION)}
    assert {row["revisions"] for row in rows} == {"mse=1;psnr_db=1"}
    unsteady = {"encode_s", "decode_s", "timing", "encode_cpu_s", "decode_cpu_s", "peak_rss_mb"}
    unsteady |= {"load", "added_rss_mb", "program_rss_mb"}
    assert not unsteady & set(rows[0])
    assert set(rows[0]) <= {*table(run)[0], "schema_version", "revisions"}
    assert rows[0]["psnr_db"] in {row["psnr_db"] for row in table(run)}
    read = read_baseline(baseline)
    assert sorted(row.key for row in read.rows) == sorted(row.key for row in measured())
    assert check(run, baseline, Limits(0, 0)).fine


def test_it_does_not_depend_on_the_order_or_times_of_the_run(run, baseline, tmp_path):
    before = baseline.read_bytes()
    rows = [dataclasses.replace(row, encode_s=9.0) for row in reversed(measured())]
    update(write(tmp_path / "again.csv", as_csv(rows)), baseline)
    assert baseline.read_bytes() == before
    update(run, baseline, Limits(max_slowdown=20))
    assert {row["timing"] for row in table(baseline)} == {"isolated"}
    assert check(run, baseline, Limits(max_slowdown=20)).fine


def test_a_run_directory_and_its_csv_are_baselines_too(run):
    copy = write(run.parent.parent / "copy" / "measurements.csv", run.read_text())
    assert check(run.parent, copy.parent).fine
    assert check(run.parent, copy).fine
    with copy.open("a") as file:
        file.write("photos,torn")  # its run was killed
    assert check(run.parent, copy.parent).fine
    with pytest.raises(UsageError, match=r"line 62: 2 cells instead of \d+; name a baseline"):
        check(run.parent, copy)


def test_crlf_a_byte_order_mark_and_a_missing_last_line_end_do_no_harm(run, baseline):
    text = baseline.read_text(encoding="utf-8")
    for other in (text.replace("\n", "\r\n"), "\ufeff" + text, text.rstrip("\n")):
        write(baseline, other)
        assert check(run, baseline, Limits(0, 0)).fine
        assert len(read_baseline(baseline).rows) == 60
    write(run, "\ufeff" + run.read_text().replace("\n", "\r\n"))
    assert check(run, baseline, Limits(0, 0)).fine


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_kept_as_they_are(tmp_path, label):
    rows = [dataclasses.replace(row, label=label) for row in of("webp")]
    run = write(tmp_path / "run.csv", as_csv(rows))
    path = update(run, tmp_path / "baseline.csv").path
    assert {row.label for row in read_baseline(path).rows} == {label}
    (curve,) = check(run, path).curves
    assert (curve.title, curve.verdict, curve.notes) == (label, Verdict.SAME, ())


def refused(run, path, text, message):
    write(path, text)
    with pytest.raises(UsageError, match=message) as error:
        check(run, path)
    assert "`update`" in str(error.value)
    assert path.read_text(encoding="utf-8") == text.replace("\r\n", "\n")


def test_what_is_no_baseline_is_refused_with_the_way_out(run, baseline):
    text = baseline.read_text(encoding="utf-8")
    header = text.partition("\n")[0]
    baseline.unlink()
    with pytest.raises(UsageError, match=r"baseline .* does not exist; `update` writes it"):
        check(run, baseline)
    refused(run, baseline, "", "is empty")
    refused(run, baseline, header + "\n", "is empty: it has no measurements")
    message = "lacks the columns dataset, image, .*; name a baseline that `update` wrote, or"
    refused(run, baseline, "a;b\n1;2\n", message)
    rows = list(csv.reader(io.StringIO(text)))
    for gone in ("image_sha256", "bpp", "codec_version"):
        place = rows[0].index(gone)
        lacking = "\n".join(",".join(row[:place] + row[place + 1 :]) for row in rows)
        refused(run, baseline, lacking, f"lacks the columns {gone}")
    refused(run, baseline, text[: len(text) // 2], "cells instead of|ends within a row")
    refused(run, baseline, text + '"never closed', "ends within a row")
    refused(run, baseline, text.replace("photos", "photos,", 1), "line 2: .* cells instead of")
    refused(run, baseline, text.replace(",ok,,", ",ok,,x", 1), "column 'size_bytes'")
    baseline.write_bytes(text.encode("utf-16"))
    with pytest.raises(UsageError, match="UTF-8"):
        check(run, baseline)


def test_rows_that_are_there_twice(run, baseline):
    text = baseline.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    write(baseline, text + lines[5])
    assert len(read_baseline(baseline).rows) == 60
    refused(run, baseline, text + lines[5].replace(",ok,", ",ok,9"), "two different rows for 'as")
    twice = [dataclasses.replace(row, label="again") for row in of("webp")]
    refused(
        run, baseline, as_csv([*of("webp"), *twice]), "codec 'webp' with the same options twice, as"
    )
    mixed = text.replace("mse=1", "mse=2", 1)
    refused(run, baseline, mixed, "rows of two revisions of mse")
    mixed = text.replace("mse=1", "mse=one", 1)
    refused(run, baseline, mixed, "has the revision 'one' of mse, which is not a number")


def test_schemas(run, baseline):
    text = baseline.read_text(encoding="utf-8")
    now, revisions = f",{SCHEMA_VERSION},", "mse="
    old = text.replace(now + revisions, ",1," + revisions)
    write(baseline, old)
    report = check(run, baseline)
    assert report.fine
    assert report.notes[0].endswith(f"has schema 1 and was read as schema {SCHEMA_VERSION}")
    for version in (SCHEMA_VERSION + 1, 0, "x"):
        other = text.replace(now + revisions, f",{version},{revisions}")
        refused(run, baseline, other, f"has schema {version}, but this rdbench reads only up to")
    assert update(run, baseline).problem.startswith("the baseline ")
    assert baseline.read_text(encoding="utf-8") == text


def test_a_baseline_with_digests_of_prose_is_read_and_only_unknown_ones_are_others(run, baseline):
    """The digests of schema 2 are those of the definitions of revision 1."""
    kept = read_baseline(Path(__file__).parents[2] / "baselines" / "quickstart.csv")
    assert len(kept.rows) == 250
    assert {name: record.revision for name, record in kept.told.items()} == dict.fromkeys(
        ("mse", "psnr_db", "psnr_y_db", "ssim", "ms_ssim", "ms_ssim_db"), 1
    )
    assert kept.undefined == frozenset()
    text = baseline.read_text(encoding="utf-8")
    older = text.replace(",revisions\n", ",definitions\n").replace("mse=1", "mse=48ae917b")
    write(baseline, older.replace("psnr_db=1", "psnr_db=cce320d1"))
    write(run, as_csv(changed(measured(), shifted(0.01))))
    assert check(run, baseline, Limits(9)).fine
    write(baseline, older.replace("psnr_db=1", "psnr_db=01234567"))
    found = check(run, baseline, Limits(9)).curves[0].findings[0]
    assert found.verdict is Verdict.NOT_COMPARABLE
    assert found.text.endswith("(as no known revision)")


def test_a_run_of_a_newer_schema_is_refused(run, baseline):
    write(run.parent / "run.json", json.dumps({"schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(UsageError, match="use a newer rdbench"):
        check(run.parent, baseline)


def test_update_says_what_changes_and_what_was_not_readable(run, tmp_path):
    path = tmp_path / "deep" / "er" / "baseline.csv"
    first = update(run, path)
    assert (first.rows, first.report, first.problem, first.failures) == (60, None, "", ())
    write(run, as_csv(changed(measured(), resized(1.1), lambda row: row.codec == "webp")))
    second = update(run, path)
    assert [curve.verdict for curve in second.report.curves].count(Verdict.WORSE) == 1
    assert check(run, path).fine
    write(path, path.read_text(encoding="utf-8")[:5000])
    third = update(run, path)
    assert "cells instead of" in third.problem
    assert check(run, path).fine


def test_update_names_new_failures_and_refuses_what_would_guard_nothing(run, tmp_path):
    path = tmp_path / "baseline.csv"
    failed = changed(
        of("webp"), lambda row: {"status": "failed", "message": "oh"}, lambda r: r.image == "coffee"
    )
    write(run, as_csv(failed))
    assert update(run, path).failures == ("webp (photos): image coffee (failed: oh)",)
    assert update(run, path).failures == ()
    before = path.read_bytes()
    write(run, as_csv([dataclasses.replace(row, status="failed") for row in failed]))
    with pytest.raises(UsageError, match=r"has no ok row, so a baseline of it would protect noth"):
        update(run, path)
    assert path.read_bytes() == before


def test_paths_that_cannot_be_baselines(run, tmp_path):
    for action in (check, update):
        with pytest.raises(UsageError, match="is the baseline itself"):
            action(run.parent, run)
    other = write(tmp_path / "other.csv", run.read_text())
    for path in (tmp_path, other, write(tmp_path / "notes.txt", "mine\n")):
        with pytest.raises(UsageError, match="exists and is not a baseline that `update` wrote"):
            update(run, path)
    assert other.read_text() == run.read_text()
    with pytest.raises(UsageError, match=r"cannot write .*: .*; name another file with `baseline`"):
        update(run, run / "baseline.csv")
    with pytest.raises(UsageError, match="no measurements at"):
        check(tmp_path / "nothing", run)


def test_an_update_that_is_killed_leaves_the_old_baseline(run, baseline, tmp_path):
    """Killed once the new file is written in part, and once it is whole but not yet in place."""
    before = baseline.read_bytes()
    write(run, as_csv(changed(measured(), shifted(0.5), lambda row: row.codec == "webp")))
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    for fault in (
        f"os.fsync = lambda file: (os.ftruncate(file, 1000), {kill})",
        f"pathlib.Path.replace = lambda *_: {kill}",
    ):
        code = (
            f"import os, pathlib, signal\n{fault}\n"
            "from rdbench.gate import update\n"
            f"update({str(run)!r}, {str(baseline)!r})"
        )
        done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
        assert baseline.read_bytes() == before
    update(run, baseline)
    assert baseline.read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["baseline.csv", "run"]
