"""Tables and TOML files as people and accidents change them: each is read, or refused in one line.

    python -m tests.fuzz.files --count 5000 --seed 0 --seconds 600 --jobs 2

Files of all kinds that a user may edit are mutated (cells, values, keys, lines, bytes) and given to
what reads them. Anything but an :class:`RdbenchError` of one printable line that names the file is
a fault; it is shown with the number that makes it again (``--only NUMBER``).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import itertools
import json
import multiprocessing
import random
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rdbench
from rdbench import experiment, gate, reproducing
from rdbench.codecs import registry
from rdbench.curves import load_curves, read_labels, read_published
from rdbench.curves.told import read_network_costs, read_tags
from rdbench.errors import RdbenchError
from rdbench.images.tags import read_tags as read_tags_file
from rdbench.importing import Request, import_curves
from rdbench.manifest import read_manifest, read_metrics
from rdbench.metrics import find as find_metric
from rdbench.reporting import content, serve
from rdbench.results import RunDirectory, read_rows
from rdbench.runner import merge, rescore
from rdbench.schema import OK, Measurement, header
from rdbench.training import configuration_file
from tests.metrics.programs import DEFINITION

PACKAGE = Path(rdbench.__file__).parent
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 7, 2**31, 2**63, 2**64, 10**400, -(10**400)),
    *(0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), -float("inf")),
    *("", " ", "x", "nan", "1e400", "=1", "../../x", "/", "a\nb", "\x00", "\x1b[31m", "x" * 3000),
    *([], {}, [[]], [{}], ["x", 1], {"x": 1}, {"": ""}, [1, 2, 3], [0.5], "é", "日本"),
)
WORDS = (
    *("", "0", "-1", "nan", "inf", "1e400", "9" * 400, "1_0", "0x1", "1,5", '"', '""', "'", "'='"),
    *("=1", "../../x", "\x00", "\x1b[31m", "\r", "\n", "\ufeff", "[" * 3000, "{", "}", "]", "#"),
    *("true", "1979-05-27", "x" * 3000, "é", "\u2028", ",", ";", "\t"),
)


@dataclass(frozen=True)
class Kind:
    """A kind of file: its name, texts of good ones, and what reads the file at a path."""

    name: str
    file: str
    texts: tuple[str, ...]
    read: Callable[[Path], object]
    beside: tuple[Path, ...] = ()
    """Files that it names, which lie beside it."""


def rows() -> list[Measurement]:
    """The rows of two codecs on two images."""
    return [
        Measurement(
            dataset="small",
            image=image,
            image_sha256=f"{place}" * 64,
            width=64,
            height=48,
            channels=3,
            color="rgb",
            codec=codec,
            label=codec,
            parameter="quality",
            point=float(point),
            codec_version="1",
            identity=codec,
            size_bytes=point * 10 + place,
            bpp=8 * (point * 10 + place) / (64 * 48),
            encode_s=0.1,
            decode_s=0.1,
            timing="isolated",
            stream_sha256="0" * 64,
            stream_file=f"streams/{codec}/{point}/{image}.jpg",
            scores={"psnr_db": 20 + point / 5 + place, "mse": 9.0},
        )
        for codec, (place, image), point in itertools.product(
            ("jpeg", "webp"), enumerate(("a", "b")), (20, 40, 60, 80)
        )
    ]


def table(metrics: tuple[str, ...] = ("psnr_db", "mse")) -> str:
    """Such rows as a table of measurements."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [header(metrics), *(row.cells(metrics) for row in rows())]
    )
    return text.getvalue()


def manifest() -> str:
    """What ``run.json`` says of them."""
    codecs = [
        {"codec": c, "label": c, "options": {}, "parameter": "quality", "points": [20, 40, 60, 80]}
        for c in ("jpeg", "webp")
    ]
    images = [{"image": image, "geometry": "original"} for image in "ab"]
    records = {
        name: find_metric(name).plain() | {"version": "", "source": {}, "programs": {}}
        for name in ("psnr_db", "mse")
    }
    record = {"version": "1", "options": {}, "programs": {"p": {"version": "1", "path": "/p"}}}
    cost = {"encoder_macs": 1.0, "decoder_macs": 1.0}
    return json.dumps(
        {
            "schema_version": 3,
            "experiment": {
                "datasets": {"small": images},
                "codecs": codecs,
                "metrics": ["psnr_db", "mse"],
                "color": "rgb",
                "repeat": 1,
            },
            "metrics": records,
            "name": "small",
            "rdbench": "1",
            "python": "3.11",
            "packages": {"numpy": "2"},
            "deterministic": {"jpeg": True, "webp": True},
            "provenance": dict.fromkeys(("jpeg", "webp"), record),
            "identities": dict.fromkeys(("jpeg", "webp"), record),
            "targets": {"jpeg": "jpeg", "webp": "webp"},
            "sources": {"small": "/small"},
            "files": {"small": {"a": "/small/a.png", "b": "/small/b.png"}},
            "invocations": [{"started": "", "ended": "", "jobs": 1, "host": {"cores": 1}}],
            "notes": {"jpeg": ["a note"]},
            "tags": {"small": {"a": ["night"]}},
            "network_costs": {"jpeg": {"20": {"3": cost}}},
            "codec_versions": {"jpeg": ["1"]},
            "image_sha256": {"small": {"a": "0" * 64}},
        }
    )


def _read_table(path: Path) -> None:
    rdbench.load(path)
    read_rows(path)
    load_curves([path])


def _read_run(path: Path) -> None:
    """All that goes on with a run directory by what its manifest says."""
    run = path.parent
    (run / "measurements.csv").write_text(table(), encoding="utf-8")
    told = read_manifest(run)
    read_metrics(run)
    read_tags(run)
    read_network_costs(run)
    load_curves([run])
    content._run(run)
    serve.index(run)
    gate.baseline.read_run(run)
    kept = [row for row in read_rows(run) if row.status == OK]
    rescore.originals(run, told, {(row.dataset, row.image) for row in kept})
    for row in kept:
        rescore.Plans(run, told).of(row)
    merge._joined(told, json.loads(manifest()), str(path))
    merge._in_order(told["experiment"], {row.key: row for row in kept})
    with RunDirectory(run, json.loads(manifest())["experiment"]) as directory:
        directory.finish({})
        directory.write_manifest()


def _read_codec(path: Path) -> None:
    codec = registry.load_file(path)
    codec.label(codec.resolve_options({}))


def _toml(*folders: Path) -> tuple[str, ...]:
    files = [file for folder in folders for file in sorted(folder.glob("*.toml"))]
    return tuple(file.read_text(encoding="utf-8") for file in files)


def kinds() -> tuple[Kind, ...]:
    """All kinds of files."""
    published = sorted((PACKAGE.parent / "baselines").glob("*.csv"), key=lambda f: f.stat().st_size)
    small = [file.read_text(encoding="utf-8") for file in published[:6]]
    ours = tuple(text for text in small if "source" not in text.split("\n", 1)[0])
    theirs = tuple(text for text in small if "source" in text.split("\n", 1)[0])
    labels = '"jpeg" = "JPEG"\n"published:x" = "X"\nsmall = "Small"\n'
    experiments = (
        *_toml(PACKAGE / "experiments"),
        'name = "mine"\ndatasets = ["photos"]\nmetrics = ["psnr_db"]\ncolor = "luma"\nrepeat = 2\n'
        '[[codecs]]\ncodec = "jpeg2000"\noptions = { transform = "5/3" }\npoints = [80, 40, 20]\n'
        '[[codecs]]\ncodec = "jpeg"\npoints = "bpp:0.25/0.5"\ntolerance = "2%"\nlabel = "J"\n',
    )
    programs, recipes = PACKAGE / "codecs" / "programs", reproducing.recipe.RECIPES
    codecs = tuple(text.replace('name = "', 'name = "my-', 1) for text in _toml(programs))
    result = json.dumps(
        {"name": "m", "description": "d", "results": {"bpp": [0.1, 0.2], "psnr": [30, 32.5]}}
    )
    return (
        Kind("measurements", "measurements.csv", (table(),), _read_table),
        Kind("manifest", "run.json", (manifest(),), _read_run),
        Kind("experiment", "e.toml", experiments, lambda path: experiment.read(path).tasks()),
        Kind("labels", "labels.toml", (labels,), read_labels),
        Kind("program codec", "c.toml", codecs, _read_codec, (*programs.glob("*.cfg"),)),
        Kind("program metric", "m.toml", (DEFINITION,), lambda path: find_metric(str(path))),
        Kind("recipe", "r.toml", _toml(recipes), reproducing.read, (*recipes.glob("*.csv"),)),
        Kind(
            "configuration",
            "t.toml",
            _toml(configuration_file.CONFIGURATIONS),
            configuration_file.read,
        ),
        Kind("tags", "tags.csv", ("image,tags\na,night city\nb,\n",), read_tags_file),
        Kind("baseline", "baseline.csv", ours, gate.baseline.read_baseline),
        Kind("published", "published.csv", theirs, read_published),
        Kind(
            "results",
            "results.csv",
            ("image,quality,bpp,psnr_db\na,1,0.1,30\na,2,0.2,32\na,3,0.4,35\n",),
            lambda path: import_curves(
                [path], Request(label="x", dataset="small", mapping={"point": "quality"})
            ),
        ),
        Kind(
            "results",
            "results.json",
            (result,),
            lambda path: import_curves([path], Request(label="x", dataset="small", images=2)),
        ),
    )


def mutated(text: str, file: str, draw: random.Random) -> bytes:
    """``text`` with one to three changes that fit its kind, or any file."""
    structured = {".json": _in_json, ".toml": _in_toml, ".csv": _in_csv}[Path(file).suffix]
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        change = structured if draw.random() < 0.75 else _in_text
        with contextlib.suppress(ValueError, csv.Error):  # it has become another kind of file
            text = change(text, draw)
    data = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.1 and data:
        place = draw.randrange(len(data))
        data = data[:place] + draw.randbytes(draw.randrange(3)) + data[place + 1 :]
    return data


def _in_text(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(6):
        case 0:
            del lines[one]
        case 1:
            lines.insert(one, lines[other])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            return text[: draw.randrange(len(text) + 1)]
        case _:
            place = draw.randrange(len(text) + 1)
            end = place + draw.choice((0, 0, 1, 5))
            return text[:place] + draw.choice(WORDS) + text[end:]
    return "\n".join(lines)


def _in_csv(text: str, draw: random.Random) -> str:
    lines = [*csv.reader(io.StringIO(text, newline=""))]
    line = draw.choice([line for line in lines if line] or [[""]])
    place = draw.randrange(len(line))
    match draw.randrange(6):
        case 0:
            del line[place]
        case 1:
            line.insert(place, draw.choice(WORDS))
        case 2:
            for cells in lines:
                del cells[place : place + 1]
        case 3:
            word = draw.choice(WORDS)
            for cells in lines[1:]:
                cells[place : place + 1] = [word]
        case _:
            line[place] = draw.choice(WORDS)
    found = io.StringIO()
    csv.writer(found, lineterminator=draw.choice(("\n", "\n", "\r\n"))).writerows(lines)
    return found.getvalue()


def _in_json(text: str, draw: random.Random) -> str:
    return json.dumps(_changed(json.loads(text), draw))


def _in_toml(text: str, draw: random.Random) -> str:
    values = tomllib.loads(text)
    if not values:
        return draw.choice(WORDS)
    _changed(values, draw)
    return "".join(f"{json.dumps(key)} = {_as_toml(value)}\n" for key, value in values.items())


def _as_toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {_as_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    return '""' if value is None else json.dumps(value)


def _changed(document: Any, draw: random.Random) -> Any:
    """A document with another value at one of its places, or a key less or more."""
    places = [*_places(document)]
    if not places:
        return draw.choice(VALUES)
    holder, key = draw.choice(places)
    match draw.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[draw.choice(("x", "", "a.b", "é", "0", f"{key}s"))] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.insert(key, draw.choice((holder[key], *VALUES)))
        case _:
            holder[key] = draw.choice(VALUES)
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in [*value] if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def tried(seed: int, number: int, every: tuple[Kind, ...], folder: Path) -> tuple[Kind, str]:
    """The kind of the file of a number, and what is wrong with how it was read; empty where
    nothing is."""
    draw = random.Random(f"{seed}/{number}")
    kind = every[number % len(every)]
    path = folder / f"{number}" / kind.file
    path.parent.mkdir()
    for file in kind.beside:
        (path.parent / file.name).symlink_to(file)
    path.write_bytes(mutated(draw.choice(kind.texts), kind.file, draw))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            kind.read(path)
    except RdbenchError as error:
        if not str(error).isprintable():
            return kind, f"its message is not one printable line: {str(error)[:300]!r}"
        # Of a run and of imported results, what goes on with them may be refused by itself.
        if kind.name not in ("manifest", "results") and kind.file not in str(error):
            return kind, f"its message does not name the file: {str(error)[:300]}"
        if len(str(error)) > 8000:
            return kind, f"its message has {len(str(error))} characters: {str(error)[:300]}"
    except BaseException as error:
        lines = traceback.format_exception(error, limit=-4)
        return kind, "".join(lines[-8:]).rstrip()[-1500:]
    return kind, ""


def campaign(
    seed: int, numbers: range, seconds: float, only: int | None = None
) -> tuple[Counter[str], list[str]]:
    """How many files of each kind were read until the time was over, and the faults."""
    every, counts, faults = kinds(), Counter[str](), []
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers if only is None else [only]:
            if time.monotonic() > end:
                break
            kind, fault = tried(seed, number, every, Path(folder))
            counts[kind.name] += 1
            if fault:
                faults.append(f"--only {number} ({kind.name}): {fault}")
    return counts, faults


def _share(arguments: tuple[int, range, float]) -> tuple[Counter[str], list[str]]:
    return campaign(*arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int)
    asked = parser.parse_args()
    start = time.monotonic()
    if asked.only is not None:
        answers = [campaign(asked.seed, range(0), asked.seconds, asked.only)]
    else:
        shares = [range(job, asked.count, asked.jobs) for job in range(asked.jobs)]
        with multiprocessing.Pool(asked.jobs) as pool:
            work = [(asked.seed, share, asked.seconds) for share in shares]
            answers = pool.map(_share, work, chunksize=1)
    counts = sum((counts for counts, _ in answers), Counter[str]())
    faults = [fault for _, found in answers for fault in found]
    for fault in faults:
        print(fault, end="\n\n")
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    print(f"{counts.total()} files in {time.monotonic() - start:.0f} s ({listed})")
    print(f"{len(faults)} faults")
    sys.exit(bool(faults) or counts.total() < asked.count)


if __name__ == "__main__":
    main()
