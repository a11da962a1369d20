"""``rdbench bd`` as it is called."""

from __future__ import annotations

import csv
import dataclasses
import io

import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

import rdbench
from rdbench.cli import app
from rdbench.errors import UsageError
from tests.curves.encoded import as_csv, encoded_rows, of, replaced


@pytest.fixture
def run(tmp_path):
    (tmp_path / "measurements.csv").write_text(as_csv(encoded_rows(6)))
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, ["bd", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_prints_a_table_and_keeps_the_values(run):
    result = call(run, "--anchor", "jpeg", "--interval", "bootstrap", "--resamples", 100)
    assert result.exit_code == 0
    assert "photos, PSNR [dB], against jpeg" in result.stdout
    assert "BD-PSNR [dB]" in result.stdout
    assert "100 resamples" in result.stdout
    kept = read((run / "bd.csv").read_text(encoding="utf-8"))
    assert {row["test"] for row in kept} == {"webp", "jpeg2000", "png"}
    first = float(kept[0]["value"])
    assert f"{first:+.2f}" in result.stdout


def test_one_gray_image_among_color_ones_is_named_and_the_others_compared(tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, image in (("cat", data.chelsea()), ("man", data.camera()), ("cup", data.coffee())):
        Image.fromarray(image[100:196, 100:228]).save(folder / f"{name}.png")
    outcome = rdbench.run(
        codecs=["jpeg", "webp"],
        datasets=str(folder),
        points=[20, 50, 80],
        metrics="psnr_db",
        out=tmp_path / "run",
    )
    assert {(row.codec, row.image, row.status) for row in outcome.failures} == {
        ("webp", "man", "unsupported")
    }
    assert "`magick in.png -define png:color-type=2 out.png`" in outcome.failures[0].message
    result = call(tmp_path / "run", "--anchor", "jpeg", "--interval", "none")
    assert result.exit_code == 0
    assert "webp: 1 image left out (man)" in result.output
    (row, _) = read((tmp_path / "run" / "bd.csv").read_text(encoding="utf-8"))
    assert (row["images"], row["images_left_out"], row["reason"]) == ("2", "1", "")
    assert float(row["value"]) < 0


def test_csv_is_the_file_and_the_same_again(run):
    options = (
        run,
        "--anchor",
        "webp",
        "--csv",
        "--interval",
        "bootstrap",
        "--resamples",
        50,
        "--seed",
        3,
    )
    first = call(*options).stdout
    assert first == (run / "bd.csv").read_text()
    assert call(*options).stdout == first
    assert call(*options[:-1], 4).stdout != first
    assert {row["seed"] for row in read(first)} == {"3"}


def test_what_must_be_known_is_below_the_tables_or_on_stderr(run):
    said = "BD-rate rests on little (under 75 % of the curve's quality, or 3 points) with jpeg: "
    result = call(run, "--anchor", "jpeg", "--markdown", "--interval", "none")
    assert result.stdout.count("| --- |") == 1
    assert "95 % intervals" not in result.stdout
    assert f"- ?: {said}" in result.stdout
    assert result.stderr == ""
    assert f"% ?: {said}" in call(run, "--anchor", "jpeg", "--latex", "--interval", "none").stdout
    result = call(run, "--anchor", "jpeg", "--csv", "--interval", "none")
    assert f"warning: photos, psnr_db: {said}" in result.stderr
    nothing = call(run, "--anchor", "jpeg", "--min-overlap", 100, "--csv", "--interval", "none")
    assert "less than 100 %" in nothing.stdout


def test_a_matrix_of_all_pairs(run):
    result = call(run, "--matrix", "--interval", "bootstrap", "--resamples", 50)
    assert "BD-rate [%] of each row's curve against each column's" in result.stdout
    kept = read((run / "bd.csv").read_text(encoding="utf-8"))
    assert len(kept) == 4 * 3 * 2
    table = read(
        call(run, "--matrix", "--interval", "bootstrap", "--resamples", 50, "--csv").stdout
    )
    (cell,) = (
        line["jpeg"]
        for line in table
        if (line["curve"], line["quantity"], line["delta"]) == ("webp", "value", "rate")
    )
    (value,) = (
        row["value"]
        for row in kept
        if (row["anchor"], row["test"], row["delta"]) == ("jpeg", "webp", "rate")
    )
    assert cell == value


def test_image_by_image_all_methods_and_complexity(run):
    options = ("--anchor", "jpeg", "--interval", "none")
    images = call(run, *options, "--per-image").stdout
    assert [name for name in ("astronaut", "chelsea", "coffee", "rocket") if name in images] == [
        "astronaut",
        "chelsea",
        "coffee",
        "rocket",
    ]
    methods = call(run, *options, "--method", "all").stdout
    assert all(name in methods for name in ("pchip", "akima", "cubic"))
    assert len(read((run / "bd.csv").read_text())) == 3 * 2 * 3
    costs = call(run, *options, "--complexity").stdout
    assert "encode [ms]" in costs
    assert "times are means over points and images, isolated" in costs


def test_several_metrics_and_datasets_each_have_their_table(tmp_path):
    rows = [replaced(row, psnr_y_db=row.scores["psnr_db"]) for row in encoded_rows()]
    rows += [dataclasses.replace(row, dataset="other") for row in rows]
    (tmp_path / "measurements.csv").write_text(as_csv(rows))
    options = ("--metrics", "psnr_db,psnr_y_db", "--interval", "bootstrap", "--resamples", 20)
    result = call(tmp_path, "--anchor", "jpeg", *options)
    titles = [line for line in result.stdout.splitlines() if "against jpeg" in line and "(" in line]
    assert [title.split(" against")[0] for title in titles] == [
        f"{dataset}, {metric} [dB],"
        for metric in ("PSNR", "PSNR-Y")
        for dataset in ("photos", "other", "mean of 2 datasets")
    ]
    assert "means over photos, other with equal weights" in result.stdout


def test_published_curves_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("--published", "lee2019-mse", "--anchor", "published:bpg_444_x265_ycbcr", "--csv")
    (rate, _) = read(result.stdout)
    assert rate["test"] == "lee2019-mse (published)"
    assert rate["anchor"] == "bpg_444_x265_ycbcr (published)"
    # The anchor among the curves is the same one, by either name.
    both = ("--published", "lee2019-mse,bpg_444_x265_ycbcr", "--csv", "--anchor")
    assert call(*both, "published:bpg_444_x265_ycbcr").stdout == result.stdout
    assert call(*both, "bpg_444_x265_ycbcr").stdout == result.stdout
    matrix = call(*both[:2], "--matrix").stdout
    assert "lee2019-mse (published)" in matrix
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_is_a_formula_is_guarded(tmp_path):
    rows = [*of("jpeg"), *of("webp", label="=cmd")]
    (tmp_path / "measurements.csv").write_text(as_csv(rows))
    printed = call(tmp_path, "--anchor", "jpeg", "--csv", "--interval", "none").stdout
    for text in (printed, (tmp_path / "bd.csv").read_text()):
        assert {row["test"] for row in read(text)} == {"'=cmd"}
    assert "=cmd" in call(tmp_path, "--anchor", "jpeg", "--interval", "none").stdout.splitlines()[3]


def test_a_csv_file_is_read_and_nothing_written(run):
    call(run / "measurements.csv", "--anchor", "jpeg", "--interval", "none")
    assert [path.name for path in run.iterdir()] == ["measurements.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--anchor", "jpg"), "did you mean 'jpeg'"),
        (("--anchor", "jpeg", "--metrics", "psnr"), "did you mean 'psnr_db'"),
        (
            ("--anchor", "jpeg", "--metrics", "zzz"),
            "unknown metric 'zzz'; known: .*ms_ssim, ms_ssim_db, ms_ssim_y",
        ),
        (("--anchor", "jpeg", "--csv", "--latex"), "exclude each other"),
        (("--anchor", "published:vtn"), "did you mean"),
        (("--anchor", "published:vtm"), "has the dataset 'kodak', but the runs have photos"),
        (("--anchor", "jpeg", "--per-image", "--complexity"), "leave out --per-image"),
        ((), "give either --anchor NAME, the curve to compare with, or --matrix"),
        (("--anchor", "jpeg", "--matrix"), "give either --anchor NAME"),
    ],
)
def test_what_the_user_must_change_is_said(run, options, message):
    with pytest.raises(UsageError, match=message):
        call(run, *options)
    assert not (run / "bd.csv").exists()


def test_nothing_to_compare_is_said(tmp_path):
    with pytest.raises(UsageError, match="there are no curves; name a run, or published"):
        call("--matrix")
    (tmp_path / "measurements.csv").write_text(as_csv(of("jpeg")))
    with pytest.raises(UsageError, match="is the only curve"):
        call(tmp_path, "--anchor", "jpeg")
    with pytest.raises(UsageError, match="only one curve"):
        call(tmp_path, "--matrix")


def test_a_codec_named_twice_is_an_ambiguous_anchor(tmp_path):
    rows = [*of("jpeg", options="a=1", label="x"), *of("jpeg", options="a=2", label="y")]
    (tmp_path / "measurements.csv").write_text(as_csv([*rows, *of("webp")]))
    with pytest.raises(UsageError, match="'jpeg' is ambiguous on 'photos'; name one of 'x', 'y'"):
        call(tmp_path, "--anchor", "jpeg")
    # Of one label: told apart by their options.
    rows = [dataclasses.replace(row, label="x") for row in rows]
    (tmp_path / "measurements.csv").write_text(as_csv([*rows, *of("webp")]))
    with pytest.raises(UsageError, match=r"name one of 'x \[a=1\]', 'x \[a=2\]'"):
        call(tmp_path, "--anchor", "jpeg")
    assert call(tmp_path, "--anchor", "x [a=1]", "--interval", "none").exit_code == 0
