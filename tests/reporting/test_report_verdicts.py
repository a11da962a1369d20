"""A page with what a gate found stands for what ``rdbench check`` prints."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import rdbench
from rdbench import gate
from rdbench.cli import app
from rdbench.errors import UsageError
from rdbench.gate import outputs
from tests.curves.encoded import encoded_rows, replaced
from tests.reporting.test_report_page import WIDTHS, cells
from tests.test_metrics_everywhere import run_of

HOSTILE = '<script>alert(1)</script>"{{ 7 * 7 }}'


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run in which JPEG costs more than in the baseline, and a curve is new; its verdicts."""
    folder = tmp_path_factory.mktemp("judged")
    rows = encoded_rows(6)
    baseline = folder / "baseline.csv"
    gate.update(run_of(folder / "before", [r for r in rows if r.codec != "webp"]), baseline)
    now = [replaced(row, bpp=row.bpp * 1.1) if row.codec == "jpeg" else row for row in rows]
    now = [replaced(r, label=HOSTILE) if r.codec == "webp" else r for r in now]
    run = run_of(folder / "after", now)
    return run, baseline, gate.check(run, baseline)


def test_the_table_is_that_of_check(visit, judged, tmp_path):
    run, _, report = judged
    shown = visit(rdbench.report(run, verdicts=report, out=tmp_path / "page.html"))
    section = shown.page.locator("#verdicts")
    assert "failed" in section.locator("h2").inner_text()
    found = [row for row in cells(section) if len(row) > 1]
    printed = outputs.table(report).splitlines()
    assert [row[0] for row in found] == [curve.verdict for curve in report.curves]
    assert {row[0] for row in found} == {"worse", "same", "new"}
    for row in found:
        assert any(line.split() == " ".join(row).split() for line in printed)
    said = section.locator(".said li").all_inner_texts()
    assert said == [text for curve in report.curves for text in outputs.details(curve)]
    assert shown.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_accessible(visit, judged, tmp_path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    run, _, report = judged
    page = rdbench.report(run, verdicts=report, out=tmp_path / "page.html")
    for width in WIDTHS:
        shown = visit(page, width=width, scheme=scheme)
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(shown.page).response["violations"]
        assert not [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")]


def test_check_writes_it(judged, tmp_path):
    run, baseline, _ = judged
    page = tmp_path / "page.html"
    command = ["check", str(run), "--baseline", str(baseline), "--report", str(page)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert str(page) in done.stderr
    assert "Against the baseline: failed" in page.read_text()


def test_a_folder_is_no_page(judged, tmp_path):
    run, baseline, report = judged
    command = ["check", str(run), "--baseline", str(baseline), "--report"]
    for folder in (str(tmp_path), ""):
        done = CliRunner().invoke(app, [*command, folder])
        assert isinstance(done.exception, UsageError)
        assert "is a folder; name a file" in str(done.exception)
        assert done.stdout == ""
    with pytest.raises(UsageError, match="is a folder; name a file"):
        rdbench.report(run, verdicts=report, out=tmp_path)


def test_a_page_without_verdicts_has_no_place_for_them(page):
    assert 'id="verdicts"' not in page.read_text()
