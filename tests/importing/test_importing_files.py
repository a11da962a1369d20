"""Text tables, paths and rates as other tools leave them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.importing import Imported, Request, import_curves, parse_mapping
from tests.importing.test_importing_cli import call

TABLE = "name,rate,PSNR\na,0.25,30.5\nb,0.75,31.5\n"
MAPPING = {"image": "name", "bpp": "rate", "psnr_db": "PSNR"}


def imported(folder: Path, files: dict[str, str], **request: object) -> Imported:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    given = {"mapping": MAPPING, "label": "mine", "dataset": "d", "rate_is": "file"} | request
    return import_curves([folder / name for name in files], Request(**given))


def by_points(names: list[str]) -> dict[str, str]:
    """A file for each point, of other rates."""
    return {name: TABLE.replace("0.", f"{place}.") for place, name in enumerate(names, start=1)}


@pytest.mark.parametrize(
    "names",
    [
        ["q10/t.csv", "q20/t.csv"],
        ["run/lambda-10/out/t.csv", "run/lambda-20/out/t.csv"],
        ["v1.2-q10/t.csv", "v1.2-q20/t.csv"],
    ],
)
def test_files_of_one_name_have_the_points_of_their_folders(tmp_path, names):
    result = imported(tmp_path, by_points(names))
    (curve,) = result.curves
    assert (curve.points, curve.images) == ((10, 20), ("a", "b"))
    assert curve.mean("bpp").tolist() == [1.5, 2.5]
    assert result.notes[0].startswith("points were taken from folder names: 10 for '")


def test_means_have_the_points_of_their_folders(tmp_path):
    files = {f"q{q}/t.csv": f"rate,PSNR\n0.{q},3{q}\n" for q in (3, 1, 2)}
    mapping = {"bpp": "rate", "psnr_db": "PSNR"}
    (curve,) = imported(tmp_path, files, mapping=mapping, images=4).curves
    assert (curve.points, curve.mean("bpp").tolist()) == ((1, 2, 3), [0.1, 0.2, 0.3])


@pytest.mark.parametrize("names", [["a1/q1/t.csv", "a2/q2/t.csv"], ["one/t.csv", "two/t.csv"]])
def test_folders_that_do_not_tell_the_point_are_not_guessed_at(tmp_path, names):
    files = by_points(names)
    with pytest.raises(UsageError, match=rf"'{names[1]}', line 2 repeats '{names[0]}', .*`point`"):
        imported(tmp_path, files)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["a1/q1/t.csv", "a2/q2/t.csv"], "q{}"),
        (["q1_all.csv", "q2_all.csv"], "q{}_all"),
        (["kodim01_q1.csv", "kodim01_q2.csv"], "*_q{}"),
        (["x/lambda1.csv", "x/lambda2.csv"], "lambda{}"),
    ],
)
def test_points_are_told_by_folders_or_files(tmp_path, names, pattern):
    (curve,) = imported(tmp_path, by_points(names), point=pattern).curves
    assert (curve.points, curve.mean("bpp").tolist()) == ((1, 2), [1.5, 2.5])


def test_images_are_told_by_files(tmp_path):
    """As in the `.out` files of AWCY: one for each image, all its points in it."""
    files = {f"{image}-daala.out": f"{q} 400 1{q} 3{q}\n" for image, q in (("a", 1), ("b", 2))}
    mapping = {"pixels": "2", "size_bytes": "3", "psnr_db": "4"}
    (curve,) = imported(tmp_path, files, mapping=mapping, image="{}-daala").curves
    assert curve.images == ("a", "b")
    assert curve.mean("bpp").tolist() == pytest.approx([8 * 11 / 400 / 2 + 8 * 12 / 400 / 2])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"point": "q"}, r"`point` 'q' has no \{\}, which stands for the point"),
        ({"point": "x{}"}, r"'q1/t.csv': `point` 'x\{\}' must match .* it matches none"),
        ({"point": "*{}", "names": ["q1/t1.csv", "q2/t2.csv"]}, r"it matches .*1, 1"),
        ({"image": "q{}"}, r"the rows already give their image; leave out `image`"),
    ],
)
def test_patterns_of_paths_are_checked(tmp_path, request_, message):
    request_ = dict(request_)
    files = by_points(request_.pop("names", ["q1/t.csv", "q2/t.csv"]))
    with pytest.raises(UsageError, match=message):
        imported(tmp_path, files, **request_)


def test_points_are_told_once(tmp_path):
    files = {"q1/t.csv": "name,point,rate,PSNR\na,1,0.5,30\n"}
    with pytest.raises(UsageError, match="the rows already give their point; leave out `point`"):
        imported(tmp_path, files, point="q{}")
    assert imported(tmp_path, files).curves[0].points == (1,)


def test_files_of_compressai_of_one_name_are_points_of_one_curve(tmp_path):
    files = {
        f"q{q}/results.json": json.dumps({"results": {"bpp": [q / 10], "psnr-rgb": [30 + q]}})
        for q in (1, 2)
    }
    (curve,) = imported(tmp_path, files, mapping={}, label="", images=24).curves
    assert (curve.label, curve.points) == ("results", (1, 2))


@pytest.mark.parametrize(
    ("names", "images"),
    [
        (["/data/kodak/a.png", "/data/kodak/b.png"], ("a", "b")),
        (["C:\\data\\a.png", "C:\\data\\b.png"], ("a", "b")),
        (["./kodak/a.png", "./kodak/b.png"], ("a", "b")),
        (["kodak/a.png", "kodak/b.png"], ("a", "b")),
        (["/data/x/a.png", "/data/y/a.png"], ("x/a", "y/a")),
        (["x/a", "x/b"], ("x/a", "x/b")),  # names within a dataset of folders
    ],
)
def test_images_named_by_full_paths_are_those_of_the_dataset(tmp_path, names, images):
    text = TABLE.replace("\na,", f"\n{names[0]},").replace("\nb,", f"\n{names[1]},")
    result = imported(tmp_path, {"t.csv": text})
    assert result.curves[0].images == images
    note = "images are named without their common folders"
    assert (note in result.notes) == names[0].endswith(".png")


def test_rates_in_bytes_become_bpp_by_the_images_size(tmp_path):
    """8 · 3000 / (100 · 80) = 3 and 8 · 1000 / (200 · 80) = 0.5 bit/px."""
    text = "image,width,height,bytes,psnr_db\na,100,80,3000,40\nb,200,80,1000,30\n"
    (curve,) = imported(tmp_path, {"t.csv": text}, mapping={"size_bytes": "bytes"}).curves
    assert curve.of_images("bpp", ["a", "b"]).tolist() == [[3], [0.5]]
    text = text.replace("width", "x")
    with pytest.raises(
        UsageError, match="converting size_bytes to bpp needs the size of the image"
    ):
        imported(tmp_path, {"t.csv": text}, mapping={"size_bytes": "bytes"})
    (curve,) = imported(
        tmp_path, {"t.csv": text}, mapping={"size_bytes": "bytes"}, size="100x80"
    ).curves
    assert curve.of_images("bpp", ["a", "b"]).tolist() == [[3], [1]]


def test_rates_in_kbps_become_bpp_by_size_and_frame_rate(tmp_path):
    """The summary of VTM: 1000 · 117.9648 / 30 / (768 · 512) = 0.01 bit/px."""
    text = "\tTotal Frames |   Bitrate     Y-PSNR    U-PSNR    V-PSNR    YUV-PSNR\n"
    text += "\t       24    a     117.9648   31.2345   40.1000   41.2000   32.5000\n"
    files = {"q37/log.txt": text, "q32/log.txt": text.replace("117.9648", "1179.648")}
    mapping = {"kbps": "Bitrate", "psnr_db": "Y-PSNR"}
    given = {"mapping": mapping, "images": 24, "fps": 30, "size": "768x512"}
    (curve,) = imported(tmp_path, files, **given).curves
    assert curve.mean("bpp").tolist() == pytest.approx([0.01, 0.1])
    assert curve.mean("psnr_db").tolist() == [31.2345, 31.2345]
    for lacking, message in (
        ({"fps": 0}, "converting kbps to bpp needs the frames per second .* give `fps`"),
        ({"size": ""}, "converting kbps to bpp needs the size of the image"),
        ({"size": "768"}, "`size` '768' is not of the form WIDTHxHEIGHT"),
        ({"mapping": {"bpp": "Bitrate", "psnr_db": "Y-PSNR"}}, "`size` and `fps` are for rates in"),
    ):
        with pytest.raises(UsageError, match=message):
            imported(tmp_path, files, **{**given, **lacking})


@pytest.mark.parametrize(
    ("header", "rate", "message"),
    [
        ("rate", "300", "bpp is 300, more than the uncompressed image; .* kbps=COLUMN"),
        ("rate_kbps", "0.5", "'rate_kbps' does not look like bits per pixel"),
        ("Bytes", "0.5", "'Bytes' does not look like bits per pixel"),
        ("file_size", "0.5", "'file_size' does not look like bits per pixel"),
    ],
)
def test_rates_of_another_unit_are_not_taken_for_bpp(tmp_path, header, rate, message):
    text = TABLE.replace("rate", header).replace("0.75", rate)
    with pytest.raises(UsageError, match=message):
        imported(tmp_path, {"t.csv": text}, mapping={**MAPPING, "bpp": header})


@pytest.mark.parametrize("header", ["bits per pixel", "resized_bpp", "bpp (24 bits)", "Bitrate"])
def test_columns_of_bits_per_pixel_are_taken(tmp_path, header):
    text = TABLE.replace("rate", header)
    imported(tmp_path, {"t.csv": text}, mapping={**MAPPING, "bpp": header})


def test_two_rates_are_refused_and_a_runs_own_columns_are_not(tmp_path):
    with pytest.raises(UsageError, match="`mapping` names bpp and size_bytes; only one of them"):
        imported(tmp_path, {"t.csv": TABLE}, mapping={**MAPPING, "size_bytes": "rate2"})
    own = "image,point,width,height,size_bytes,bpp,psnr_db\na,1,,,9,0.5,30\n"
    (curve,) = imported(tmp_path, {"t.csv": own}, mapping={}).curves
    assert curve.mean("bpp").tolist() == [0.5]


MEANS = {"bpp": "rate", "psnr_db": "PSNR"}


@pytest.mark.parametrize(
    "text",
    [
        "rate\tPSNR\n0.5\t30\n1\t33\n",
        "rate;PSNR\n0.5;30\n1;33\n",
        "rate  PSNR\n0.5   30\n1     33\n",
        "rate PSNR\n0.5 30\n1 33\n",
        "  rate   PSNR\n----------\n   0.5     30\n     1     33\n==========\n",
        "| rate | PSNR |\n|-----:|:----:|\n| 0.5 | 30 |\n| 1 | 33 |\n",
        ",rate,PSNR\n0,0.5,30\n1,1,33\n",  # pandas
        "\trate\tPSNR\n0\t0.5\t30\n1\t1\t33\n",
        '"rate" "PSNR"\n"1" 0.5 30\n"2" 1 33\n',  # R
        "rate,PSNR\n0.5,30,\n1,33,\n",
        "rate,PSNR,\n0.5,30,\n1,33,\n",
        "rate,max error,PSNR\n0.5,1,30\n1,2,33\n",
    ],
)
def test_text_tables_are_read_whatever_separates_their_cells(tmp_path, text):
    (curve,) = imported(tmp_path, {"t.txt": text}, mapping=MEANS, images=3).curves
    assert curve.mean("bpp").tolist() == [0.5, 1]
    assert curve.mean("psnr_db").tolist() == [30, 33]


def test_a_signs_meaning_is_not_guessed(tmp_path):
    text = "rate;a,PSNR\n0.5;1,30\n"
    with pytest.raises(
        UsageError, match=r"may be separated by ',' or ';'; choose with `delimiter`"
    ):
        imported(tmp_path, {"t.csv": text}, mapping=MEANS, images=3)
    with pytest.raises(
        UsageError, match="line 3: 4 cells, but the header has 2; put # before lines"
    ):
        imported(tmp_path, {"t.csv": "rate,PSNR\n0.5,30\n1,2,3,4\n"}, mapping=MEANS, images=3)
    rows = "rate,PSNR\n7,0.5,30\n9,1,33\n"  # one more cell, which are no numbers of rows
    with pytest.raises(UsageError, match="line 2: 3 cells, but the header has 2"):
        imported(tmp_path, {"t.csv": rows}, mapping=MEANS, images=3)


def test_a_table_of_benchmark_xl_is_read_without_its_aggregate(tmp_path):
    """As libjxl's benchmark_xl prints it, names with single blanks among its columns."""
    text = (
        "Encoding      kPixels    Bytes          BPP  E MP/s  D MP/s     Max norm   PSNR  Bugs\n"
        "-----------------------------------------------------------------------------------\n"
        "jxl:d0.5        13562  4936672    2.9119624   2.323  34.301   0.76519037  46.23     0\n"
        "jxl:d1          13562  3045965    1.7967034   2.239  34.252   1.35021809  42.34     0\n"
        "Aggregate:      13562  3877782    2.2873711   2.281  34.276   1.01650000  44.24     0\n"
    )
    result = imported(
        tmp_path, {"t.txt": text}, mapping={"bpp": "BPP", "psnr_db": "PSNR"}, images=7
    )
    assert result.curves[0].mean("bpp").tolist() == [1.7967034, 2.9119624]
    assert "'Aggregate:' ('t.txt', line 5)" in result.notes[1]


def test_a_table_without_a_header_has_numbered_columns(tmp_path):
    text = "20 40000 1500 33.5\n30 40000 1000 31.5\n"
    with pytest.raises(UsageError, match="which column is the rate; it has 1, 2, 3, 4: name it"):
        imported(tmp_path, {"t.out": text}, mapping={}, images=3)
    mapping = parse_mapping("point=1,pixels=2,size_bytes=3,psnr_db=4")
    (curve,) = imported(tmp_path, {"t.out": text}, mapping=mapping, images=3).curves
    assert (curve.mean("bpp").tolist(), curve.mean("psnr_db").tolist()) == (
        [0.2, 0.3],
        [31.5, 33.5],
    )


def test_names_with_commas_are_mapped_in_quotes(tmp_path):
    text = '"rate, bpp","PSNR, dB"\n0.5,30\n'
    with pytest.raises(UsageError, match='it has "rate, bpp", "PSNR, dB": name it') as error:
        imported(tmp_path, {"t.csv": text}, mapping={}, images=3)
    assert '"rate, bpp"' in str(error.value)
    mapping = parse_mapping('bpp="rate, bpp",psnr_db="PSNR, dB"')
    assert mapping == {"bpp": "rate, bpp", "psnr_db": "PSNR, dB"}
    imported(tmp_path, {"t.csv": text}, mapping=mapping, images=3)
    with pytest.raises(UsageError, match="a quotation mark is not closed"):
        parse_mapping('bpp="rate')


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"version": "2", "frames": [], "pooled_metrics": {}}, "a log of VMAF"),
        ({"constant_values": [], "field_descriptions": [], "field_values": []}, "codec-compare"),
        ({"schema_version": 3, "experiment": {}}, "the run.json of a run of rdbench"),
        ([{"bpp": 1, "psnr": 30}], r"a list of 1 records \(bpp, psnr\)"),
        ([1, 2], "JSON of a list"),
        (3, "JSON of a single value"),
    ],
)
def test_json_of_other_tools_is_called_what_it_is(tmp_path, document, what):
    with pytest.raises(
        UsageError, match=rf"'t.json' has no 'results'.*{what}.*; convert it to a CSV"
    ):
        imported(tmp_path, {"t.json": json.dumps(document)}, mapping={})


def test_a_workbook_is_called_what_it_is(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(UsageError, match="is a workbook or an archive; save the sheet as CSV"):
        import_curves([tmp_path / "t.xlsx"], Request())


def test_a_file_that_was_not_imported_says_so(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    with pytest.raises(
        UsageError, match=r"header lacks codec, image, point; `rdbench import` converts"
    ):
        call("bd", path, "--anchor", "x")
    with pytest.raises(UsageError, match=r"has no column .*; `rdbench import` converts results"):
        call("bd", "--anchor", f"published:{path}", "--published", "lee2019-mse")
    path.write_text(imported(tmp_path, {"t.csv": TABLE}, point="", mapping=MAPPING).text)
    with pytest.raises(UsageError, match=r"holds published curves, .* as published:FILE\.csv"):
        call("bd", path, "--anchor", "mine")
