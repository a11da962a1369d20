"""What the tests of programs share: writing programs and definitions, running them, and looking
for what is left of them."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rdbench import formats
from rdbench.codecs.request import CodecRequest
from rdbench.experiment import Experiment, plan
from rdbench.formats import Layout
from rdbench.programs.scratch import RAM_VARIABLE, SHARED_MEMORY
from rdbench.runner import Limits, LocalPool, Outcome, run

from . import faulty_program

PROGRAM = Path(faulty_program.__file__)
OTHER = np.full((6, 4, 3), 99, np.uint8)
RAW = 'chroma = "420"\ndepth = {depth}\nmatrix = "bt709"\nrange = "full"\n'

DEFINITION = """
name = "{name}"
summary = "zlib"
parameter = "level"
ladder = [1]
integer = true
suffix = ".z"
install = "write it again"

[options.fault]
default = "none"
choices = {faults}
meaning = "what goes wrong"
labeled = true

[pixels]
input = "{kind}"
output = "{kind}"
{pixels}
[encode]
program = "{program}"
version = ["--version"]
pattern = 'faulty (\\S+)'
arguments = ["encode", "{{fault}}", "{{input}}", "{{stream}}"]

[decode]
program = "{program}"
version = ["--version"]
pattern = 'faulty (\\S+)'
arguments = ["decode", "{{fault}}", "{{stream}}", "{{output}}"]
"""


def write_script(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def write_program(folder: Path, name: str = "faulty", extra: str = "") -> Path:
    """The faulty program as an executable, with what it needs beside it; ``extra`` is put behind
    it, so that its SHA-256 is another."""
    path = write_script(
        folder / name, f"#!{sys.executable} -IS\n{PROGRAM.read_text(encoding='utf-8')}{extra}"
    )
    layout = Layout("420", 8, "bt709", "full")
    (folder / "other.ppm").write_bytes(formats.write_pnm(OTHER))
    (folder / "other.png").write_bytes(formats.write_png(OTHER))
    (folder / "other.yuv").write_bytes(formats.write_yuv(OTHER, layout))
    (folder / "other.y4m").write_bytes(formats.write_y4m(OTHER, layout))
    return path


def write_definition(
    folder: Path, *, name: str = "faulty", kind: str = "pnm", program: str = "./faulty"
) -> Path:
    """A codec of the faulty program, with all of its faults as an option."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    pixels = RAW.format(depth=8) if kind in ("yuv", "y4m") else ""
    if kind == "yuv":
        pixels += 'geometry = "header"\n'
    faults = json.dumps(["none", *faulty_program.ENCODE, *faulty_program.DECODE])
    path.write_text(
        DEFINITION.format(name=name, kind=kind, pixels=pixels, program=program, faults=faults)
    )
    return path


def request(definition: Path, fault: str = "none") -> CodecRequest:
    return CodecRequest(str(definition), {"fault": fault})


def planned(images: Path, requests: Sequence[CodecRequest]) -> Experiment:
    return plan("test", datasets=[str(images)], codecs=requests, metrics=["psnr_db"])


def measured(
    images: Path,
    requests: Sequence[CodecRequest],
    out: Path,
    *,
    fresh: bool = False,
    keep_streams: bool = False,
    **limits: float | None,
) -> Outcome:
    """A run of one worker unless ``jobs`` says otherwise."""
    experiment = planned(images, requests)
    with LocalPool(Limits(**{"jobs": 1, **limits})) as pool:
        return run(experiment, out, executor=pool, fresh=fresh, keep_streams=keep_streams)


@dataclass(frozen=True)
class Places:
    """Folders for temporary files of a test's own, and where the programs note their calls."""

    disk: Path
    ram: Path
    notes: Path

    def left(self) -> list[Path]:
        """What is in the folders."""
        return [path for folder in (self.disk, self.ram) for path in folder.rglob("*")]

    def calls(self) -> list[dict]:
        if not self.notes.exists():
            return []
        return [json.loads(line) for line in self.notes.read_text().splitlines()]

    def children(self) -> list[int]:
        """Processes that the programs started."""
        return [call["child"] for call in self.calls() if "child" in call]


@contextlib.contextmanager
def own_places(folder: Path) -> Iterator[Places]:
    """Have temporary files of this process, and of all that it starts, in places of their own;
    nothing must be left there at the end."""
    shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else folder
    ram = Path(tempfile.mkdtemp(prefix="rdbench-tests-", dir=shared))
    places = Places(folder / "disk", ram, folder / "calls")
    places.disk.mkdir()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(places.disk))
            patch.setattr(tempfile, "tempdir", None)
            patch.setenv(RAM_VARIABLE, str(ram))
            patch.setenv("FAULTY_CALLS", str(places.notes))
            yield places
        assert places.left() == []
    finally:
        shutil.rmtree(ram)
