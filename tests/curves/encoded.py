"""Rows as a run makes them, from photographs really coded by Pillow."""

from __future__ import annotations

import dataclasses
import functools
import io
import math
from collections.abc import Iterable

import numpy as np
import skimage.data
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from rdbench.files import csv_text
from rdbench.metrics import BUILT_IN
from rdbench.schema import CORE, Measurement, header

PSNR = BUILT_IN["psnr_db"]
LADDERS = {
    "jpeg": ("quality", (10, 25, 50, 75, 90)),
    "webp": ("quality", (5, 30, 60, 80, 92)),
    # Falling rate along the parameter, as a compression ratio has it.
    "jpeg2000": ("ratio", (8, 16, 32, 64)),
    "png": ("level", (6,)),
}


def _encode(codec: str, image: np.ndarray, point: float) -> bytes:
    buffer = io.BytesIO()
    options = {
        "jpeg": {"quality": int(point)},
        "webp": {"quality": int(point)},
        "jpeg2000": {"quality_layers": [point], "irreversible": True},
        "png": {"compress_level": int(point)},
    }[codec]
    Image.fromarray(image).save(buffer, format=codec, **options)
    return buffer.getvalue()


def _measure(name: str, image: np.ndarray, codec: str, point: float) -> Measurement:
    stream = _encode(codec, image, point)
    decoded = np.asarray(Image.open(io.BytesIO(stream)).convert("RGB"))
    height, width, _ = image.shape
    lossless = np.array_equal(image, decoded)
    return Measurement(
        dataset="photos",
        image=name,
        width=width,
        height=height,
        channels=3,
        codec=codec,
        label=codec,
        parameter=LADDERS[codec][0],
        point=float(point),
        codec_version="Pillow",
        size_bytes=len(stream),
        bpp=8 * len(stream) / (width * height),
        encode_s=0.001 * point,
        decode_s=0.002,
        timing="isolated",
        scores={
            "mse": float(np.mean((image.astype(float) - decoded) ** 2)),
            "psnr_db": math.inf if lossless else float(peak_signal_noise_ratio(image, decoded)),
        },
    )


@functools.cache
def encoded_rows(images: int = 4) -> tuple[Measurement, ...]:
    """Four or six crops of 160x160 pixels, four codecs, all points: 15 ok rows for each image.
    Of six there are intervals."""
    crops = {
        "astronaut": skimage.data.astronaut()[40:200, 140:300],
        "chelsea": skimage.data.chelsea()[80:240, 100:260],
        "coffee": skimage.data.coffee()[100:260, 200:360],
        "rocket": skimage.data.rocket()[200:360, 220:380],
        "flag": skimage.data.astronaut()[0:160, 0:160],
        "saucer": skimage.data.coffee()[240:400, 60:220],
    }
    names = sorted([*crops][:images])
    return tuple(
        _measure(name, np.ascontiguousarray(crops[name]), codec, point)
        for codec, (_, points) in LADDERS.items()
        for name in names
        for point in points
    )


def of(codec: str, images: int = 4, **changes: object) -> list[Measurement]:
    """The rows of one codec, with some columns replaced."""
    return [replaced(row, **changes) for row in encoded_rows(images) if row.codec == codec]


def replaced(row: Measurement, **changes: object) -> Measurement:
    """A row with columns of the core or of metrics replaced; None is a metric without a value."""
    core = {name: value for name, value in changes.items() if name in CORE}
    scores = {**row.scores, **{name: v for name, v in changes.items() if name not in CORE}}
    known = {name: value for name, value in scores.items() if value is not None}
    return dataclasses.replace(row, **core, scores=known)


def as_csv(rows: Iterable[Measurement]) -> str:
    rows = list(rows)
    metrics = tuple(dict.fromkeys(name for row in rows for name in row.scores))
    return csv_text([header(metrics), *(row.cells(metrics) for row in rows)])
