"""CSV files of other tools, as they come."""

from __future__ import annotations

import math
import re

import pytest

from rdbench.curves import published
from rdbench.curves.published import parse_published
from rdbench.errors import UsageError
from rdbench.importing import Imported, Request, import_curves, parse_mapping

MAPPING = {"bpp": "rate", "psnr_db": "PSNR", "image": "name", "point": "q"}
TABLE = "name,q,rate,PSNR,comment\na,10,0.25,30.5,x\na,20,0.5,34,y\nb,10,0.75,31.5,z\nb,20,1,35,\n"
MEANS = "rate,PSNR\n0.5,32\n0.25,30\n1,36.125\n"


@pytest.fixture
def imported(tmp_path):
    def call(*texts: str | bytes, **request: object) -> Imported:
        paths = []
        for place, text in enumerate(texts):
            path = tmp_path / f"table{place or ''}.csv"
            path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
            paths.append(path)
        request = {"mapping": MAPPING, "label": "mine", "dataset": "d"} | request
        return import_curves(paths, Request(**request))

    return call


def test_rows_of_images_become_a_curve(imported, tmp_path):
    result = imported(TABLE, rate_is="file", source="here", known_issue="none really")
    (curve,) = result.curves
    assert (curve.label, curve.codec, curve.dataset, curve.images) == (
        "mine",
        "mine",
        "d",
        ("a", "b"),
    )
    assert (curve.parameter, curve.points) == ("q", (10.0, 20.0))
    assert curve.mean("bpp").tolist() == [0.5, 0.75]
    assert curve.mean("psnr_db").tolist() == [31.0, 34.5]
    assert (curve.rate_is, curve.origin, curve.known_issue) == ("file", "here", "none really")
    assert result.notes == ("not taken: comment",)
    out = tmp_path / "out.csv"
    out.write_text(result.text)
    assert published(f"{out}:mine").mean("bpp").tolist() == [0.5, 0.75]


def test_means_are_numbered_by_their_rate(imported):
    (curve,) = imported(MEANS, mapping=parse_mapping("bpp=rate,psnr_db=PSNR"), images=7).curves
    assert (curve.parameter, curve.points, curve.mean_of) == ("index", (0.0, 1.0, 2.0), 7)
    assert curve.mean("bpp").tolist() == [0.25, 0.5, 1.0]
    assert curve.mean("psnr_db").tolist() == [30.0, 32.0, 36.125]


def test_columns_that_bear_our_names_need_no_mapping(imported):
    text = "dataset,label,codec,image,parameter,point,bpp,ms_ssim\n"
    text += "k,one,c,a,qp,37,0.5,0.75\nk,two,c,a,qp,37,0.25,1\n"
    one, two = imported(text, mapping={}, label="", dataset="").curves
    assert [(c.label, c.codec, c.dataset, c.parameter) for c in (one, two)] == [
        ("one", "c", "k", "qp"),
        ("two", "c", "k", "qp"),
    ]
    assert one.mean("ms_ssim_db")[0] == pytest.approx(-10 * math.log10(0.25), rel=1e-15)
    assert two.mean("ms_ssim_db")[0] == math.inf


def test_what_was_imported_reads_back_digit_by_digit(imported):
    text = TABLE.replace("0.25", "0.1234567890123456").replace("30.5", "inf")
    result = imported(text)
    (again,) = parse_published(result.text, "again")
    values = again.of_images("bpp", ["a"])[0].tolist()
    assert values == [0.1234567890123456, 0.5]
    assert again.of_images("psnr_db", ["a"])[0, 0] == math.inf


def test_a_curve_may_be_spread_over_files(imported):
    head, *rows = TABLE.splitlines(keepends=True)
    (curve,) = imported(head + "".join(rows[:2]), head + "".join(rows[2:])).curves
    assert curve.images == ("a", "b")


@pytest.mark.parametrize("data", [TABLE.replace("\n", "\r\n"), b"\xef\xbb\xbf" + TABLE.encode()])
def test_line_ends_and_a_byte_order_mark_make_no_difference(imported, data):
    assert imported(data).text == imported(TABLE).text


def test_semicolons_and_decimal_commas(imported):
    text = TABLE.replace(",", ";").replace(".", ",")
    assert imported(text, delimiter=";", decimal=",").text == imported(TABLE).text
    with pytest.raises(
        UsageError, match=r"seems to be separated by ';', not by ','; give `delimiter=';'`"
    ):
        imported(text, delimiter=",")
    for delimiter in (";", ""):
        with pytest.raises(UsageError, match=r"line 2, bpp: '0,25' has a comma; .* `decimal=','`"):
            imported(text, delimiter=delimiter)
    with pytest.raises(UsageError, match="seems to be separated by tab"):
        imported(TABLE.replace(",", "\t"), delimiter=",")


def test_labels_may_be_in_any_language(imported):
    (curve,) = imported(TABLE, label="модель µ=½").curves
    assert curve.label == "модель µ=½"


def test_images_are_named_as_runs_name_them(imported):
    result = imported(TABLE.replace("\na,", "\na.png,").replace("\nb,", "\nb.v2,"))
    assert result.curves[0].images == ("a", "b.v2")
    assert "images are named without .png and the like, as runs name them" in result.notes


def test_one_point_and_missing_images_are_noted(imported):
    head, first, second, *_ = TABLE.splitlines(keepends=True)
    assert imported(head + first).notes[1:] == (
        "mine has a single point, so it can be drawn but not compared",
        "mine: its source does not say whether its rate counts whole files; `rate_is` says it",
    )
    notes = imported(head + first + second + first.replace("a,", "b,")).notes
    assert "1 images lack points and will be left out (b: not measured" in notes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'table.csv' is empty"),
        (" \n\n", "'table.csv' is empty"),
        ("name,q,rate,PSNR\n", "has a header and no rows"),
        ("name,q,bpp,PSNR\na,1,2,3\n", "has no column 'rate'; it has name, q, bpp, PSNR"),
        ("name,q\na,1\n", "has no column 'rate', 'PSNR'; it has name, q"),
        ("name,q,rate,PSNR,q\na,1,2,3,4\n", "has the column 'q' twice"),
        ("name,q,rate,PSNR\na,1,2\n", "line 2: 3 cells, but the header has 4"),
        ("name,q,rate,PSNR\na,1,n/a,3\n", "line 2, bpp: 'n/a' is not a number"),
        ("name,q,rate,PSNR\na,1,1_0,3\n", "line 2, bpp: '1_0' is not a number"),
        (
            f"name,q,rate,PSNR\na,1,2,{'1' * 401}\n",
            "line 2, psnr_db: 11111111111111111111... (401 characters) is too large for a number",
        ),
        ("name,q,rate,PSNR\na,1,2,1e999\n", "line 2, psnr_db: 1e999 is too large for a number"),
        ("name,q,rate,PSNR\na,1,2,1" + 400 * "0" + ".\n", "is too large for a number"),
        ("name,q,rate,PSNR\na,1,,3\n", "line 2 has no bpp"),
        ("name,q,rate,PSNR\na,1,2,\n", "line 2 has a rate but no quality"),
        (
            "name,q,rate,PSNR\na,,1,3\na,2,2,4\n",
            "line 3 has a point, but 'table.csv', line 2 has none",
        ),
        ("name,q,rate,PSNR\na,1,nan,3\n", "line 2: bpp is nan"),
        ("name,q,rate,PSNR\na,1,inf,3\n", "line 2: bpp is inf"),
        ("name,q,rate,PSNR\na,1,2,NaN\n", "line 2: psnr_db is nan"),
        ("name,q,rate,PSNR\na,1,2,-inf\n", "line 2: psnr_db is -inf"),
        ("name,q,rate,PSNR\na,1,-0.5,3\n", "line 2: bpp is -0.5, a rate must be positive"),
        ("name,q,rate,PSNR\na,1,0,3\n", "line 2: bpp is 0, a rate must be positive"),
        ("name,q,rate,PSNR\na,1,2,3\nb,1,2,3\na,1,2,4\n", "line 4 repeats 'table.csv', line 2"),
        ("name,q,rate,PSNR\na,1,2,3\n,1,2,3\n", "rows of images ('table.csv', line 2) and means"),
        ("name,q,rate,PSNR\n=a,1,2,3\n", "image '=a' begins with '=', which spreadsheets take for"),
        ('name,q,rate,PSNR\n"a,1,2,3\n', "unexpected end of data"),
        (
            "name,q,rate,PSNR,codec\na,1,2,3,x\nb,1,2,3,y\n",
            "differ in codec ('x' in 'table.csv', l",
        ),
        ("name,q,rate,PSNR,ms_ssim\na,1,2,3,12.5\n", "if it is in decibels, map it to ms_ssim_db"),
        ("name,q,rate,PSNR,ms_ssim_db\na,1,2,3,0.98\n", "if it is linear, map it to ms_ssim"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(imported, text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        imported(text)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"mapping": {}}, "which column is the rate; it has name, q, rate, PSNR, comment: name it"),
        ({"mapping": {"bpp": "rate"}}, "which column is a quality; it has name, q, rate"),
        ({"mapping": {**MAPPING, "label": "comment"}}, "several curves (x, y, z), which `label`"),
        ({"label": ""}, "line 2 has no label for the curve; give one with `label`"),
        (
            {"label": "=cmd"},
            "label '=cmd' begins with '=', which spreadsheets take for a formula; ",
        ),
        ({"label": "+1"}, "begins with '+'"),
        ({"label": "-1"}, "begins with '-'"),
        ({"label": "@sum"}, "begins with '@', which spreadsheets take for a formula; give another"),
        ({"label": "a,b"}, "has a comma"),
        ({"label": "a\tb"}, "a control character"),
        ({"label": "lee2019-mse"}, "with the label 'lee2019-mse'; use that one"),
        ({"dataset": ""}, "has no dataset; give `dataset`"),
        ({"dataset": "=d"}, "`dataset`: dataset '=d' begins with '='"),
        ({"known_issue": "-x"}, "`known_issue`: known_issue '-x' begins with '-'"),
        ({"images": 3}, "`images` is for means; the rows of 'mine' name their images"),
        (
            {"mapping": {"bpp": "rate", "psnr_db": "PSNR"}},
            "give the number of images with `images`",
        ),
        (
            {"mapping": {"bpp": "rate", "psnr_db": "PSNR", "image": "name"}},
            "line 3 repeats 'table.csv', line 2; if they are two points, name them with `mapping`",
        ),
        ({"color": "yuv"}, "unknown color 'yuv'; known: luma, rgb"),
        ({"rate_is": "files"}, "unknown meaning of a rate 'files'; did you mean 'file'?"),
    ],
)
def test_what_a_request_lacks_is_said(imported, request_, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        imported(TABLE, **request_)


COMMENTED = '# made by a script, at "night\n' + TABLE.replace("b,10", "#b, quoted?\nb,10") + "#end"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_comment_lines_are_passed_over_and_counted(imported, end):
    result = imported(COMMENTED.replace("\n", end))
    assert result.text == imported(TABLE).text
    assert result.notes[0] == (
        "lines that begin with # are taken as comments ('table.csv', line 1 and 2 more); quote a "
        "cell that begins with #"
    )
    with pytest.raises(UsageError, match=r"line 4, bpp: 'x' is not a number"):
        imported("#\n" + TABLE.replace(",0.5,", ",x,"))
    with pytest.raises(UsageError, match=r"'table\.csv' is empty"):
        imported("# nothing\n#\n")


def test_cells_that_begin_with_a_hash_are_kept_in_quotes(imported):
    text = TABLE.replace("\na,", '\n"#a",').replace(",z", ',"z\n# of z"')
    assert imported(text).curves[0].images == ("#a", "b")
    assert imported(text, rate_is="file").notes == ("not taken: comment",)


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n'])
def test_a_first_line_sep_says_the_delimiter(imported, first):
    text = first + TABLE.replace(",", ";")
    assert imported(text).text == imported(TABLE).text
    assert imported(text, delimiter=";", decimal=",").text == imported(TABLE).text
    with pytest.raises(
        UsageError, match=r"has sep=; in its first line, which contradicts `delimiter` '\|'"
    ):
        imported(text, delimiter="|")
    with pytest.raises(UsageError, match=r"has sep=\. in its first line"):
        imported(text.replace(";", "."))


CLASHING = "label,image,point,bpp,psnr_db\nlee2019-mse,a,1,0.5,30\nother,a,1,0.25,30\n"


def test_labels_that_ship_with_rdbench_get_a_way_out_that_works(imported):
    """The option that the message names is given as it says, to a file of several curves."""
    with pytest.raises(UsageError, match="with the label 'lee2019-mse'") as error:
        imported(CLASHING, mapping={}, label="")
    (label,) = re.findall(r"give `label='([^']+)'`, where", str(error.value))
    labels = [curve.label for curve in imported(CLASHING, mapping={}, label=label).curves]
    assert labels == ["my-lee2019-mse", "my-other"]
    with pytest.raises(UsageError, match="would merge; leave it out, or keep") as error:
        imported(CLASHING, mapping={}, label="x")
    (label,) = re.findall(r"`label='([^']+)'`$", str(error.value))
    labels = [curve.label for curve in imported(CLASHING, mapping={}, label=label).curves]
    assert labels == ["x-lee2019-mse", "x-other"]
    with pytest.raises(UsageError, match="line 2 has no label for the curve"):
        imported(TABLE, label="my-*")


def test_means_that_repeat_each_other_are_refused(imported):
    mapping = {"bpp": "rate", "psnr_db": "PSNR"}
    with pytest.raises(UsageError, match=r"line 3 repeats 'table.csv', line 2"):
        imported("rate,PSNR\n0.5,32\n0.5,32\n", mapping=mapping, images=7)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TABLE.encode("utf-16"), "is UTF-16 or not text; save it as UTF-8"),
        (TABLE.encode("utf-16-le"), "is UTF-16 or not text; save it as UTF-8"),
        (TABLE.replace("x", "é").encode("latin-1"), "not UTF-8 (line 2, byte 0xE9)"),
    ],
)
def test_other_encodings_are_named(imported, data, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        imported(data)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read '.*none.csv': No such file"):
        import_curves([tmp_path / "none.csv"], Request())
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        import_curves([tmp_path], Request())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bpp", "'bpp' is not of the form COLUMN=NAME"),
        ("bpp=", "is not of the form"),
        ("psnr=PSNR", "unknown column 'psnr'; did you mean 'psnr_db'"),
        ("bpp=a,bpp=b", "names 'bpp' twice"),
        ("bpp=a,psnr_db=a", "takes 'a' for two columns"),
    ],
)
def test_mappings_are_checked(text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_mapping(text)


def test_mappings_are_read():
    assert parse_mapping(" bpp = my rate ,psnr_db=PSNR[dB]=x,") == {
        "bpp": "my rate",
        "psnr_db": "PSNR[dB]=x",
    }
