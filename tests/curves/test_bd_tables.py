"""Tables of comparisons: what is in them, and that no label breaks them."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
import statistics

import pytest

from rdbench.curves import (
    Complexity,
    Settings,
    bd_csv,
    bd_text,
    compare_pairs,
    comparisons,
    curves_of,
    published,
)
from rdbench.curves.bd_tables import matrices, tables
from rdbench.curves.image_tables import image_tables
from rdbench.curves.notes import notes
from rdbench.curves.significance import told_apart
from rdbench.errors import UsageError
from rdbench.tables import Table, latex, markdown, sheet, terminal
from tests.curves.encoded import encoded_rows, of

QUICK = Settings()


@pytest.fixture(scope="module")
def rows():
    return comparisons(curves_of(encoded_rows(6)), "jpeg", QUICK)


@pytest.fixture(scope="module")
def all_pairs():
    curves = curves_of(encoded_rows(6))
    pairs = [(one, other) for one in curves for other in curves if one is not other]
    return told_apart(compare_pairs(pairs, QUICK))


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_matrix_has_each_curve_against_each(all_pairs):
    rate, quality = matrices(all_pairs)
    names = ["jpeg", "webp", "jpeg2000", "png"]
    assert rate.header == ("curve", *names)
    assert [row[0] for row in rate.rows] == names
    by_pair = {(r.test, r.anchor): r for r in all_pairs if r.kind == "rate"}
    for test, cells in zip(names, rate.rows, strict=True):
        for anchor, cell in zip(names, cells[1:], strict=True):
            if test == anchor:
                assert cell == ""
            elif "png" in (test, anchor):
                assert cell == "-"
            else:
                row = by_pair[test, anchor]
                assert f"{row.value:+.1f}" in cell
                assert cell.startswith("(") == (row.significance.adjusted >= 0.05)
                assert ("?" in cell) == row.overlaps_little
    assert "png: the curve has 0 usable points of 1, pchip needs 2" in rate.notes
    assert "BD-PSNR [dB] of each row's curve against each column's, positive" in quality.title


def test_a_matrix_of_long_names_numbers_its_columns(all_pairs):
    long = [
        dataclasses.replace(row, anchor=row.anchor + 20 * "x", test=row.test + 20 * "x")
        for row in all_pairs
    ]
    table = matrices(long)[0]
    assert table.header == ("curve", "1", "2", "3", "4")
    assert table.rows[1][0] == "2 webp" + 20 * "x"
    assert table.rows[1][1:] == matrices(all_pairs)[0].rows[1][1:]


def test_the_matrix_as_csv_has_values_and_intervals(all_pairs):
    table = read(bd_text(all_pairs, "csv", "matrix"))
    by_pair = {(r.test, r.anchor, r.kind): r for r in all_pairs}
    assert len(table) == 2 * 5 * 4
    for line in table:
        row = by_pair.get((line["curve"], "webp", line["delta"]))
        if row is None or line["curve"] == "png":
            assert line["webp"] == "" or line["quantity"] == "overlap_percent"
            continue
        expected = {
            "value": row.value,
            "low": row.interval.low,
            "high": row.interval.high,
            "p_holm": row.significance.adjusted,
            "overlap_percent": row.overlap,
        }
        assert float(line["webp"]) == expected[line["quantity"]]


def test_image_by_image_the_worst_first(rows):
    (table,) = image_tables(rows)
    assert table.header[:4] == ("curve", "image", "BD-rate [%]", "overlap")
    assert "the worst BD-rate first" in table.title
    webp = next(row for row in rows if (row.test, row.kind) == ("webp", "rate"))
    starts = [place for place, line in enumerate(table.rows) if line[0]]
    assert [table.rows[place][0] for place in starts] == ["webp", "jpeg2000", "png"]
    lines = table.rows[: starts[1]]
    by_value = sorted(zip(webp.per_image.values, webp.images, strict=True), reverse=True)
    for line, (value, image) in zip(lines, by_value, strict=False):
        assert line[1:3] == (image, f"{value:+.2f}")
    assert [line[1] for line in lines[6:]] == [
        "p10",
        "median",
        "p90",
        "mean of images",
        "mean curves",
    ]
    assert lines[7][2] == f"{statistics.median(webp.per_image.values):+.2f}"
    assert f"{webp.per_image.mean:+.2f} ({webp.per_image.interval.low:+.2f}" in lines[-2][2]
    assert f"{webp.value:+.2f}" in lines[-1][2]
    assert any("png, BD-rate: the test curve has 0 usable points" in note for note in table.notes)


def test_image_by_image_as_csv(rows):
    table = read(bd_text(rows, "csv", "images"))
    assert len(table) == 3 * 2 * 6
    webp = next(row for row in rows if (row.test, row.kind) == ("webp", "quality"))
    found = [float(r["value"]) for r in table if (r["test"], r["delta"]) == ("webp", "quality")]
    assert found == list(webp.per_image.values)
    png = [line for line in table if line["test"] == "png"]
    assert all(not line["value"] and "usable points" in line["reason"] for line in png)


def test_means_have_no_images_to_tell_apart():
    found = comparisons(
        [published("lee2019-mse"), published("bpg_444_x265_ycbcr")], "lee2019-mse", QUICK
    )
    with pytest.raises(UsageError, match="leave out `per_image`"):
        bd_text(found, layout="images")


def test_interpolations_stand_side_by_side_and_disagreement_is_marked():
    curves = curves_of(encoded_rows())[:2]
    found = compare_pairs([tuple(curves)], QUICK, ("pchip", "akima", "cubic"))
    (table,) = tables(found)
    assert table.header == ("curve", "delta", "pchip", "akima", "cubic", "overlap", "images")
    assert [cell.split()[0].rstrip("!?") for cell in table.rows[0][2:5]] == [
        f"{row.value:+.2f}" for row in found if row.kind == "rate"
    ]
    rate = next(row for row in found if row.kind == "rate")
    for values, marked in (((-5.0, -5.9, -5.5), False), ((-5.0, -6.1, -5.5), True)):
        by_method = dict(zip(("pchip", "akima", "cubic"), values, strict=True))
        row = dataclasses.replace(rate, by_method=by_method)
        assert row.methods_disagree == marked
        (table,) = tables([row])
        assert ("!" in table.rows[0][2]) == marked
        said = "!: interpolations disagree on webp [%]: pchip -5.00, akima -6.10, cubic -5.50"
        assert (said in table.notes) == marked
        assert read(bd_csv([row]))[0]["methods_disagree"] == ("yes" if marked else "")


def test_complexity_is_of_both_curves_and_says_how_times_were_taken(rows):
    shared = [dataclasses.replace(row, timing="shared") for row in of("webp")]
    memory = [
        dataclasses.replace(row, program_rss_mb=90.0 + row.point, load=1.0) for row in of("jpeg")
    ]
    curves = curves_of([*memory, *shared])
    found = comparisons(curves, "jpeg", QUICK)
    (table,) = tables(found, complexity=True)
    assert table.header[-3:] == ("encode [ms]", "decode [ms]", "memory [MiB]")
    # encode_s is the quality in ms: the mean of 10, 25, 50, 75, 90 and of 5, 30, 60, 80, 92.
    assert table.rows[0] == ("jpeg", "(anchor)", *[""] * 6, "50.0", "2.00", "180")
    assert table.rows[1][-3:] == ("53.4", "2.00", "-")
    assert table.rows[2][-3:] == ("", "", "")
    assert table.notes[-2] == (
        "times are means over points and images, isolated (nothing else ran): jpeg; shared "
        "(other work ran at the same time): webp"
    )
    record = read(bd_csv(found))[0]
    assert float(record["test_encode_s"]) == pytest.approx(0.0534)
    assert (record["anchor_memory_mb"], record["test_timing"]) == ("180.0", "shared")
    cost = Complexity.of(published("jpeg"))
    assert (cost.timing == "published") == math.isfinite(cost.encode_s)


def test_few_images_and_known_issues_are_said(rows):
    assert "intervals over fewer than 10 images are rough" in notes(rows)
    four = comparisons(curves_of(encoded_rows()), "jpeg", QUICK)
    assert "no intervals over fewer than 5 images" in notes(four)
    assert not any(row.interval or row.per_image.interval for row in four)
    found = comparisons([published("bpg_444_x265_ycbcr"), published("vtm")], "vtm", QUICK)
    assert any("vtm (published): " in note and "anchor" in note for note in notes(found))


AWKWARD = ("=cmd|' /C calc'!A0", "a|b*c_d`e<i>&amp;", r"50% #1_{x}^2\end{tabular} ~", "符号化器")


@pytest.fixture(scope="module")
def awkward():
    """Curves with labels that want to be code, against each other."""
    codecs = ("jpeg", "webp", "jpeg2000", "png")
    curves = curves_of(
        row for codec, label in zip(codecs, AWKWARD, strict=True) for row in of(codec, label=label)
    )
    pairs = [(one, other) for one in curves for other in curves if one is not other]
    return compare_pairs(pairs, QUICK)


@pytest.mark.parametrize("layout", ["list", "matrix", "images"])
def test_csv_for_spreadsheets_has_no_formula_and_all_names(awkward, layout):
    text = bd_text(awkward, "csv", layout)
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert {"'" + AWKWARD[0], *AWKWARD[1:]} <= set(cells)
    for cell in cells:
        if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}:
            float(cell)


def test_only_text_is_guarded():
    rows = [["-1.5", "+3", "-inf", "=1", "+a", "-b", "@c", "\td", "\re", "", "plain", "a=b"]]
    (cells,) = csv.reader(io.StringIO(sheet(rows), newline=""))
    assert cells[:3] == ["-1.5", "+3", "-inf"]
    assert cells[3:9] == ["'=1", "'+a", "'-b", "'@c", r"\td", r"\re"]
    assert cells[9:] == ["", "plain", "a=b"]


@pytest.mark.parametrize("layout", ["list", "matrix", "images"])
def test_markdown_stays_a_table(awkward, layout):
    text = bd_text(awkward, "markdown", layout)
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if not lines:
            continue
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(columns) == 1
        assert re.fullmatch(r"(\| (---|---:) )+\|", lines[1])
    assert r"a\|b\*c_d\`e\<i\>\&amp;" in text
    assert "符号化器" in text


@pytest.mark.parametrize("layout", ["matrix", "images"])
def test_latex_is_whole(awkward, layout):
    text = bd_text(awkward, "latex", layout)
    assert r"50\% \#1\_\{x\}\textasciicircum{}2\textbackslash{}end\{tabular\}" in text
    assert "符号化器" in text
    for table in re.findall(r"\\begin\{tabular\}.*?\n\\end\{tabular\}", text, re.DOTALL):
        lines = table.splitlines()
        (columns,) = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[0]).groups()
        assert [line for line in lines if "rule" in line] == [
            r"\toprule",
            r"\midrule",
            r"\bottomrule",
        ]
        body = [line for line in lines[1:-1] if not line.endswith("rule")]
        assert len(body) > 1
        for line in body:
            assert line.endswith(r" \\")
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
            # Nothing special is left bare, and braces are paired.
            bare = re.sub(r"\\[a-zA-Z]+\{\}|\\[&%$#_{}]|\$[+-]\$|-\{\}-|^\{\}", "", line[:-3])
            assert not set(bare) & set("\\$#%_{}^~<>|`"), line
    comments = [line for line in text.splitlines() if line.startswith("%")]
    assert comments
    outside = re.sub(r"\\begin\{tabular\}.*?\n\\end\{tabular\}", "", text, flags=re.DOTALL)
    assert all(line.startswith("%") for line in outside.splitlines() if line)


def test_latex_of_papers_is_whole(awkward):
    text = bd_text(awkward, "latex", "list")
    assert r"50\% \#1\_\{x\}\textasciicircum{}2\textbackslash{}end\{tabular\}" in text
    assert "符号化器" in text
    found = re.findall(r"\\begin\{tabular\}.*?\n\\end\{tabular\}", text, re.DOTALL)
    assert len(found) == len({row.anchor for row in awkward}) == text.count(r"\begin{table}")
    for table in found:
        lines = table.splitlines()
        assert [line for line in lines if "rule" in line] == [
            r"\toprule",
            r"\cmidrule(lr){2-2}",
            r"\midrule",
            r"\bottomrule",
        ]
        for line in (line for line in lines[1:-1] if "rule" not in line):
            assert line.endswith(r" \\")
            assert not line.startswith(("[", "*"))
            assert len(re.findall(r"(?<!\\)&", line)) == 1
            bare = re.sub(r"\\(textbf|rlap|textsuperscript|multicolumn)|\{(1|c)\}", "", line[:-3])
            bare = re.sub(r"\\[a-zA-Z]+\{\}|\\[&%$#_{}]|\$[+-]\$|-\{\}-|^\{\}", "", bare)
            assert not set(bare) & set("\\$#%_^~<>|`"), line
            assert bare.count("{") == bare.count("}")


def test_what_latex_would_take_for_an_argument_is_kept_apart():
    table = Table("t\nu", ("a", "b"), (("[x]", "--"), ("*", "-"), ("a--b", "+1")), ("n\nm",), 1)
    lines = latex(table).splitlines()
    assert lines[:2] == ["% t u", "% n m"]
    assert lines[6:9] == [r"{}[x] & -{}- \\", r"{}* & -- \\", r"a-{}-b & $+$1 \\"]


def test_terminal_columns_stand_under_each_other_with_wide_characters():
    table = Table("t", ("curve", "v"), (("符号化器", "+1"), ("é́a", "+22"), ("ab", "-")), (), 1)
    lines = terminal(table).splitlines()[2:]
    assert lines == ["curve       v", "符号化器   +1", "é́a        +22", "ab          -"]


def test_markdown_leaves_plain_names_readable():
    table = Table("PSNR [dB]", ("curve",), (("bpg_444_x265_ycbcr",), ("_a_",)), (), 1)
    text = markdown(table)
    assert "| bpg_444_x265_ycbcr |" in text
    assert r"| \_a\_ |" in text
    assert text.startswith("PSNR [dB]\n\n| curve |\n| --- |")
