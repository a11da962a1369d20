"""The table for papers: methods by datasets and metrics."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from typer.testing import CliRunner

import rdbench
from rdbench.cli import app
from rdbench.curves import averaging_of, bd_text, published
from rdbench.metrics import BUILT_IN
from tests.curves.encoded import as_csv, of

PUBLISHED = ("lee2019-mse", "compressai-mbt2018_mse_cpu", "webp", "paper-elic2022_mse")
BOTH = {"metrics": ["psnr_db", "ms_ssim_db"], "averaging": "literature", "resamples": 0}
ANCHOR = "published:bpg_444_x265_ycbcr"
NAMES = {
    "published:lee2019-mse": "Lee & others_1",
    "published:bpg_444_x265_ycbcr": "BPG",
    "kodak": "Kodak",
    "psnr_db": "RGB PSNR",
}


def cells(text):
    """The rows of a table in LaTeX, from the first one below the header: name to cells."""
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    lines = [line.removesuffix(r" \\").split(" & ") for line in body.strip().splitlines()]
    return {line[0]: line[1:] for line in lines}


def number(cell):
    return float(re.search(r"[+-]?[0-9.]+", cell.replace("$", "")).group())


@pytest.fixture(scope="module")
def two_datasets():
    rows = [*of("jpeg"), *of("webp"), *of("jpeg2000")]
    return [*rows, *of("jpeg", dataset="others"), *of("webp", dataset="others")]


def test_published_psnr_and_ms_ssim_are_compared_in_one_call():
    """The mean of dB for PSNR; for MS-SSIM the dB of the mean, all that most publishers give."""
    table = rdbench.bd_table(anchor=ANCHOR, published=PUBLISHED[:3], **BOTH)
    assert [row.reason for row in table] == [""] * 12
    assert {(row.settings.metric.name, row.settings.averaging) for row in table} == {
        ("psnr_db", "mean"),
        ("ms_ssim_db", "pooled"),
    }
    bpg, lee = published(ANCHOR.removeprefix("published:")), published("lee2019-mse")
    curves = [
        (curve.mean("bpp"), -10 * np.log10(1 - curve.mean("ms_ssim"))) for curve in (bpg, lee)
    ]
    (value,) = (
        row.value
        for row in table
        if (row.kind, row.settings.metric.name) == ("rate", "ms_ssim_db") and "lee" in row.test
    )
    assert value == pytest.approx(rdbench.bd_rate(*curves[0], *curves[1]), abs=1e-9)
    assert averaging_of(BUILT_IN["psnr_db"], "pooled") == "pooled"
    apart = rdbench.bd_table(
        anchor=ANCHOR, published=PUBLISHED[:3], **{**BOTH, "averaging": "mean"}
    )
    assert any("only with averaging 'pooled'" in row.reason for row in apart)


def test_latex_is_one_table_of_methods_by_datasets_and_metrics():
    rows = rdbench.bd_table(anchor=ANCHOR, published=PUBLISHED, labels=NAMES, **BOTH)
    text = bd_text(rows, "latex", labels=NAMES)
    assert text.count(r"\begin{tabular}{lrr}") == text.count(r"\end{table}") == 1
    assert r" & \multicolumn{2}{c}{Kodak} \\" in text
    assert r" & RGB PSNR & MS-SSIM \\" in text
    assert "RGB PSNR: mean of the images' PSNR in dB; MS-SSIM [dB]: MS-SSIM of the mean" in text
    table = cells(text)
    assert next(iter(table)) == "BPG"
    assert table["BPG"] == ["0.00", "0.00"]
    (lee,) = (found for name, found in table.items() if name.startswith(r"Lee \& others\_1"))
    values = [row.value for row in rows if row.kind == "rate" and row.test.startswith("Lee")]
    assert [number(cell) for cell in lee] == pytest.approx(values, abs=0.005)
    # -26.6 of ELIC and -20.3 of mbt2018 are the lowest.
    bold = {
        name.split(r"\text")[0]: cell
        for name, found in table.items()
        for cell in found
        if "textbf" in cell
    }
    assert list(map(number, bold.values())) == [pytest.approx(-20.27), pytest.approx(-26.58)]


def test_marks_and_missing_values_are_footnotes():
    rows = rdbench.bd_table(anchor=ANCHOR, published=PUBLISHED, **BOTH)
    text = bd_text(rows, "latex")
    notes = dict(re.findall(r"(?m)^\\textsuperscript\{(\w+)\}\\,(.*)\.$", text))
    table = cells(text)
    for row in (row for row in rows if row.kind == "rate"):
        place = ["psnr_db", "ms_ssim_db"].index(row.settings.metric.name)
        (found,) = (own for name, own in table.items() if row.test.replace("_", r"\_") in name)
        marks = re.findall(r"superscript\{(.*?)\}", found[place])
        said = [notes[mark] for mark in ",".join(marks).split(",") if mark]
        assert (any("rests on little" in note for note in said)) == row.overlaps_little
        assert any("interpolations disagree" in note for note in said) == row.methods_disagree
        assert any("gives no ms" in note for note in said) == bool(row.reason)
        assert found[place].startswith("--") == bool(row.reason)
    assert "its source does not say whether its rate counts whole files" in notes.values()


def test_several_datasets_stand_side_by_side_with_their_mean(two_datasets, tmp_path):
    (tmp_path / "measurements.csv").write_text(as_csv(two_datasets))
    (tmp_path / "names.toml").write_text('webp = "WebP"\nothers = "Others"\n')
    options = ["bd", str(tmp_path), "--anchor", "jpeg", "--latex", "--interval", "none"]
    options += ["--labels", str(tmp_path / "names.toml")]
    text = CliRunner().invoke(app, options).stdout
    assert r"\multicolumn{1}{c}{photos} & \multicolumn{1}{c}{Others}" in text
    assert r"\multicolumn{1}{c}{mean of 2 datasets}" in text
    table = cells(text)
    assert len({number(cell) for cell in table["WebP"]}) == 1
    assert table["jpeg"] == ["0.00"] * 3
    assert [cell.startswith("--") for cell in table["jpeg2000"]] == [False, True, True]
    kept = (tmp_path / "bd.csv").read_text(encoding="utf-8")
    assert ",WebP," in kept
    costs = cells(CliRunner().invoke(app, [*options, "--complexity"]).stdout)["WebP"]
    assert len(costs) == 1 + 3 + 1 + 3 + 1
    assert float(costs[2]) == pytest.approx(2.0)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_table_compiles(tmp_path):
    rows = rdbench.bd_table(anchor=ANCHOR, published=PUBLISHED, labels=NAMES, **BOTH)
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + "\n"
    document += bd_text(rows, "latex", labels=NAMES) + "\\end{document}\n"
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
