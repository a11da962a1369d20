"""The page of runs that are out of the ordinary: hostile names, failures, little, infinite, old."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest

import rdbench
from rdbench.schema import FAILED
from rdbench.text import printable
from tests.curves.encoded import encoded_rows, replaced
from tests.reporting.test_report_page import SECTIONS, tooltips

HOSTILE = (
    "https://example.org/a.png",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "\"quotes\" 'and' & amp;",
    "<!-- comment",
    "‮rtl עברית",
    "long " * 60,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_messages_are_text(visit, page_of, text):
    rows = [
        replaced(row, image=f"{row.image} {text}", label=text if row.codec == "webp" else row.label)
        for row in encoded_rows(4)
    ]
    rows += [
        dataclasses.replace(
            row,
            status=FAILED,
            message=text,
            scores={},
            size_bytes=None,
            bpp=None,
            codec="hm",
            label=f"hm {text}",
        )
        for row in encoded_rows(4)[:3]
    ]
    shown = visit(page_of(rows))
    for section in SECTIONS:
        shown.see(section)
    mark = shown.see("images").locator("[aria-roledescription=bar]").last
    mark.scroll_into_view_if_needed()
    mark.hover()
    tip = shown.page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    assert " ".join(printable(text).split())[:20] in " ".join(tip.text_content().split())
    assert shown.complaints == []
    assert shown.page.locator("img").count() == 0
    words = " ".join(printable(text).split())
    for section in ("#deltas", "#failures"):
        assert words in " ".join(shown.page.locator(section).text_content().split())
    wide = shown.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]


def test_a_run_with_nothing_but_failures(visit, page_of):
    rows = [
        dataclasses.replace(
            row, status=FAILED, message="broken", scores={}, size_bytes=None, bpp=None
        )
        for row in encoded_rows(4)
    ]
    shown = visit(page_of(rows))
    assert "nothing was measured" in shown.see("curves").text_content()
    assert "60 of 60 measurements have no result" in shown.see("failures").text_content()
    assert shown.complaints == []


@pytest.mark.parametrize(
    "kept",
    [
        lambda row: row.codec == "jpeg",
        lambda row: row.codec == "png",  # one point, without a loss
        lambda row: row.codec == "jpeg" and row.point == 50,
        lambda row: row.image == "coffee",
    ],
)
def test_one_codec_one_point_one_image(visit, page_of, kept):
    shown = visit(page_of([row for row in encoded_rows(4) if kept(row)]))
    for section in SECTIONS:
        shown.see(section)
    assert shown.complaints == []


def test_two_datasets_are_kept_apart(visit, page_of):
    rows = encoded_rows(4)
    rows = [
        *rows,
        *(replaced(row, dataset="others", psnr_db=row.scores["psnr_db"] + 1) for row in rows),
    ]
    shown = visit(page_of(rows))
    first = tooltips(shown.see("curves"))
    shown.choose(panel="others, 4 images")
    assert first != tooltips(shown.see("curves"))
    assert shown.page.locator("select[name=panel] option").count() == 2


def test_a_run_of_an_older_version_has_a_page(visit, coded, tmp_path):
    manifest = json.loads((coded / "run.json").read_text())
    del manifest["metrics"]
    manifest["schema_version"] = 2
    older = tmp_path / "older"
    older.mkdir()
    (older / "run.json").write_text(json.dumps(manifest))
    (older / "measurements.csv").write_bytes((coded / "measurements.csv").read_bytes())
    shown = visit(rdbench.report(older))
    assert tooltips(shown.see("curves"))
    assert shown.complaints == []


def test_a_label_that_a_spreadsheet_would_run_has_an_apostrophe_in_downloads(visit, page_of):
    rows = [
        replaced(row, label="=1+1" if row.codec == "webp" else row.label) for row in encoded_rows(4)
    ]
    shown = visit(page_of(rows))
    shown.see("deltas")
    shown.see("measurements")
    for what in ("deltas", "means"):
        with shown.page.expect_download() as download:
            shown.page.click(f"[data-csv={what}]")
        text = download.value.path().read_text(encoding="utf-8")
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert "'=1+1" in cells
        assert "=1+1" not in cells
