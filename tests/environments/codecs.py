"""Codecs that are measured in other environments, beside those of ``tests/runner``. One file serves
where rdbench is and where it is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np

import rdbench


class Plain(rdbench.Codec):
    """The samples as they are, at half the depth at point 4."""

    name = "plain"
    parameter = "bits"
    ladder = (4, 8)
    point_range = (1, 8)
    integer_points = True
    option_table = {"effort": rdbench.Option(1, "nothing", low=0, high=9)}

    @classmethod
    def version(cls):
        return "plain 1.0"

    def encode(self, image):
        return np.array(image.shape, "<u2").tobytes() + (image >> (8 - int(self.point))).tobytes()

    def decode(self, data):
        if len(data) < 6:
            raise rdbench.CodecError("it is too short")
        shape = np.frombuffer(data[:6], "<u2")
        samples = np.frombuffer(data[6:], np.uint8)
        return (samples << (8 - int(self.point))).astype(np.uint8).reshape(shape)


class Busy(Plain):
    """Computes for a fifth of a second, and holds 200 MiB while it does."""

    name = "busy"

    def encode(self, image):
        until = time.process_time() + 0.2
        held = np.ones(200 * 2**20, np.uint8)
        while time.process_time() < until:
            pass
        assert held[0]
        return super().encode(image)


class Cheats(Plain):
    """Decodes what its process has encoded last."""

    name = "cheats"
    _last = []

    def encode(self, image):
        self._last[:] = [image.copy()]
        return b"!"

    def decode(self, data):
        return self._last[0]


class Dies(Plain):
    """Its process is killed while it encodes one of the images."""

    name = "dies"

    def encode(self, image):
        if image[0, 0, 0] > 100:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(image)


class Axis(Plain):
    """Has what cannot be asked from outside."""

    name = "axis"

    @classmethod
    def axis(cls, options):
        return super().axis(options)


class Told(Plain):
    """Has an estimate and a part that is no payload."""

    name = "told"
    deterministic = False

    def estimated_bits(self, image):
        return np.float64(2.0 * image.size)

    def payload_bytes(self, data):
        return len(data) - 6


SERVER = """
import sys, time
for line in sys.stdin:
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    print(flush=True)
"""


class OwnServer(Plain):
    """Computes in a process of its own that lives on."""

    name = "own-server"

    def __init__(self, point, **options):
        super().__init__(point, **options)
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def encode(self, image):
        self._server.stdin.write(b"\n")
        self._server.stdin.flush()
        self._server.stdout.readline()
        return super().encode(image)

    def close(self):
        self._server.kill()
        self._server.wait()
