"""What can be chosen on the page gives what ``rdbench bd`` prints with the same options."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rdbench
from rdbench.cli import app
from rdbench.curves import bd_table
from rdbench.errors import UsageError
from rdbench.tables import Table, markdown
from tests.curves.encoded import encoded_rows, replaced
from tests.reporting.conftest import data_of
from tests.test_metrics_everywhere import run_of

TAGS = {"astronaut": ["people"], "chelsea": ["animals"], "rocket": ["sky"], "flag": ["sky"]}


def scored(row, apart: float = 0.0):
    """A row with more scores, each a function of its error."""
    mse, psnr = row.scores["mse"] + apart, row.scores["psnr_db"] - apart
    linear = 1 - mse / 1e5
    decibels = -10 * math.log10(1 - linear) if linear < 1 else math.inf
    return replaced(row, psnr_db=psnr, psnr_y_db=psnr + 1, ms_ssim=linear, ms_ssim_db=decibels)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory) -> Path:
    """Two datasets with classes of images."""
    rows = [scored(row) for row in encoded_rows(6)]
    rows += [scored(replaced(row, dataset="others"), 0.5) for row in encoded_rows(6)]
    run = run_of(tmp_path_factory.mktemp("tagged") / "run", rows)
    manifest = json.loads((run / "run.json").read_text())
    manifest["tags"] = {"photos": TAGS, "others": TAGS}
    (run / "run.json").write_text(json.dumps(manifest))
    return run


@pytest.fixture(scope="module")
def choices(tagged, tmp_path_factory) -> Path:
    return rdbench.report(
        tagged,
        anchor="jpeg",
        rates=[(0.4, 4)],
        qualities={"psnr_db": (29, 34)},
        out=tmp_path_factory.mktemp("choices") / "page.html",
    )


def tables_of(section) -> list[str]:
    """The tables of a section in Markdown, as they stand on the page."""
    found = section.locator(".table").evaluate(
        """place => {
            const tables = [];
            for (const part of place.children) {
                const said = (one) => one.textContent;
                const texts = (selector) => [...part.querySelectorAll(selector)].map(said);
                if (part.matches('p')) tables.push({ title: part.textContent, notes: [] });
                else if (part.matches('ul')) tables.at(-1).notes = texts('li');
                else Object.assign(tables.at(-1), {
                    header: texts('thead th'),
                    words: part.querySelectorAll('thead th:not(.n)').length,
                    rows: [...part.querySelectorAll('tbody tr')].map(
                        row => [...row.children].map(said)),
                });
            }
            return tables;
        }"""
    )
    return [
        markdown(
            Table(
                one["title"],
                tuple(one["header"]),
                tuple(map(tuple, one["rows"])),
                tuple(one["notes"]),
                one["words"],
            )
        )
        for one in found
    ]


@pytest.mark.parametrize(
    ("chosen", "options"),
    [
        ({"anchor": "webp"}, []),
        ({"method": "akima"}, ["--method", "akima"]),
        ({"method": "all, side by side"}, ["--method", "all"]),
        ({"way": "points of 0.4 to 4 bit/px"}, ["--rates", "0.4,4"]),
        ({"way": "over 29 to 34"}, ["--qualities", "29,34"]),
        (
            {"metric": "MS-SSIM [dB]", "way": "all points, dB of the mean"},
            ["--averaging", "literature"],
        ),
        ({"classes": True}, ["--classes"]),
        (
            {"classes": True, "method": "cubic", "way": "points of 0.4 to 4 bit/px"},
            ["--classes", "--method", "cubic", "--rates", "0.4,4"],
        ),
        ({"way": "AOM convention"}, ["--convention", "aom"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_tables_are_what_bd_prints(visit, choices, tagged, chosen, options):
    shown = visit(choices)
    section = shown.see("deltas")
    chosen = dict(chosen)
    # What other choices hang on comes first.
    names = sorted(chosen, key=["metric", "anchor", "way", "method", "classes"].index)
    for name in names:
        if name == "classes":
            section.locator("[name=classes]").check()
        else:
            shown.choose(**{name: chosen[name]})
    found = tables_of(shown.see("deltas"))
    shown.choose(panel="others, 6 images")
    other = tables_of(shown.see("deltas"))
    assert found[1:] == other[1:]  # of both datasets
    metrics = (
        []
        if "--convention" in options
        else ["--metrics", "ms_ssim_db" if "metric" in chosen else "psnr_db"]
    )
    result = CliRunner().invoke(
        app,
        [
            *("bd", str(tagged), "--anchor", chosen.get("anchor", "jpeg"), *metrics),
            *("--markdown", *options),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "\n\n".join([found[0], other[0], *found[1:]]) + "\n" == result.stdout
    assert shown.complaints == []


def test_ranges_are_of_their_metric_and_conventions_of_theirs(visit, choices):
    shown = visit(choices)

    def offered():
        return shown.page.locator("select[name=way] option").all_text_contents()

    plain = ["all points", "points of 0.4 to 4 bit/px"]
    assert offered() == [*plain, "over 29 to 34", "AOM convention"]
    shown.choose(metric="MS-SSIM [dB]")
    assert offered() == [plain[0], "all points, dB of the mean", plain[1], "AOM convention"]


def test_at_a_glance_are_the_deltas_of_all_metrics(visit, choices, tagged):
    shown = visit(choices)
    section = shown.see("glance")
    rows = section.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    heads = section.locator("thead th").all_text_contents()
    expected = {
        (row.test, row.settings.metric.label): row
        for row in bd_table(tagged, anchor="jpeg", metrics=["psnr_db", "psnr_y_db", "ms_ssim_db"])
        if row.kind == "rate" and row.dataset == "photos"
    }
    found = {
        (row[0], head): text for row in rows[1:] for head, text in zip(heads, row, strict=True)
    }
    for key, row in expected.items():
        text = found[key].strip("()")
        assert (
            text == "-"
            if row.reason
            else float(text.rstrip("!?@~")) == pytest.approx(row.value, abs=0.006)
        )
    values = [row.value for (_, label), row in expected.items() if label == "PSNR"]
    assert [row[0] for row in rows[1:3]] == ["webp", "jpeg2000"] or values[0] > values[1]
    section.get_by_role("button", name="MS-SSIM").click()
    shown.settle()
    assert "MS-SSIM" in shown.page.locator("#curves svg.marks").text_content()


def test_curves_of_a_class_are_means_over_its_images(visit, choices, tagged):
    shown = visit(choices)
    shown.choose(over="sky, 2 images")
    marks = (
        shown.see("curves")
        .locator("[aria-roledescription=point]")
        .evaluate_all("marks => marks.map(mark => mark.getAttribute('aria-label'))")
    )
    (mark,) = [text for text in marks if "curve: jpeg;" in text and "quality 50" in text]
    own = [
        row
        for row in encoded_rows(6)
        if (row.codec, row.point) == ("jpeg", 50) and "sky" in TAGS.get(row.image, [])
    ]
    assert len(own) == 2
    rate = sum(row.bpp for row in own) / 2
    quality = sum(row.scores["psnr_db"] for row in own) / 2
    x, y = (float(re.search(rf"{name}[^:]*: ([-\d.]+)", mark)[1]) for name in ("Rate", "PSNR"))
    assert (x, y) == (pytest.approx(rate, rel=1e-3), pytest.approx(quality, rel=1e-3))


def test_marks_are_explained_beside_the_table(visit, choices):
    section = visit(choices).see("deltas")
    section.locator("summary").click()
    told = section.locator("details dt").all_text_contents()
    assert {"!", "?", "@", "~", "-", "geometric", "overlap"} <= {*told}


def test_a_link_leads_to_the_section(visit, choices):
    shown = visit(choices)
    shown.choose(way="AOM convention")
    link = shown.page.locator("#h-costs .link").get_attribute("href")
    assert "at=costs" in link
    assert "way=aom" in link
    again = visit(choices, link.removeprefix("#"))
    again.page.wait_for_selector("#costs[data-drawn]")
    again.settle()
    assert again.page.evaluate(
        "document.getElementById('costs').getBoundingClientRect().top < innerHeight"
    )
    assert again.page.locator("select[name=way]").input_value() == "aom"


def test_points_by_target_say_what_was_asked_for(visit, tmp_path):
    run = tmp_path / "run"
    rdbench.run(
        codecs=["jpeg:points=20/50/80", "jpeg:points=bpp:0.5/1/2"],
        datasets="photos",
        metrics=["psnr_db"],
        keep_decoded=True,
        out=run,
    )
    shown = visit(rdbench.report(run, images="coffee"), "picture=coffee&a=1&b=0&value=1")
    section = shown.see("curves")
    marks = section.locator("[aria-roledescription=point]").evaluate_all(
        "marks => marks.map(mark => mark.getAttribute('aria-label'))"
    )
    assert len([text for text in marks if "asked for 0.5 bit/px" in text]) == 1
    assert (
        "its points are targets, 0.5, 1, 2 bit/px" in section.locator("figcaption").text_content()
    )
    told = shown.see("run").text_content()
    assert told.count("libjpeg-turbo") == 2  # the version of each curve
    assert "load" in told
    # In the viewer, points at an equal rate are those that were searched for.
    cells = shown.see("viewer").locator("tbody tr").first.locator("td").all_text_contents()
    assert re.fullmatch(r"asked for 1 bit/px, by setting \d+", cells[1])
    assert float(cells[2]) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rates", "4,1"], "--rates '4,1': 4 is not below 1"),
        (["--rates", "x"], "--rates 'x' is not LOW,HIGH"),
        (["--qualities", "30,40"], "--qualities '30,40' is not METRIC=LOW,HIGH"),
        (["--qualities", "psnr=30,40"], "unknown metric 'psnr'; did you mean 'psnr_db'"),
        (["--qualities", "psnr_db=30,40", "--qualities", "psnr_db=1,2"], "gives psnr_db twice"),
        (["--tags", "nowhere.csv"], "tags 'nowhere.csv': cannot be read"),
    ],
)
def test_choices_that_are_none_are_refused(tagged, options, said, tmp_path):
    result = CliRunner().invoke(
        app, ["report", str(tagged), "--out", str(tmp_path / "x.html"), *options]
    )
    assert result.exit_code != 0
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)


def test_the_same_run_gives_the_same_page(tagged, tmp_path):
    pages = [rdbench.report(tagged, out=tmp_path / f"{name}.html") for name in "ab"]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert data_of(pages[0])["panels"]


def test_costs_are_those_that_bd_prints(visit, choices, tagged):
    """One row for each curve, with the columns that `bd --complexity` puts beside deltas."""
    section = visit(choices).see("costs")
    command = ["bd", str(tagged), "--anchor", "jpeg", "--metrics", "psnr_db", "--complexity"]
    printed = CliRunner().invoke(app, [*command, "--markdown"]).stdout.splitlines()
    head = section.locator("thead th").all_text_contents()
    rows = section.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    for curve, *costs in rows:
        (line,) = [
            line
            for line in printed[: printed.index("", 2)]
            if line.startswith(f"| {curve} |") and ("BD-rate" in line or "(anchor)" in line)
        ]
        assert [cell.strip() for cell in line.strip("|").split("|")][-len(costs) :] == costs
    assert head == ["curve", "encode [ms]", "decode [ms]", "memory [MiB]"]
