"""``rdbench import`` as it is called, and what the other commands make of its files."""

from __future__ import annotations

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.errors import UsageError
from rdbench.files import csv_text
from tests.curves.encoded import as_csv, of

TABLE = "rate;PSNR;file\n1,5;40;a\n0,5;30;a\n"
OPTIONS = ("--map", "bpp=rate,psnr_db=PSNR", "--images", 5, "--dataset", "d", "--label", "mine")
OPTIONS += ("--delimiter", ";", "--decimal", ",", "--rate-is", "file")


def call(*arguments: object):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_prints_the_csv_and_notes_beside_it(table):
    result = call("import", table, *OPTIONS)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["bpp"], row["psnr_db"], row["point"]) for row in rows] == [
        ("1.5", "40", "1"),
        ("0.5", "30", "0"),
    ]
    assert {row["source"] for row in rows} == {"imported from table.csv"}
    assert result.stderr == "note: not taken: file\n"


def test_writes_a_file_once(table, tmp_path):
    out = tmp_path / "mine.csv"
    result = call("import", table, *OPTIONS, "--out", out)
    assert result.stdout == f"published:{out}:mine  2 points, 5 images\n"
    before = out.read_bytes()
    with pytest.raises(
        UsageError, match="exists; name another file with `out`, or give `force=True`"
    ):
        call("import", table, *OPTIONS, "--out", out)
    table.write_text(TABLE.replace("40", "much"))
    with pytest.raises(UsageError, match="'much' is not a number"):
        call("import", table, *OPTIONS, "--out", out, "--force")
    assert out.read_bytes() == before
    table.write_text(TABLE.replace("40", "41"))
    call("import", table, *OPTIONS, "--out", out, "--force")
    assert out.read_bytes() == before.replace(b",40,", b",41,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "table.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "curve.json"), r"must end with .csv"),
        (("--out", "nowhere/curve.csv"), "there is no folder 'nowhere'"),
        (("--delimiter", ";;"), "the first must be one character"),
        (("--delimiter", ","), "they must differ"),
        (("--decimal", "'"), r"the second \. or ,"),
        (("--map", "rate"), "not of the form"),
    ],
)
def test_what_the_user_must_change_is_said(table, options, message):
    with pytest.raises(UsageError, match=message):
        call("import", table, *OPTIONS, *options)


def test_a_folder_is_no_file_to_replace(table, tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(UsageError, match="exists"):
        call("import", table, *OPTIONS, "--out", tmp_path / "out.csv", "--force")


def test_an_imported_curve_is_an_anchor_and_is_drawn(tmp_path):
    """WebP's own measurements, written as CompressAI's and as a stranger's: no difference."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "measurements.csv").write_text(as_csv(of("webp")))
    rows = of("webp")
    points = sorted({row.point for row in rows})
    here = [[row for row in rows if row.point == point] for point in points]
    results = {
        "bpp": [sum(row.bpp for row in at) / 4 for at in here],
        "psnr-rgb": [sum(row.scores["psnr_db"] for row in at) / 4 for at in here],
    }
    document = {"name": "WebP", "description": "WebP. Pillow version 13", "results": results}
    (tmp_path / "theirs.json").write_text(json.dumps(document))
    table = [["picture", "q", "rate", "quality"]]
    table += [[row.image, str(row.point), str(row.bpp), str(row.scores["psnr_db"])] for row in rows]
    (tmp_path / "stranger.tsv").write_text(csv_text(table).replace(",", "\t"))
    call(
        *("import", tmp_path / "theirs.json", "--dataset", "photos", "--images", 4),
        *("--known-issue", "made up", "--out", tmp_path / "means.csv"),
    )
    call(
        *("import", tmp_path / "stranger.tsv", "--dataset", "photos", "--delimiter", "tab"),
        *("--map", "image=picture,point=q,bpp=rate,psnr_db=quality", "--label", "stranger"),
        *("--rate-is", "entropy", "--out", tmp_path / "images.csv"),
    )
    for file in ("means.csv", "images.csv:stranger"):
        anchor = f"published:{tmp_path / file}"
        result = call("bd", run, "--anchor", anchor, "--csv", "--interval", "none")
        for row in csv.DictReader(io.StringIO(result.stdout)):
            assert float(row["value"]) == pytest.approx(0, abs=1e-9)
    assert (
        "made up"
        in call(
            *("bd", run, "--interval", "none", "--anchor"), f"published:{tmp_path / 'means.csv'}"
        ).output
    )
    call("plot", run, "--published", f"{tmp_path / 'means.csv'}", "--out", tmp_path / "figures")
    assert list((tmp_path / "figures").iterdir())
