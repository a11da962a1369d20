"""Products of three short rows with long ones, summed from the first term to the last, each term
multiplied and added with one rounding (fused multiply-add), in float32.

Of the kernels of OpenBLAS for processors that fuse, those for three rows do so; with four and more
the order depends on the processor and on the place in the row. Whether a product does is tried
once, when this module is imported; where it does not, products and sums are rounded on their own,
more slowly, but in the same way at every place.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_WIDTHS: Final = (37, 256, 4099)
_TERMS: Final = (4, 8, 10)


def product(matrix: Floats, rows: Floats, out: Floats) -> None:
    """``matrix``, (3, k), times ``rows``, (k, n), into ``out``, (3, n); all float32."""
    if FUSED:
        np.matmul(matrix, rows, out=out)
        return
    for factors, sums in zip(matrix, out, strict=True):
        np.multiply(factors[0], rows[0], out=sums)
        for factor, row in zip(factors[1:], rows[1:], strict=True):
            if factor:
                sums += factor * row


def _in_order(terms: int, width: int) -> bool:
    """Whether a product of matrices is what is wanted here, by exact products in float64."""
    random = np.random.default_rng(terms)
    matrix = random.standard_normal((3, terms)).astype(np.float32)
    rows = random.standard_normal((terms, width)).astype(np.float32)
    sums = np.zeros((3, width), np.float32)
    for factors, row in zip(matrix.T, rows, strict=True):
        sums = (np.outer(factors.astype(np.float64), row) + sums).astype(np.float32)
    return bool((np.matmul(matrix, rows) == sums).all())


FUSED: Final = all(_in_order(terms, width) for terms in _TERMS for width in _WIDTHS)
"""Whether products round once for each term."""
