"""Codecs at several efforts: on the page stands what ``rdbench bd --complexity`` prints of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rdbench
from rdbench.cli import app
from tests.reporting.test_report_page import WIDTHS


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A run of an encoder at three efforts, and one without any."""
    run = tmp_path_factory.mktemp("efforts") / "run"
    outcome = rdbench.run(
        codecs=["jpegxl:effort=1/3/4,points=8/4/2/1", "jpeg:points=20/50/80/90"],
        datasets="photos",
        metrics=["psnr_db"],
        color="luma",
        out=run,
    )
    assert not outcome.failures
    return run


def test_they_stand_at_equal_time_as_bd_has_them(visit, measured, tmp_path):
    shown = visit(rdbench.report(measured, anchor="jpeg", out=tmp_path / "page.html"))
    section = shown.see("costs").locator(".efforts")
    printed = CliRunner().invoke(
        app, ["bd", str(measured), "--anchor", "jpeg", "--complexity", "--markdown"]
    )
    head = section.locator(".tables thead th").all_text_contents()
    rows = section.locator(".tables tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    lines = [re.sub(r"\s*\|\s*", "|", line).strip("|") for line in printed.stdout.splitlines()]
    assert [line for line in lines if line == "|".join(head)]
    assert len(rows) == 4
    for row in rows:
        assert "|".join(row) in lines
    marks = section.locator("[aria-roledescription=point]")
    told = marks.evaluate_all("marks => marks.map(mark => mark.getAttribute('aria-label'))")
    assert len(told) == 4
    assert {re.search(r"curve: ([^;]+)", text)[1] for text in told} == {row[0] for row in rows}
    assert shown.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_they_fit(visit, measured, tmp_path, width):
    page = rdbench.report(measured, anchor="jpeg", out=tmp_path / "page.html")
    shown = visit(page, width=width, scheme="dark")
    shown.see("costs")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.complaints == []


def test_one_effort_has_no_such_chart(visit, page):
    assert not visit(page).see("costs").locator(".efforts").is_visible()
