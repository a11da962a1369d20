"""Codecs that do what codecs must not do, and one small one that does what they should.

They are named as FILE.py:Class, as a user's own codec is, and run in real worker processes.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

import rdbench
from rdbench.errors import BitstreamError


def _tensor(*shape):
    import torch

    return torch.full(shape, 800.0)


VALUES = {
    "tensor": lambda: _tensor(2, 2),
    "scalar tensor": _tensor,
    "numpy scalar": lambda: np.float32(800.0),
    "numpy whole number": lambda: np.int64(80),
    "text": lambda: "800",
    "nan": lambda: float("nan"),
    "negative": lambda: -1,
    "infinite": lambda: float("inf"),
    "truth": lambda: True,
    "fraction": lambda: 80.5,
    "too much": lambda: 10**9,
}


class Step(rdbench.Codec):
    """Uniform quantization with a step, then DEFLATE."""

    name = "step"
    parameter = "step"
    ladder = (64, 32, 16, 8)
    point_range = (1, 128)
    option_table = {"slow": rdbench.Option(0.0, "seconds that an encode takes", low=0)}

    @classmethod
    def version(cls) -> str:
        return f"zlib {zlib.ZLIB_RUNTIME_VERSION}"

    def encode(self, image):
        time.sleep(self.options["slow"])
        levels = np.round(image / self.point).astype(np.uint8)
        header = struct.pack("<HHBB", *image.shape, int(self.point))
        return header + zlib.compress(levels.tobytes(), 1)

    def decode(self, data):
        try:
            *shape, step = struct.unpack("<HHBB", data[:6])
            levels = np.frombuffer(zlib.decompress(data[6:]), np.uint8).reshape(shape)
        except (struct.error, zlib.error, ValueError) as error:
            raise BitstreamError(f"no step stream: {error}") from error
        return np.clip(levels * float(step), 0, 255).astype(np.uint8)


class Gated(Step):
    """Waits once it has encoded so often in all processes, while there is the file that the
    environment names."""

    name = "gated"

    def encode(self, image):
        file, _, most = os.environ.get("FAULTY_GATE", "").rpartition(":")
        if file and Path(file).exists():
            with Path(file).open("ab") as marks:
                marks.write(b"x")
            while Path(file).exists() and Path(file).stat().st_size > int(most):
                time.sleep(0.02)
        return super().encode(image)


class Faulty(Step):
    """Well-behaved but at step 16, and there only on images whose first sample is above 100."""

    def encode(self, image):
        if self.point == 16 and image[0, 0, 0] > 100:
            return self.fault(image)
        return super().encode(image)

    def decode(self, data):
        if data.startswith(b"fault"):
            return self.decode_fault(data)
        return super().decode(data)


class Raises(Faulty):
    name = "raises"

    def fault(self, image):
        raise ValueError("no such\nluck")


class Leaves(Faulty):
    name = "leaves"

    def fault(self, image):
        sys.exit("goodbye")


class NotBytes(Faulty):
    name = "not-bytes"

    def fault(self, image):
        return "text"


class WrongShape(Faulty):
    name = "wrong-shape"

    def fault(self, image):
        return b"fault"

    def decode_fault(self, data):
        return np.zeros((3, 4, 3), np.uint8)


class WrongType(WrongShape):
    name = "wrong-type"

    def decode_fault(self, data):
        return np.zeros((32, 48, 3), np.float32)


class NotAnArray(WrongShape):
    name = "not-an-array"

    def decode_fault(self, data):
        return [1, 2, 3]


class Garbage(WrongShape):
    """Bytes that its own decoder cannot read."""

    name = "garbage"

    def fault(self, image):
        return bytes(range(200))


class WritesToInput(Faulty):
    name = "writes-to-input"

    def fault(self, image):
        image[0, 0, 0] = 0
        return b"never"


class Hangs(Faulty):
    name = "hangs"

    def fault(self, image):
        while True:
            time.sleep(3600)


class HangsWithChild(Faulty):
    """Hangs in a child that ignores SIGTERM; leaves its number beside this file's temp dir."""

    name = "hangs-with-child"

    def fault(self, image):
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(3600)"
        child = subprocess.Popen([sys.executable, "-c", code])
        Path(os.environ["FAULTY_CHILD"]).write_text(str(child.pid))
        child.wait()


class Litters(Faulty):
    """Dies with a file in the temporary folder."""

    name = "litters"

    def fault(self, image):
        litter = tempfile.mkdtemp()
        Path(litter, "half").write_bytes(b"x")
        Path(os.environ["FAULTY_LITTER"]).write_text(litter)
        os._exit(3)


class Fills(Faulty):
    name = "fills"

    def fault(self, image):
        for number in range(150):
            Path(tempfile.gettempdir(), f"part{number}").write_bytes(b"x" * 2**20)
        time.sleep(600)


class Large(Faulty):
    name = "large"

    def fault(self, image):
        return bytes(2**20)


class Prints(Faulty):
    name = "prints"

    def fault(self, image):
        for _ in range(150):
            os.write(1, b"x" * 2**20)
        time.sleep(600)


class Exits(Faulty):
    name = "exits"

    def fault(self, image):
        os.write(2, b"giving up at once\n")
        os._exit(3)


class Killed(Faulty):
    name = "killed"

    def fault(self, image):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)


class Segfaults(Faulty):
    name = "segfaults"

    def fault(self, image):
        ctypes.string_at(8)


class Hog(Faulty):
    """Allocates until it is stopped."""

    name = "hog"

    def fault(self, image):
        hoard = []
        for size in itertools.repeat(16 * 2**20):
            hoard += [np.ones(size, np.uint8)]


class Chatty(Faulty):
    """Prints megabytes."""

    name = "chatty"

    def fault(self, image):
        for _ in range(64):
            print("x" * 2**17)
            os.write(2, b"y" * 2**17)
        return Step.encode(self, image)


class Unsteady(Step):
    """Another stream each time, though it claims not to."""

    name = "unsteady"

    def encode(self, image):
        return super().encode(image) + os.urandom(4)

    def decode(self, data):
        return super().decode(data[:-4])


class Gray(Step):
    name = "gray"
    channels = frozenset({1})


class FailsToBuild(Step):
    name = "fails-to-build"

    def __init__(self, point, **options):
        super().__init__(point, **options)
        raise OSError("weights are gone")


class Odd(Step):
    """Finds a few of its bytes to be no payload and has an estimate, in NumPy's number types."""

    name = "odd"
    deterministic = False

    def payload_bytes(self, data):
        return np.int64(len(data) - 6)

    def estimated_bits(self, image):
        return np.float64(2.5 * image.shape[0] * image.shape[1])


class Told(Step):
    """Says of its streams what the option names, whatever the contract wants."""

    name = "told"
    ladder = (16, 8)
    option_table = {
        "method": rdbench.Option(
            "estimated_bits", "the method", choices=("estimated_bits", "payload_bytes")
        ),
        "value": rdbench.Option("nothing", "what it returns", choices=("nothing", *VALUES)),
    }

    def encode(self, image):
        levels = np.round(image / self.point).astype(np.uint8)
        header = struct.pack("<HHBB", *image.shape, int(self.point))
        return header + zlib.compress(levels.tobytes(), 1)

    def estimated_bits(self, image):
        return self._told("estimated_bits")

    def payload_bytes(self, data):
        return self._told("payload_bytes")

    def _told(self, method):
        value = self.options["value"]
        return VALUES[value]() if method == self.options["method"] and value in VALUES else None
