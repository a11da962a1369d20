"""Every mistake in a program codec's file is answered in one line with file, key and reason."""

from __future__ import annotations

import datetime
import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdbench.codecs.program import load
from rdbench.codecs.program_file import read
from rdbench.errors import UsageError

from .test_program_definition import PNM, TEXT, changed, write


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read(path)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"program codec '{path}'")
    return message.removeprefix(f"program codec '{path}'")


def test_a_file_that_is_missing(tmp_path):
    assert refusal(tmp_path / "gone.toml") == ": No such file or directory"
    with pytest.raises(UsageError, match=r"gone\.toml': No such file"):
        load(tmp_path / "gone.toml")
    assert refusal(tmp_path) == ": Is a directory"


@pytest.mark.parametrize("data", [b"name = ", b"\xff\xfe\0", b"a = 1\na = 2", b"[x]\n[x]"])
def test_a_file_that_is_no_toml(tmp_path, data):
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    assert refusal(path).startswith(" is not TOML: ")


MISTAKES = [
    # Names and values at the top.
    ('name = "mine"', 'nmae = "mine"', "nmae", "unknown key 'nmae'; did you mean 'name'?"),
    ('name = "mine"', "", "name", "is missing"),
    ('name = "mine"', "name = 3", "name", "3 is not text"),
    ('name = "mine"', 'name = ""', "name", "'' may only have letters, digits"),
    ('name = "mine"', 'name = "a/b"', "name", "'a/b' may only have letters, digits"),
    ('name = "mine"', 'name = "a b"', "name", "'a b' may only have"),
    ('name = "mine"', 'name = "mine\\n"', "name", "'mine\\n' may only have"),
    ('summary = "My codec"', "summary = 3", "summary", "3 is not text"),
    ('parameter = "quality"', "", "parameter", "is missing"),
    ("ladder = [10, 50, 90]", "", "ladder", "is missing"),
    ("ladder = [10, 50, 90]", "ladder = 10", "ladder", "10 is not an array"),
    ("ladder = [10, 50, 90]", "ladder = []", "ladder", "has no values"),
    ("ladder = [10, 50, 90]", "ladder = [10, true]", "ladder[1]", "true is not a number"),
    ("ladder = [10, 50, 90]", 'ladder = ["10"]', "ladder[0]", "'10' is not a number"),
    ("ladder = [10, 50, 90]", "ladder = [0]", "ladder", "quality 0 is not within 1 to 100"),
    ("ladder = [10, 50, 90]", "ladder = [101]", "ladder", "quality 101 is not within"),
    ("ladder = [10, 50, 90]", "ladder = [1.5]", "ladder", "quality 1.5 is not a whole number"),
    ("low = 1\n", 'low = "1"\n', "low", "'1' is not a number"),
    ("low = 1\n", "low = true\n", "low", "true is not a number"),
    ("integer = true", "integer = 1", "integer", "1 is not true or false"),
    ('".mine"', '"/../../x"', "suffix", "'/../../x' is not a dot with letters and digits"),
    ('".mine"', '"mine"', "suffix", "'mine' is not a dot with"),
    ('".mine"', '"."', "suffix", "'.' is not a dot with"),
    ('".mine"', '".mine\\n"', "suffix", "'.mine\\n' is not a dot with"),
    ("\ninteger", "\nchannels = []\ninteger", "channels", "has no values"),
    ("\ninteger", "\nchannels = [4]\ninteger", "channels[0]", "unknown value '4'; known: 1, 3"),
    ("\ninteger", "\nchannels = [true]\ninteger", "channels[0]", "true is not a whole number"),
    ("\ninteger", "\nchannels = [[1]]\ninteger", "channels[0]", "[1] is not a whole number"),
    ("\ninteger", "\nchannels = 1\ninteger", "channels", "1 is not an array"),
    ("\ninteger", '\nlossless = "no"\ninteger', "lossless", "'no' is not true or false"),
    # Further axes, and what is refused.
    ("[[axes]]\nwhen", "[[axes]]\nwhne", "axes[0].whne", "unknown key 'whne'; did you mean 'when'"),
    ("ladder = [40, 30]", "ladder = [40, 60]", "axes[0].ladder", "qp 60 is not within 0 to 51"),
    ("ladder = [40, 30]", "", "axes[0].ladder", "is missing"),
    ('mode = "qp", fast', "channels = 1, fast", "axes[0].when.channels", "unknown key 'channels'"),
    ('{ mode = "qp", fast = true }', "{}", "axes[0].when", "has no conditions"),
    ('{ mode = "qp", fast = true }', "3", "axes[0].when", "3 is not a table"),
    ('mode = "qp"', 'mod = "qp"', "axes[0].when.mod", "unknown key 'mod'; did you mean 'mode'?"),
    ('mode = "qp"', 'mode = "q"', "axes[0].when.mode", "'q' is not one of quality, qp"),
    ('"422"], matrix', '"411"], matrix', "refuse[0].when.chroma", "'411' is not one of 420, 422"),
    ('reason = "gbr', 'raeson = "gbr', "refuse[0].raeson", "did you mean 'reason'?"),
    ("[[refuse]]", "[refuse]", "refuse", "is not an array"),
    # Options.
    ("[options.fast]", "[options.Fast]", "options.Fast", "an option's name is made of a to z"),
    ("[options.fast]", "[options.point]", "options.point", "this name has another meaning"),
    ("[options.fast]", "[options.label]", "options.label", "this name has another meaning"),
    ("[options.fast]", "[options.output]", "options.output", "this name has another meaning"),
    ("[options.fast]", "[options.channels]", "options.channels", "this name has another meaning"),
    ('meaning = "haste"', "", "options.fast.meaning", "is missing"),
    ('meaning = "haste"', "mean = 1", "options.fast.mean", "did you mean 'meaning'?"),
    ("default = false", "", "options.fast.default", "is missing"),
    (
        "default = false",
        "default = []",
        "options.fast.default",
        "[] is not text or a whole number or",
    ),
    ('default = "420"', 'default = "411"', "options.chroma.default", "'411' is not among the"),
    ('default = "420"', "default = 420", "options.chroma.default", "420 is not among the"),
    (
        '["quality", "qp"]',
        '["quality", 3]',
        "options.mode.choices[1]",
        "3 has another type than the default",
    ),
    (
        'choices = ["quality", "qp"]',
        "",
        "options.mode.choices",
        "is missing: an option with a text",
    ),
    ('["quality", "qp"]', '["quality", "../qp"]', "options.mode.choices[1]", "leads out of"),
    ('["quality", "qp"]', '["quality", "a/../x"]', "options.mode.choices[1]", "leads out of"),
    ('["quality", "qp"]', '["quality", "~/x"]', "options.mode.choices[1]", "leads out of"),
    ("default = 5", "default = 0", "options.effort.default", "0 is not within 1 to 9"),
    ("default = 5", "default = 10", "options.effort.default", "10 is not within 1 to 9"),
    ("high = 9", 'high = "9"', "options.effort.high", "'9' is not a number"),
    ("labeled = true", "labeled = 1", "options.chroma.labeled", "1 is not true or false"),
    ('shown = ["4:2:0", ', "shown = [", "options.chroma.shown", "2 texts for 3 choices"),
    ("[options.fast]\ndefault = false", "[options]\nfast = 1", "options.fast", "is not a table"),
    # Pixels.
    ('input = "yuv"', 'input = "yv12"', "pixels.input", "unknown value 'yv12'; known: png"),
    ('input = "yuv"', 'input = "png"', "pixels.output", "if one side is yuv or y4m"),
    ('output = "yuv"', 'output = "png"', "pixels.output", "if one side is yuv or y4m"),
    ('input = "yuv"', "", "pixels.input", "is missing"),
    ('geometry = "header"', "", "pixels.geometry", "is needed with output = 'yuv' and only there"),
    ('geometry = "header"', 'geometry = "av1"', "pixels.geometry", "unknown value 'av1'"),
    ('geometry = "header"', 'geometry = ""', "pixels.geometry", "only there: hevc, vvc"),
    ('output = "yuv"', 'output = "y4m"', "pixels.geometry", "is needed with output = 'yuv'"),
    ('chroma = "{chroma}"', 'chroma = "{chrome}"', "pixels.chroma", "{chrome} is not an option"),
    ('chroma = "{chroma}"', 'chroma = "411"', "pixels.chroma", "'411' is not one of 400, 420"),
    ("depth = 8", "depth = 7", "pixels.depth", "depth 7 is not within 8 to 16"),
    ("depth = 8", "depth = true", "pixels.depth", "true"),
    ("depth = 8", 'depth = "ten"', "pixels.depth", "'ten'"),
    ("depth = 8", 'depth = "{chroma}"', "pixels.depth", "depth 420 is not within 8 to 16"),
    ("depth = 8", "depth = 8\ngray_depth = 17", "pixels.gray_depth", "depth 17 is not within"),
    ("depth = 8", "depth = 8\ngray_depth = true", "pixels.gray_depth", "true is not a whole"),
    ('matrix = "{matrix}"', 'matrix = "bt2020"', "pixels.matrix", "'bt2020' is not one of bt601"),
    ('matrix = "{matrix}"', "matrix = 709", "pixels.matrix", "709"),
    (
        'range = "full"',
        'range = "full"\nsiting = "right"',
        "pixels.siting",
        "'right' is not one of left, center, topleft",
    ),
    ('range = "full"', 'range = "full"\nsiting = "{at}"', "pixels.siting", "{at} is not an option"),
    ('range = "full"', 'range = "tv"', "pixels.range", "'tv' is not one of full, limited"),
    ("depth = 8", "depth = 8\nleast = true", "pixels.least", "true is not a whole number"),
    ("depth = 8", "depth = 8\nleast = 0", "pixels.least", "0 is not at least 1"),
    ("depth = 8", "depth = 8\nmultiple = 2", "pixels.multiple", "2 is not a table"),
    ("depth = 8", "depth = 8\nmultiple = { 421 = 2 }", "pixels.multiple.421", "unknown key '421'"),
    ("depth = 8", "depth = 8\nmultiple = { 420 = 0 }", "pixels.multiple.420", "0 is not at least"),
    ("depth = 8", "depth = 8\ngray = 3", "pixels.gray", "3 is not a table"),
    ("depth = 8", 'depth = 8\ngray = { after = "x" }', "pixels.gray.offset", "is missing"),
    ("depth = 8", "depth = 8\ngrey = 3", "pixels.grey", "unknown key 'grey'; did you mean 'gray'"),
    ("labeled = true", "labelled = true", "options.chroma.labelled", "did you mean 'labeled'?"),
    ("depth = 8", "depth = 8\nsize = 3", "pixels.size", "unknown key 'size'"),
    ("[pixels]", "[pixel]", "pixel", "did you mean 'pixels'?"),
    # Chroma formats with a matrix that goes with none of them, unless they are refused.
    ('["420", "422"], matrix', '["422"], matrix', "pixels.chroma", "gbr is not subsampled"),
    # Commands.
    ("[decode]", "[decoder]", "decoder", "unknown key 'decoder'; did you mean 'decode'"),
    ('program = "menc"', "", "encode.program", "is missing"),
    ('program = "menc"', 'program = ""', "encode.program", "'' names no program"),
    ('program = "menc"', 'program = ["menc"]', "encode.program", "['menc'] is not text"),
    ('names = ["menc", "my-encoder"]', "names = []", "encode.names", "[] names no program"),
    ('names = ["menc", "my-encoder"]', 'names = "menc"', "encode.names", "'menc' is not an array"),
    ('version = ["--version"]', 'version = "-V"', "encode.version", "'-V' is not an array"),
    ("'menc (\\S+)'", "'menc (\\S+'", "encode.pattern", "is not a regular expression: "),
    (
        'version = ["--version"]',
        "",
        "encode.version",
        "is missing: 'pattern' is searched in the output",
    ),
    ('"-q", "{point}"', '"-q", "{point"', "encode.arguments[1]", "has a single brace; double it"),
    ('"-q", "{point}"', '"-q", "}"', "encode.arguments[1]", "has a single brace; double it"),
    (
        '"-q", "{point}"',
        '"-q", "{point!r}"',
        "encode.arguments[1]",
        "a placeholder is a name, or a",
    ),
    (
        '"-q", "{point}"',
        '"-q", "{point:{width}}"',
        "encode.arguments[1]",
        "a placeholder is a name, or",
    ),
    ('"-q", "{point}"', '"-q", "{point:zz}"', "encode", "cannot be filled with point "),
    ('"-q", "{point}"', '"-q", "{strength:d}"', "encode", "cannot be filled with strength 0.5"),
    ('"-q", "{point}"', '"-q", "a\\u0000"', "encode.arguments[1]", "has a null character"),
    ("effort = 9 }", 'point = "9" }', "encode.arguments[2].when.point", "'9' is not a number"),
    ('then = ["--slow"]', "then = []", "encode.arguments[2].then", "is missing, and so is"),
    ('then = ["--slow"]', 'else = ["/{input}"]', "encode.arguments[2].else[0]", "is a file in the"),
    (
        'program = "mdec"',
        'program = "mdec"\nreads = ["no"]',
        "decode.reads[0]",
        "'no' is not a file or",
    ),
    (
        'program = "mdec"',
        'program = "mdec"\nstdin = "a/b"',
        "decode.stdin",
        "'a/b' is not a file in",
    ),
    ('program = "mdec"', 'program = "mdec"\nstdin = "{x}"', "decode.stdin", "{x} is not one of"),
    ("[pixels]", "[by_point]\nq = [1, 2]\n[pixels]", "by_point", "needs a single ladder"),
    ("[options.fast]\n", "[options.fast]\nfree = true\n", "options.fast.free", "needs a text as"),
    ("integer = true", "integer = true\ntimeout_s = 0", "timeout_s", "0 is not above 0"),
    ('"-q", "{point}"', '"-q", "{points}"', "encode.arguments[1]", "{points} is not one of"),
    ('"-q", "{point}"', '"-q", "{output}"', "encode.arguments[1]", "{output} is not one of"),
    ('"-q", "{point}"', '"-q", 5', "encode.arguments[1]", "5 is not text; write it in quotes"),
    ('"{stream}",\n]', '"-",\n]', "encode.arguments", "{stream} is not among them"),
    ('"{input}", ', "", "encode.arguments", "{input} is not among them"),
    (', "{output}"]', "]", "decode.arguments", "{output} is not among them"),
    ('arguments = ["{stream}", {', "arguments = [{", "decode.arguments", "{stream} is not among"),
    ('["{stream}", {', '["{stream}", "{input}", {', "decode.arguments[1]", "{input} is not one of"),
    ("effort = 9 }", "efort = 9 }", "encode.arguments[2].when.efort", "did you mean 'effort'?"),
    ("effort = 9 }", "effort = 10 }", "encode.arguments[2].when.effort", "10 is not within 1 to 9"),
    ("effort = 9 }", "effort = true }", "encode.arguments[2].when.effort", "true has another type"),
    ("effort = 9 }", 'effort = "9" }', "encode.arguments[2].when.effort", "'9' has another type"),
    ("effort = 9 }", "effort = [] }", "encode.arguments[2].when.effort", "has no values"),
    (
        "fast = true }, then",
        "fast = 1 }, then",
        "encode.arguments[3].when.fast",
        "1 has another type",
    ),
    ("channels = 1 }", "channels = 2 }", "encode.arguments[4].when.channels", "2 is not one of 1"),
    ("channels = 1 }", "channels = true }", "encode.arguments[4].when.channels", "true is not one"),
    (
        'then = ["--slow"]',
        'then = "--slow"',
        "encode.arguments[2].then",
        "'--slow' is not an array",
    ),
    ('then = ["--slow"]', "then = [5]", "encode.arguments[2].then[0]", "5 is not text"),
    ('then = ["--slow"]', 'than = ["--slow"]', "encode.arguments[2].than", "did you mean 'then'"),
    ('then = ["--slow"]', 'then = ["{slow}"]', "encode.arguments[2].then[0]", "{slow} is not one"),
    ('then = ["--slow"]', 'then = ["a/../x"]', "encode.arguments[2].then[0]", "leads out of"),
    (
        'program = "mdec"',
        'program = "mdec"\nfiles = ["no.cfg"]',
        "decode.files[0]",
        "is not a file",
    ),
    ('program = "mdec"', 'program = "mdec"\nfiles = ["../a"]', "decode.files[0]", "is not a file"),
    ('program = "mdec"', 'program = "mdec"\nfiles = [3]', "decode.files[0]", "3 is not text"),
]


@pytest.mark.parametrize(("old", "new", "key", "reason"), MISTAKES)
def test_a_mistake_is_named_with_its_key(tmp_path, old, new, key, reason):
    path = write(tmp_path, changed(TEXT, old, new))
    message = refusal(path)
    assert message.startswith(f", key {key!r}: ")
    assert reason in message


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        (
            'output = "pnm"',
            'output = "pnm"\nchroma = "420"',
            "pixels.chroma",
            "is only for yuv and y4m",
        ),
        (
            'output = "pnm"',
            'output = "pnm"\nsiting = "left"',
            "pixels.siting",
            "is only for yuv and y4m",
        ),
        ('output = "pnm"', 'output = "pnm"\ndepth = 10', "pixels.depth", "is only for yuv and y4m"),
        (
            'output = "pnm"',
            'output = "pnm"\nmultiple = { 420 = 2 }',
            "pixels.multiple",
            "is only for yuv and y4m",
        ),
        ('output = "pnm"', 'output = "pnm"\ngeometry = "vvc"', "pixels.geometry", "is needed with"),
        ('["{stream}"', '["{width}", "{stream}"', "decode.arguments[0]", "{width} is not one of"),
        (
            '["{stream}", ',
            '["{stream}", { when = { channels = 1 }, then = ["-g"] }, ',
            "decode.arguments[1].when.channels",
            "unknown key 'channels'",
        ),
        ("[encode]", "[encode]\nprograms = 1", "encode.programs", "did you mean 'program'?"),
    ],
)
def test_a_mistake_of_what_only_raw_planes_have(tmp_path, old, new, key, reason):
    message = refusal(write(tmp_path, changed(PNM, old, new)))
    assert message.startswith(f", key {key!r}: ")
    assert reason in message


@pytest.mark.parametrize(
    "argument",
    [
        *("../x", "~/x", "a/../../b", "..", "~root", "{point}/../../x", "1/../2", "/opt/../etc/x"),
    ],
)
def test_an_argument_that_leads_elsewhere_is_refused(tmp_path, argument):
    path = write(tmp_path, changed(PNM, '"{input}"', f"'{argument}', \"{{input}}\""))
    message = refusal(path)
    assert message.startswith(", key 'encode.arguments[0]': ")
    assert "leads out of the temporary folder in which the program runs" in message


@pytest.mark.parametrize("argument", ["/tmp/{input}", "-i=/{input}", "sub/{input}"])
def test_a_file_of_the_folder_that_is_named_elsewhere_is_refused(tmp_path, argument):
    message = refusal(write(tmp_path, changed(PNM, '"{input}"', f"'{argument}'")))
    assert message.startswith(", key 'encode.arguments[0]': ")
    assert "{input} is a file in the folder in which the program runs; leave out" in message


@pytest.mark.parametrize(
    "argument",
    [
        *("/dev/null", "1/13/1", "--size=4:3", "2x2,1x1", "a.b", "image/jpeg", "sub/file"),
        *("/opt/models/m.pth", "--model=/opt/m.pth", "-o/1", "file:///etc/x", "/opt/{point}.pth"),
        *("{folder}/{input}", "-v={folder}/{input}", "{{input}}", '{{"a": {point}}}'),
    ],
)
def test_paths_that_are_not_the_users_file_and_braces_are_taken(tmp_path, argument):
    read(write(tmp_path, changed(PNM, '"{input}"', f"'{argument}', \"{{input}}\"")))


def test_a_program_must_not_take_a_variable_of_rdbench(tmp_path):
    """RDBENCH_DATA names the folder of datasets, not a program called data."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nparameter = "q"\nladder = [1]\n'
        '[pixels]\ninput = "pnm"\noutput = "pnm"\n'
        '[encode]\nprogram = "data"\narguments = ["{input}", "{stream}"]\n'
        '[decode]\nprogram = "mdec"\narguments = ["{stream}", "{output}"]\n'
    )
    with pytest.raises(UsageError, match=r"'encode\.program': RDBENCH_DATA has another meaning"):
        read(path)


STRANGE = [
    *("", "x", 0, -1, 2**70, 1.5, float("inf"), float("nan"), True),
    *([], [[]], [{}], [2**70], {}, {"x": 1}, {"x": []}, datetime.date(2000, 1, 1)),
]


def keys(values: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of all values of a file."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in items:
        yield (*place, key)
        if isinstance(value, dict | list):
            yield from keys(value, (*place, key))


@pytest.mark.parametrize("place", [*keys(tomllib.loads(TEXT))], ids=str)
def test_any_value_anywhere_is_taken_or_named(monkeypatch, tmp_path, place):
    path = write(tmp_path, TEXT)
    for strange in STRANGE:
        values = tomllib.loads(TEXT)
        inner = functools.reduce(lambda inside, key: inside[key], place[:-1], values)
        inner[place[-1]] = strange
        monkeypatch.setattr("tomllib.loads", lambda _, values=values: values)
        said = ""
        try:
            read(path)
        except UsageError as error:
            said = str(error)
        assert re.match(rf"program codec '{path}', key '[^ ]+': |$", said), said
        monkeypatch.undo()
