"""The table of measurements as text, and read back."""

from __future__ import annotations

import io
import json
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

import rdbench
from rdbench.csv_blocks import whole_records
from rdbench.errors import UsageError
from rdbench.files import csv_text
from rdbench.manifest import read_manifest, read_metrics
from rdbench.measurements import parse_rows
from rdbench.results import MEASUREMENTS, RunDirectory, read_rows, read_table
from rdbench.sample_format import SampleFormat
from rdbench.schema import COLUMNS, SCHEMA_VERSION, Measurement, header, options_text
from tests.curves.encoded import as_csv, encoded_rows

HEADER = [column.name for column in COLUMNS]
FIELDS = {
    str: st.text(st.sampled_from("aZ9 ,;\"'\n\réü☃"), max_size=6),
    int: st.integers(0, 2**53),
    float: st.floats(allow_nan=False),
}


def test_columns_are_those_of_the_documented_schema():
    assert " ".join(HEADER) == (
        "dataset image image_sha256 width height channels color sample_format codec options label "
        "parameter point setting tries tolerance codec_version identity repeat status message "
        "unscored size_bytes payload_bytes bpp estimated_bpp encode_s decode_s encode_cpu_s "
        "decode_cpu_s encode_transform_s decode_transform_s encode_runs decode_runs encode_spread "
        "decode_spread task_s timing frequency_mhz load host device peak_rss_mb added_rss_mb "
        "program_rss_mb reused stream_sha256 decoded_sha256 stream_file decoded_file"
    )
    scored = header(["psnr_db", "lpips"])
    assert scored[scored.index("estimated_bpp") :][:4] == [
        *("estimated_bpp", "psnr_db", "lpips", "encode_s")
    ]


SCORES = ("psnr_db", "lpips")
rows = st.builds(
    Measurement,
    **{column.name: FIELDS[column.type] for column in COLUMNS},
    scores=st.dictionaries(st.sampled_from(SCORES), FIELDS[float]),
)


@given(st.lists(rows, max_size=4))
def test_rows_survive_the_file(measured):
    text = csv_text([header(SCORES), *(row.cells(SCORES) for row in measured)])
    read = list(parse_rows(io.BytesIO(text.encode()), "here"))
    # An empty text and "not available" are one cell.
    blank = [
        Measurement(
            **{c.name: getattr(row, c.name) or c_default(c.name, row) for c in COLUMNS},
            scores=row.scores,
        )
        for row in measured
    ]
    assert read == blank


def c_default(name, row):
    value = getattr(row, name)
    return Measurement.__dataclass_fields__[name].default if value == "" else value


@given(st.lists(rows, min_size=1, max_size=3), st.data())
def test_a_torn_row_is_found_wherever_it_is_torn(measured, data):
    """Cut anywhere: what remains are the records before the cut, whole."""
    parts = [csv_text([row.cells()]).encode() for row in measured]
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + len(part))
    assert whole_records(whole[:cut]) == max(end for end in ends if end <= cut)


def test_infinity_and_nothing_are_told_apart():
    row = Measurement(bpp=None, scores={"psnr_db": math.inf, "ssim": 0.0})
    metrics = ("psnr_db", "ssim", "lpips")
    cells = dict(zip(header(metrics), row.cells(metrics), strict=True))
    assert (cells["psnr_db"], cells["bpp"], cells["ssim"]) == ("inf", "", "0")
    assert cells["lpips"] == ""
    assert Measurement.from_cells(cells, metrics) == row


def test_columns_of_numbers_are_metrics_and_others_are_not(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(
        "codec,image,point,lpips,remark,images,late\na,x,1,0.5,fine,3,\na,y,1,,0.2,3,text\n"
    )
    assert [row.scores for row in read_rows(file)] == [{"lpips": 0.5}, {}]
    assert read_table(file).metrics == ("lpips",)
    frame = rdbench.load(file)
    assert frame["lpips"].tolist()[0] == 0.5
    assert not {"remark", "images", "late"} & set(frame.columns)


@pytest.mark.parametrize("note", ["", '"a text,\nof two lines"'])
def test_what_an_older_rdbench_called_gray_is_read_as_that(tmp_path, note):
    """By columns and row by row (a metric whose column has a text), also beside new rows."""
    file = tmp_path / "a.csv"
    file.write_text(
        "codec,image,point,channels,color,sample_format,lpips\n"
        "a,x,1,1,grey,grey8,0.5\na,y,1,1,gray,gray8,0.5\n"
        f"a,z,1,1,luma,grey8,{note or 0.5}\na,w,1,3,rgb,rgb8,0.5\n"
    )
    found = [(row.color, row.sample_format) for row in read_rows(file)]
    assert found == [("gray", "gray8"), ("gray", "gray8"), ("luma", "gray8"), ("rgb", "rgb8")]
    texts = read_table(file).texts
    assert sorted(texts["sample_format"].values) == ["gray8", "rgb8"]
    assert SampleFormat.parse("grey8") == SampleFormat.parse("gray8") == SampleFormat(1)


def test_options_are_written_in_one_order():
    assert options_text({"speed": 6, "chroma": "420"}) == "chroma=420;speed=6"


def test_the_newest_row_of_a_measurement_counts(tmp_path):
    file = tmp_path / "a.csv"
    old, new = Measurement(image="x", bpp=1.0), Measurement(image="x", bpp=2.0)
    file.write_text(csv_text([HEADER, old.cells(), new.cells()]))
    assert [row.bpp for row in read_rows(file)] == [2.0]


def test_load_gives_typed_columns(tmp_path):
    file = tmp_path / "a.csv"
    measured = [Measurement(image="x", width=3, bpp=1.5), Measurement(image="y", status="failed")]
    file.write_text(csv_text([HEADER, *(row.cells() for row in measured)]))
    frame = rdbench.load(file)
    assert list(frame.columns) == HEADER
    assert (frame["width"].dtype, frame["bpp"].dtype) == ("Int64", "float64")
    assert frame["width"].isna().tolist() == [False, True]
    both = rdbench.load(file, str(file))
    assert both["run"].tolist() == [str(file)] * 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a table of measurements"),
        ("a,b\n1,2\n", "not a table of measurements"),
        ("codec,image\nx,y\n", "its header lacks point"),
        ("codec,image,point\nx\n", "line 2: 1 cells instead of 3"),
        ("codec,image,point,bpp\nx,y,1,z\n", "line 2: column 'bpp': 'z' is not of type float"),
        ("codec,image,point,codec\n", "has the column 'codec' twice"),
    ],
)
def test_other_files_are_refused_with_the_place(tmp_path, text, message):
    file = tmp_path / "a.csv"
    file.write_text(text)
    for read in (read_rows, rdbench.load):
        with pytest.raises(UsageError, match=message):
            read(file)


def test_load_is_what_pandas_reads(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(as_csv(encoded_rows()))
    old = Version(pd.__version__) < Version("3")  # its default loses the last digits
    expected = pd.read_csv(file, **{"float_precision": "round_trip"} if old else {}).dropna(axis=1)
    found = rdbench.load(file)[list(expected.columns)]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)


def run_of(folder, version, dropped=()):
    """A run directory as a version of the schema has it."""
    folder.mkdir()
    frame = pd.read_csv(io.StringIO(as_csv(encoded_rows())), dtype="str")
    frame.drop(columns=list(dropped)).to_csv(folder / MEASUREMENTS, index=False)
    manifest = {"schema_version": version, "experiment": {}}
    (folder / "run.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_a_run_of_an_older_schema_is_read_and_gone_on_with(tmp_path, version):
    """Version 1 had no columns of processor times and of programs' memory; none before 3 said
    which metrics have no value."""
    later = ["identity", "unscored", "host", "device"]
    later += ["encode_cpu_s", "decode_cpu_s", "program_rss_mb"] if version == 1 else []
    old = run_of(tmp_path / "old", version, later)
    frame = rdbench.load(old)
    assert list(frame.columns) == header(read_table(old).metrics)
    assert [row.scores for row in read_rows(old)] == [row.scores for row in encoded_rows()]
    before = read_rows(old)
    with RunDirectory(old, {"metrics": ["psnr_db"]}, {"psnr_db": {"revision": 1}}) as directory:
        assert directory.resumed
        assert directory.metrics == read_table(old).metrics
        directory.finish({})
    assert [row.scores for row in read_rows(old)] == [row.scores for row in before]
    assert read_manifest(old)["schema_version"] == SCHEMA_VERSION


def test_a_run_of_a_later_schema_is_refused_with_the_way_out(tmp_path):
    new = run_of(tmp_path / "new", SCHEMA_VERSION + 1)
    for read in (read_rows, rdbench.load):
        with pytest.raises(UsageError, match="use a newer rdbench"):
            read(new)
    with pytest.raises(UsageError, match=r"use a newer rdbench, `fresh=True` or another `out`"):
        RunDirectory(new, {})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"formats": [3]}, "cannot be read"), ({"revision": 0}, "revision and least_side must be")],
)
def test_a_record_of_a_metric_that_was_edited_is_refused_with_the_file(tmp_path, changed, reason):
    run = run_of(tmp_path / "run", SCHEMA_VERSION)
    manifest = json.loads((run / "run.json").read_text())
    manifest["metrics"] = {"psnr_db": {"name": "psnr_db", "label": "PSNR", "unit": "dB"} | changed}
    (run / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=rf"run\.json': .*{reason}.*; restore the file"):
        read_metrics(run)


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(UsageError, match="name a run directory or a CSV file"):
        rdbench.load(tmp_path)
