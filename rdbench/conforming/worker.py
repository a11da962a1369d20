"""The other process: does the jobs of a folder, one answer file each, until done or dead.

``python -m rdbench.conforming.worker FOLDER FIRST`` is how :mod:`rdbench.conforming.jobs` calls
it. A job that does not come back is ended by the alarm signal, whose default action takes the
process with it, also out of a library's code.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from rdbench.codecs import registry
from rdbench.codecs.base import Codec
from rdbench.conforming.conversion import conversion_db
from rdbench.errors import CodecError
from rdbench.programs import supervised

GRACE_S = 1.0


def main(folder: Path, first: int) -> None:
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    codec_class = registry.load(request["target"])
    codecs: dict[float, Codec] = {}
    for index, job in enumerate(request["jobs"]):
        if index < first:
            continue
        do = _encode if job["kind"] == "encode" else _decode
        try:
            if job["point"] not in codecs:
                codecs[job["point"]] = codec_class(job["point"], **request["options"])
            # A program is ended in time; the alarm is for what runs in this process.
            signal.setitimer(signal.ITIMER_REAL, request["timeout_s"] + GRACE_S)
            with supervised(time.monotonic() + request["timeout_s"]):
                answer = do(codecs[job["point"]], folder, index)
        except Exception as error:
            answer = {
                "message": f"{type(error).__name__}: {error}",
                "clear": isinstance(error, CodecError) and bool(str(error)),
            }
        signal.setitimer(signal.ITIMER_REAL, 0)
        (folder / f"{index}.json").write_text(json.dumps(answer), encoding="utf-8")
    for codec in codecs.values():
        codec.close()


def _encode(codec: Codec, folder: Path, index: int) -> dict[str, Any]:
    original = np.load(folder / f"{index}.picture.npy", allow_pickle=False)
    picture = original.copy()
    picture.flags.writeable = False
    stream = codec.encode(picture)
    again = codec.encode(picture)
    if not isinstance(stream, bytes):
        raise TypeError(f"encode returned {type(stream).__name__}, where bytes are expected")
    (folder / f"{index}.stream").write_bytes(stream)
    bits = codec.estimated_bits(picture)
    return {
        "repeatable": stream == again,
        "input_kept": bool(np.array_equal(picture, original)),
        "payload_bytes": codec.payload_bytes(stream),
        "estimated_bits": None if bits is None else float(bits),
        "conversion_db": conversion_db(codec, picture),
    }


def _decode(codec: Codec, folder: Path, index: int) -> dict[str, Any]:
    image = codec.decode((folder / f"{index}.stream").read_bytes())
    if not isinstance(image, np.ndarray):
        raise TypeError(f"decode returned {type(image).__name__}, where an array is expected")
    np.save(folder / f"{index}.image.npy", image, allow_pickle=False)
    return {"contiguous": bool(image.flags.c_contiguous)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
