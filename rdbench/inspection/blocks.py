"""The way of a plane through the block transform codecs, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.codecs.blocks import levels as binarization
from rdbench.codecs.blocks.codec import BlockCodec, CodedPlane, DctBlock, KltBlock, code_levels
from rdbench.codecs.blocks.transform import (
    SIDE,
    SIZE,
    ZIGZAG,
    Floats,
    coding_gain_db,
    to_blocks,
)
from rdbench.errors import UsageError
from rdbench.metrics import psnr
from rdbench.models.coding.adaptive import Meter

if TYPE_CHECKING:
    import pandas as pd

    from rdbench.sample_format import Image

CODECS: Final[tuple[type[BlockCodec], ...]] = (DctBlock, KltBlock)


@dataclass(frozen=True)
class Passage:
    """An image of one channel on its way through a codec."""

    codec: BlockCodec
    image: Image
    coded: CodedPlane
    coefficients: Floats
    """Before quantization, of the rounded basis: (blocks, 64)."""
    level_bits: Floats
    """(blocks, 64): what each level costs"""
    length_bits: Floats
    """(blocks,): the cost of signaling where the levels of each block end"""
    basis_bits: float
    stream: bytes
    decoded: Image

    @property
    def variances(self) -> Floats:
        """Of the coefficients over blocks: (64,)."""
        return np.asarray(self.coefficients.var(axis=0))

    def block_bits(self) -> Floats:
        """What each block costs, (rows, columns)."""
        rows, columns = (-(-side // SIDE) for side in self.image.shape[:2])
        bits: Floats = self.level_bits.sum(axis=1) + self.length_bits
        return bits.reshape(rows, columns)


def passage(codec: BlockCodec, image: Image) -> Passage:
    """The way of ``image``, uint8, (height, width, 1), through ``codec``.

    Bits are what the adaptive model says: -log2 of the probability of each bit when it is coded.
    """
    plane = image[:, :, 0].astype(np.float64)
    coded = codec.coded(plane)
    count = len(coded.levels)
    meter = Meter(binarization.CONTEXTS, binarization.PLACES * count)
    code_levels(meter, coded.levels, 0)
    costs = meter.costs.reshape(count, binarization.PLACES)
    basis_bits = 0.0
    if isinstance(codec, KltBlock) and len(coded.basis):
        of_basis = Meter(binarization.CONTEXTS, binarization.PLACES * len(coded.basis))
        binarization.code(of_basis, coded.basis.astype(np.int64), 0, alike=True)
        basis_bits = float(of_basis.costs.sum())
    stream = codec.encode(image)
    return Passage(
        codec,
        image,
        coded,
        codec.coefficients(plane),
        costs[:, :SIZE],
        costs[:, SIZE],
        basis_bits,
        stream,
        codec.decode(stream),
    )


def block_at(image: Image, x: int, y: int) -> int:
    """The number of the block that has this pixel. Raises :class:`UsageError` for one outside."""
    height, width = map(int, image.shape[:2])
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(f"pixel {x},{y} (x, y) is not within the image of {width}x{height} px")
    return y // SIDE * -(-width // SIDE) + x // SIDE


def lively_block(one: Passage) -> int:
    """A lively block to look at: it costs more than nine in ten of them."""
    costs = one.block_bits().ravel()
    return int(np.argsort(costs, kind="stable")[9 * (len(costs) - 1) // 10])


def corner(image: Image, block: int) -> tuple[int, int]:
    """Left and top pixel of a block."""
    row, column = divmod(block, -(-image.shape[1] // SIDE))
    return column * SIDE, row * SIDE


def functions(one: Passage) -> list[Floats]:
    """The basis functions, 8×8 each, laid out row by row as :func:`laid_out`."""
    basis = one.codec.basis(one.image[:, :, 0].astype(np.float64))
    order = laid_out(one, np.arange(SIZE)).ravel().astype(int)
    return [basis[position].reshape(SIDE, SIDE) for position in order]


def laid_out(one: Passage, values: NDArray[np.generic]) -> Floats:
    """The 64 values of a block, in the order of coding, as 8×8: of the DCT by frequency, from low
    to high downwards and to the right; of the KLT row by row."""
    places = ZIGZAG if isinstance(one.codec, DctBlock) else list(np.ndindex(SIDE, SIDE))
    found = np.empty((SIDE, SIDE))
    found[tuple(zip(*places, strict=True))] = values
    return found


def stages(one: Passage, block: int) -> dict[str, Floats]:
    """A block at each stage of its way, 8×8 numbers each."""
    bits = float(one.level_bits[block].sum() + one.length_bits[block])
    return {
        "coefficients": laid_out(one, one.coefficients[block]),
        "levels": laid_out(one, one.coded.levels[block]),
        f"bits, {bits:.0f} with the length": laid_out(one, one.level_bits[block]),
        "decoded": to_blocks(one.decoded[:, :, 0])[block].reshape(SIDE, SIDE),
    }


def positions(passages: Mapping[str, Passage]) -> pd.DataFrame:
    """A row for each codec and position in the order of coding: ``codec``, ``position`` from 0,
    ``variance`` of the coefficients, ``share`` of all variance up to here, ``bpp`` that its levels
    cost."""
    import pandas as pd

    parts = []
    for name, one in passages.items():
        pixels = one.image.shape[0] * one.image.shape[1]
        columns = {
            "codec": name,
            "position": np.arange(SIZE),
            "variance": one.variances,
            "share": np.cumsum(one.variances) / one.variances.sum(),
            "bpp": one.level_bits.sum(axis=0) / pixels,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def block_table(passages: Mapping[str, Passage], block: int) -> pd.DataFrame:
    """A row for each codec and position of one block: ``codec``, ``position``, ``coefficient``,
    ``level``, ``bits``."""
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "codec": name,
                "position": np.arange(SIZE),
                "coefficient": one.coefficients[block],
                "level": one.coded.levels[block],
                "bits": one.level_bits[block],
            }
        )
        for name, one in passages.items()
    ]
    return pd.concat(parts, ignore_index=True)


def totals(passages: Mapping[str, Passage]) -> pd.DataFrame:
    """A row for each codec: ``codec``, ``step``, ``coding_gain_db``; the rate in bits per pixel of
    ``levels_bpp``, ``lengths_bpp``, ``basis_bpp``, ``header_bpp`` (header, checksum and what the
    coder adds) and all of the stream, ``bpp``; ``functions`` of the basis in use; ``psnr_db``."""
    import pandas as pd

    rows = []
    for name, one in passages.items():
        pixels = one.image.shape[0] * one.image.shape[1]
        bits = {
            "levels_bpp": float(one.level_bits.sum()),
            "lengths_bpp": float(one.length_bits.sum()),
            "basis_bpp": one.basis_bits,
        }
        bits["header_bpp"] = 8 * len(one.stream) - sum(bits.values())
        bits["bpp"] = 8 * len(one.stream)
        rows.append(
            {
                "codec": name,
                "step": one.codec.step,
                "coding_gain_db": coding_gain_db(one.variances),
                **{column: value / pixels for column, value in bits.items()},
                "functions": int((one.coded.levels != 0).any(axis=0).sum()),
                "psnr_db": psnr(one.image, one.decoded),
            }
        )
    return pd.DataFrame(rows)
