"""A report as a table, JUnit XML, Markdown and annotations, with texts that want to break them."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest

from rdbench.gate import Limits
from rdbench.gate.outputs import github, junit, markdown, summary, table
from rdbench.text import printable
from tests.gate.rows import PSNR, changed, held, of, resized

NASTY = "a|b`c``d`\x1b[31m\n::error::x,y:z%\ud800 <b> &amp; ]]> @all \u202e=cmd"


def nasty_rows():
    return [dataclasses.replace(row, label=NASTY, dataset=NASTY) for row in of("webp")]


@pytest.fixture(scope="module")
def report():
    """Same, worse, gone, new, newly failing and one with other bytes only."""
    old = of("webp", "jpeg", "png")
    new = changed(of("webp"), resized(1.02))
    new += changed(of("jpeg"), resized(1.001), lambda row: row.point == 50)
    new += of("jpeg2000")
    message = f"{NASTY} no luck"
    failed = changed(
        nasty_rows(),
        lambda row: {"status": "failed", "message": message},
        lambda row: row.image == "coffee",
    )
    return held(new + failed, old + nasty_rows(), PSNR)


def test_the_table_has_a_line_for_each_curve_and_the_counts(report):
    text = table(report)
    lines = text.splitlines()
    assert re.match(r"verdict +dataset +curve +identical +BD-rate \[%\] PSNR", lines[0])
    worse = lines.index(next(line for line in lines if line.startswith("worse")))
    assert re.match(r"worse +photos +webp +0/20 +\+1\.99", lines[worse])
    assert lines[worse + 1].startswith("    worse: BD-rate in PSNR +1.99 %")
    assert any(re.match(r"same +photos +jpeg +16/20 +\+0\.0\d$", line) for line in lines)
    assert lines[-1] == summary(report)
    assert lines[-1].startswith("1 newly failing, 1 worse, 1 gone, 1 same, 1 new: the run against")
    failures = table(report, only_failures=True)
    assert "jpeg2000" not in failures
    assert "newly failing" in failures


def test_no_line_of_any_output_is_broken_or_a_command(report):
    for text in (table(report), markdown(report), junit(report)):
        for line in text.splitlines():
            assert line.isprintable()
            assert not line.lstrip().startswith("::")
        text.encode("utf-8")
    assert printable("Größe 日本語 =cmd") == "Größe 日本語 =cmd"
    assert printable("\x1b\n\ud800\u202e") == r"\x1b\n\ud800\u202e"


def test_junit_xml_has_a_case_for_each_curve(report):
    suite = ElementTree.fromstring(junit(report)).find("testsuite")
    assert suite.attrib == {
        "name": "rdbench check",
        "tests": "5",
        "failures": "3",
        "errors": "0",
        "skipped": "1",
    }
    cases = {case.get("name"): case for case in suite}
    assert {failure.get("type") for failure in suite.iter("failure")} == {
        "worse",
        "gone",
        "newly failing",
    }
    assert cases["webp"].find("failure").get("message").startswith("BD-rate in PSNR +1.99 %")
    assert cases["jpeg2000"].find("skipped") is not None
    assert "other results for 4 of 20" in cases["jpeg"].find("system-out").text
    assert printable(NASTY) in cases


def test_markdown_keeps_its_cells_and_its_fences(report):
    text = markdown(report)
    assert text.startswith("### rdbench check: failed\n")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 7
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 7
    fence = re.search(r"^(`{3,})text$", text.split(rows[-1])[1], re.MULTILINE).group(1)
    assert text.rstrip().endswith("\n" + fence)
    details = text.split(rows[-1])[1]
    assert max(map(len, re.findall("`+", details))) == len(fence)
    assert markdown(held(of("webp"), of("webp"))).startswith("### rdbench check: passed\n")


def test_annotations_are_one_command_each(report):
    lines = github(report)
    levels = [line.split(" ")[0] for line in lines]
    assert sorted(levels) == ["::error", "::error", "::error", "::notice", "::warning"]
    for line in lines:
        assert line.isprintable()
        title = re.fullmatch(r"::\w+ title=(.*?)::.*", line).group(1)
        assert not re.search(r"[:,]|%(?!25|0D|0A|3A|2C)", title)
    worse = next(line for line in lines if "webp on photos" in line and "worse" in line)
    assert worse.startswith(
        "::error title=rdbench check%2C worse%3A webp on photos::worse: BD-rate"
    )
    assert " +1.99 %25, the limit is 0.5 %25%0Achanged: " in worse


def test_limits_and_intervals_are_shown():
    mine = [
        dataclasses.replace(
            row, codec="mine", label="mine", repeat=repeat, stream_sha256=f"{repeat}"
        )
        for row in of("webp")
        for repeat in (0, 1)
    ]
    text = table(held(changed(mine, resized(1.03)), mine, Limits(1, 0.2, 9, ("psnr_db",))))
    assert re.search(r"\+3\.\d\d \(\+\d\.\d\d, \+\d\.\d\d\)", text)
    assert "limits: BD-rate 1 %, BD-PSNR 0.2 dB, slowdown 9 %" in text
