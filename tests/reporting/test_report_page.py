"""The page in a real browser: it shows what the tables say, and nothing else."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
import statistics
import subprocess
import sys

import pytest

import rdbench
from rdbench.curves import bd_table
from rdbench.curves.bd_tables import tables
from rdbench.errors import UsageError
from rdbench.results import read_rows
from rdbench.schema import FAILED
from tests.curves.encoded import encoded_rows, replaced
from tests.test_metrics_everywhere import run_of

WIDTHS = (1440, 375)
SECTIONS = (
    "curves",
    "glance",
    "deltas",
    "saving",
    "images",
    "costs",
    "failures",
    "measurements",
    "run",
)


def tooltips(section) -> list[str]:
    """What the points of a chart say of themselves."""
    return section.locator("[aria-roledescription=point]").evaluate_all(
        "marks => marks.map(mark => mark.getAttribute('aria-label'))"
    )


def cells(section) -> list[list[str]]:
    return section.locator("tbody tr:not(.space)").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )


def test_curves_are_the_means_of_the_measurements(visit, page, coded):
    shown = visit(page)
    told = tooltips(shown.see("curves"))
    by_point: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for row in read_rows(coded):
        if row.codec != "png":
            key = row.label, row.point
            by_point.setdefault(key, []).append((row.bpp, row.scores["psnr_db"]))
    assert len(told) == len(by_point) == 14
    for (label, point), pairs in by_point.items():
        rate, quality = map(statistics.fmean, zip(*pairs, strict=True))
        (mark,) = [
            text
            for text in told
            if f"curve: {label};" in text and re.search(rf"point: \w+ {point:g}(;|$)", text)
        ]
        x, y = (float(re.search(rf"{name}[^:]*: ([-\d.]+)", mark)[1]) for name in ("Rate", "PSNR"))
        assert (x, y) == (pytest.approx(rate, rel=1e-3), pytest.approx(quality, rel=1e-3))
    assert shown.complaints == []


def test_a_metric_that_is_chosen_changes_axis_and_values(visit, coded, tmp_path):
    rows = [replaced(row, ssim=1 - row.scores["mse"] / 1e4) for row in read_rows(coded)]
    shown = visit(rdbench.report(run_of(tmp_path / "more", rows)))
    section = shown.see("curves")
    before = tooltips(section)
    shown.choose(metric="SSIM")
    after = tooltips(section)
    assert "SSIM" in section.locator("svg.marks").text_content()
    assert all("SSIM" in text and "PSNR" not in text for text in after)
    assert before != after
    expected = statistics.fmean(
        row.scores["ssim"] for row in rows if (row.label, row.point) == ("jpeg", 50)
    )
    (mark,) = [text for text in after if "curve: jpeg;" in text and "quality 50" in text]
    assert float(re.search(r"SSIM: ([\d.]+)", mark)[1]) == pytest.approx(expected, rel=1e-4)


def test_the_table_is_that_of_bd(visit, page, coded):
    shown = visit(page)
    section = shown.see("deltas")
    for anchor, method in (("jpeg", "pchip"), ("webp", "pchip"), ("webp", "cubic")):
        shown.choose(anchor=anchor, method=method)
        (table,) = tables(bd_table(coded, anchor=anchor, method=method))
        assert cells(section) == [list(row) for row in table.rows]
        told = section.locator(".notes li").all_text_contents()
        assert told == list(table.notes)


def test_images_come_worst_first_and_open_their_curves(visit, page, coded):
    shown = visit(page)
    section = shown.see("images")
    shown.choose(test="webp")
    rows = bd_table(coded, anchor="jpeg")
    (row,) = [row for row in rows if row.test == "webp" and row.kind == "rate"]
    expected = sorted(zip(row.per_image.values, row.images, strict=True), reverse=True)
    bars = section.locator(".chart").last.locator("[aria-roledescription=bar]")
    labels = bars.evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
    assert [re.search(r"image: (\w+)", text)[1] for text in labels] == [
        name for _, name in expected
    ]
    bars.first.click()
    shown.settle()
    assert f"image={expected[0][1]}" in shown.page.url
    assert expected[0][1] in shown.page.locator("#curves .how").text_content()


def test_rows_are_filtered_and_sorted(visit, page, coded):
    shown = visit(page)
    section = shown.see("measurements")
    shown.page.fill("[name=filter]", "jpeg2000 coffee")
    shown.settle()
    assert section.locator("output").text_content() == "4 of 90 rows"
    head = section.locator("thead button").all_text_contents()
    section.get_by_role("button", name="bpp").click()
    rates = [float(row[head.index("bpp")]) for row in cells(section)]
    assert rates == sorted(rates)
    section.get_by_role("button", name="bpp").click()
    rates = [float(row[head.index("bpp")]) for row in cells(section)]
    assert rates == sorted(rates, reverse=True)
    assert {row[head.index("image")] for row in cells(section)} == {"coffee"}


def test_downloads_are_the_csv(visit, page, coded):
    shown = visit(page)
    shown.see("measurements")
    with shown.page.expect_download() as download:
        shown.page.click("[data-csv=all]")
    there = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    of_file = list(csv.DictReader(io.StringIO((coded / "measurements.csv").read_text())))
    assert len(there) == len(of_file)
    for one, other in zip(there, of_file, strict=True):
        for name, text in one.items():
            assert text == other[name] or float(text) == float(other[name])


def test_a_link_restores_what_was_chosen(visit, page):
    shown = visit(page)
    shown.choose(anchor="webp", rate="logarithmic", over="coffee")
    shown.see("measurements")
    shown.page.fill("[name=filter]", "rocket")
    shown.settle()
    fragment = shown.page.url.partition("#")[2]
    again = visit(page, fragment)
    chosen = "select => select.selectedOptions[0].textContent"
    assert again.page.locator("select[name=anchor]").evaluate(chosen) == "webp"
    assert again.page.locator("select[name=rate]").evaluate(chosen) == "logarithmic"
    assert again.page.locator("select[name=over]").evaluate(chosen) == "coffee"
    again.see("measurements")
    assert again.page.locator("[name=filter]").input_value() == "rocket"
    assert again.complaints == []


def test_a_link_to_what_is_not_there_shows_what_is(visit, page):
    shown = visit(page, "panel=nowhere&metric=none&anchor=99&image=no&method=x&sort=q")
    assert tooltips(shown.see("curves"))
    assert shown.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen_and_nothing_is_asked_for(visit, page, width, scheme):
    shown = visit(page, width=width, scheme=scheme)
    for section in SECTIONS:
        shown.see(section)
    wide = shown.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1] == width
    assert shown.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    shown = visit(page, scheme=scheme)
    for section in SECTIONS:
        shown.see(section)
    found = axe.Axe().run(shown.page).response["violations"]
    serious = [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]][:3])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_the_page_prints_all_sections(visit, page):
    shown = visit(page)
    shown.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown.settle()
    assert shown.page.pdf()[:5] == b"%PDF-"
    assert shown.page.locator("#costs svg").count() > 0


def test_published_curves_are_a_layer(visit, tmp_path):
    shown = visit(
        rdbench.report(
            [],
            published=["lee2019-mse", "webp", "bpg_444_x265_ycbcr"],
            out=tmp_path / "published.html",
        )
    )
    assert len(tooltips(shown.see("curves"))) > 10
    shown.page.uncheck("[name=published]")
    shown.settle()
    assert tooltips(shown.see("curves")) == []


def test_infinite_values_are_told_and_not_drawn(visit, page_of):
    rows = [
        replaced(row, psnr_db=math.inf, mse=0.0) if row.image == "coffee" else row
        for row in encoded_rows(4)
    ]
    shown = visit(page_of(rows, anchor="jpeg"))
    assert "coffee" not in "".join(tooltips(shown.see("curves")))
    assert "PSNR is infinite: coffee" in shown.see("deltas").text_content()
    assert "no point" not in shown.see("curves").text_content().lower()
    shown.choose(over="coffee")
    assert "No point of the curves has a finite value." in shown.see("curves").text_content()
    section = shown.see("measurements")
    section.get_by_role("button", name="psnr_db").click()
    section.get_by_role("button", name="psnr_db").click()
    head = section.locator("thead button").all_text_contents()
    place = next(nth for nth, text in enumerate(head) if text.startswith("psnr_db"))
    assert [row[place] for row in cells(section)[:15]] == ["inf"] * 15
    assert shown.complaints == []


def test_failures_of_one_kind_are_one_row(visit, page_of):
    rows = [
        dataclasses.replace(
            row, status=FAILED, message="too dark", scores={}, size_bytes=None, bpp=None
        )
        if row.codec == "webp" and row.image != "coffee"
        else row
        for row in encoded_rows(4)
    ]
    shown = visit(page_of(rows))
    section = shown.see("failures")
    found = cells(section.locator(".scroll").first)
    assert [row[:4] for row in found] == [["webp", "photos", "failed", "too dark"]]
    assert found[0][4] == "astronaut, chelsea, rocket"
    section.get_by_role("button", name="show 15").click()
    assert shown.see("measurements").locator("output").text_content() == "15 of 60 rows"


@pytest.mark.slow
def test_two_thousand_images_scroll(visit, page_of):
    rows = [
        replaced(row, image=f"{row.image}{copy:04}", image_sha256=f"{row.image}{copy}")
        for copy in range(500)
        for row in encoded_rows(4)
        if row.codec in ("jpeg", "webp")
    ]
    assert len({row.image for row in rows}) == 2000
    shown = visit(page_of(rows))
    shown.see("measurements")
    frames = shown.page.evaluate(
        """async () => {
            const grid = document.querySelector('.grid'), spent = [];
            let before = performance.now();
            for (let frame = 0; frame < 60; frame += 1) {
                grid.scrollTop += 400;
                await new Promise(requestAnimationFrame);
                const now = performance.now();
                spent.push(now - before);
                before = now;
            }
            return spent;
        }"""
    )
    assert len(frames) == 60
    assert shown.page.locator("#measurements tbody tr").count() < 100
    assert shown.complaints == []


def test_the_command_prints_the_path(coded, tmp_path):
    out = tmp_path / "page.html"
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "rdbench",
            "report",
            str(coded),
            "--out",
            str(out),
            "--title",
            "A <b>",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == f"{out}\n"
    assert "<title>A &lt;b&gt; - rdbench</title>" in out.read_text()


def test_several_runs_need_a_file(coded):
    with pytest.raises(UsageError, match="name the file of the report with `out`"):
        rdbench.report([coded, coded / "measurements.csv"])


def test_an_anchor_that_there_is_not_is_refused(coded, tmp_path):
    with pytest.raises(UsageError, match="unknown anchor 'jpge'; did you mean 'jpeg'"):
        rdbench.report(coded, anchor="jpge", out=tmp_path / "x.html")
