"""Streams are enough: the first one of a curve is decoded in another process as well."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from PIL import Image

import rdbench

CODECS = textwrap.dedent(
    """
    import os
    import threading
    import time
    import zlib
    from pathlib import Path

    import numpy as np

    import rdbench

    KEPT = {}


    class Honest(rdbench.Codec):
        name = "honest"
        parameter = "level"
        ladder = (1, 9)

        def encode(self, image):
            self.note()
            header = np.array(image.shape, "<u4").tobytes()
            return header + zlib.compress(image.tobytes(), int(self.point))

        def decode(self, stream):
            self.note()
            shape = np.frombuffer(stream[:12], "<u4")
            return np.frombuffer(zlib.decompress(stream[12:]), np.uint8).reshape(shape).copy()

        def note(self):
            with Path(__file__).with_name("log").open("a") as log:
                print(os.getpid(), file=log)


    class KeepsInClass(Honest):
        name = "keeps-in-class"
        last = None

        def encode(self, image):
            type(self).last = image.copy()
            return b"x"

        def decode(self, stream):
            return self.last


    class KeepsInModule(Honest):
        name = "keeps-in-module"

        def encode(self, image):
            KEPT[b"x"] = image.copy()
            return b"x"

        def decode(self, stream):
            return KEPT[stream]


    class Falls(Honest):
        name = "falls"

        def encode(self, image):
            KEPT["here"] = True
            return super().encode(image)

        def decode(self, stream):
            return super().decode(stream) if KEPT else os._exit(3)


    class Hangs(Honest):
        name = "hangs"

        def encode(self, image):
            KEPT["here"] = True
            return super().encode(image)

        def decode(self, stream):
            if not KEPT:
                time.sleep(600)
            return super().decode(stream)


    class Threads(Honest):  # in whose process nothing can be forked
        name = "threads"

        def encode(self, image):
            KEPT["here"] = threading.Thread(target=time.sleep, args=(600,), daemon=True)
            KEPT["here"].start()
            return super().encode(image)


    class Otherwise(Honest):
        name = "otherwise"

        def encode(self, image):
            KEPT["here"] = True
            return super().encode(image)

        def decode(self, stream):
            image = super().decode(stream)
            return image if KEPT else 255 - image
    """
)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    (tmp_path / "codecs.py").write_text(CODECS)
    return tmp_path


def rows_of(folder, name, **options):
    outcome = rdbench.run(
        codecs=f"{folder / 'codecs.py'}:{name}",
        datasets=str(folder / "images"),
        metrics="psnr_db",
        out=folder / "run",
        jobs=1,
        **options,
    )
    return outcome.rows


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "KeepsInClass",
            "the stream cannot be decoded in another process than the encoder's: ",
        ),
        ("KeepsInModule", "in another process than the encoder's: KeyError: b'x'"),
        ("Falls", "in another process than the encoder's: the process ended with status 3"),
        ("Hangs", "in another process than the encoder's: it is not done after 3 s"),
        ("Otherwise", "the stream decodes to another image in another process than the encoder's"),
    ],
)
def test_a_codec_that_keeps_the_image_fails_in_all_its_rows(folder, name, reason):
    rows = rows_of(folder, name, timeout_s=3 if name == "Hangs" else 60)
    assert [row.status for row in rows] == ["failed"] * 4
    assert all(reason in row.message for row in rows)
    assert not any(row.scores for row in rows)


def test_the_first_stream_of_a_curve_is_decoded_by_one_more_process(folder):
    rows = rows_of(folder, "Honest")
    assert [row.status for row in rows] == ["ok"] * 4
    assert all(row.scores["psnr_db"] == np.inf for row in rows)
    processes = (folder / "log").read_text().split()
    assert sorted(processes.count(one) for one in set(processes)) == [1, 10]  # 2 of the warm-up


def test_each_curve_is_decoded_by_a_process_that_has_seen_no_other(folder):
    """Though they are forked: what one leaves in a module is not there for the next."""
    outcome = rdbench.run(
        codecs=[f"{folder / 'codecs.py'}:{name}" for name in ("Honest", "Threads")],
        datasets=str(folder / "images"),
        metrics="psnr_db",
        out=folder / "run",
        jobs=1,
    )
    assert {row.status for row in outcome.rows} == {"ok"}
    processes = (folder / "log").read_text().split()
    assert sorted(processes.count(one) for one in set(processes)) == [1, 1, 20]


def test_a_new_interpreter_is_started_for_no_curve(folder, monkeypatch):
    """It cost half a second for each curve of each worker."""
    log = folder / "interpreters"
    (folder / "sitecustomize.py").write_text(
        f"import os; open({str(log)!r}, 'a').write(f'{{os.getpid()}}\\n')"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert {row.status for row in rows_of(folder, "Honest")} == {"ok"}
    decoding = {*(folder / "log").read_text().split()}
    started = {*log.read_text().split()}
    assert len(decoding) == 2
    assert len(decoding & started) == 1, "the worker"


class Keeps(rdbench.Codec):
    """One of a script or a notebook."""

    name = "handed"
    parameter = "level"
    ladder = (1,)
    last: np.ndarray | None = None

    def encode(self, image):
        type(self).last = image.copy()
        return b"x"

    def decode(self, stream):
        return self.last


def test_a_class_that_is_handed_over_is_tried_as_well(folder):
    outcome = rdbench.run(
        codecs=[Keeps], datasets=str(folder / "images"), metrics="psnr_db", out=folder / "run"
    )
    assert {row.status for row in outcome.rows} == {"failed"}
    assert "the stream cannot be decoded in another process" in outcome.rows[0].message
