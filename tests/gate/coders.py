"""One codec as it was, and as it is after somebody broke it: all have the name of the first, so
that a run of each is held against the same curve."""

from __future__ import annotations

import io
import os

import numpy as np
from PIL import Image

import rdbench
from rdbench.errors import BitstreamError


class Good(rdbench.Codec):
    """JPEG of Pillow."""

    name = "photo"
    parameter = "quality"
    ladder = (20, 40, 60, 80)
    point_range = (1, 95)
    release = "1.0"

    @classmethod
    def version(cls):
        return f"photo {cls.release}"

    def encode(self, image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "jpeg", quality=int(self.point))
        return buffer.getvalue()

    def decode(self, data):
        try:
            return np.asarray(Image.open(io.BytesIO(data)))
        except OSError as error:
            raise BitstreamError(f"no photo stream: {error}") from error


class Next(Good):
    """The next version, which is no other."""

    release = "1.1"


class Bigger(Good):
    """1 % more bytes, which the decoder skips."""

    def encode(self, image):
        data = super().encode(image)
        return data + bytes(round(len(data) * 0.01))


class OneByte(Good):
    """One byte more at quality 60."""

    def encode(self, image):
        return super().encode(image) + bytes(self.point == 60)


class Duller(Good):
    """The same bytes, decoded one level too bright."""

    def decode(self, data):
        return np.minimum(super().decode(data), 254) + np.uint8(1)


class Fails(Good):
    """Fails at quality 60 on the images whose first sample is above 100."""

    def encode(self, image):
        if self.point == 60 and image[0, 0, 0] > 100:
            raise ValueError("no such luck")
        return super().encode(image)


class Random(Good):
    """Up to 1 % more bytes, another number each time."""

    deterministic = False
    name = "random"
    most = 0.01

    def encode(self, image):
        data = super().encode(image)
        share = int.from_bytes(os.urandom(4), "little") / 2**32
        return data + bytes(round(len(data) * self.most * share))


class RandomBigger(Random):
    """6 % more bytes on top of that."""

    def encode(self, image):
        data = super().encode(image)
        return data + bytes(round(len(data) * 0.06))
