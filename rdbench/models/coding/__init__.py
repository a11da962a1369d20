"""Lossless coding of integer arrays whose distributions both sides know.

Encoder and decoder must use the same probabilities, to the last bit, on any machine. Computing them
is therefore kept apart from coding with them:

* A distribution is a *table*: integer frequencies that sum to 2^24. The tables of Gaussians
  (:class:`GaussianTables`) come from a fixed sequence of additions, multiplications, divisions and
  roundings of IEEE 754 doubles and from integers. No library's exp, erf or log, no BLAS and no
  float sum takes part, because their last bits differ between platforms and numbers of threads.
  constriction's own quantized Gaussian evaluates a float distribution function while coding and
  takes mean and scale unrounded, so it is not used.
* The table of a symbol is given by an integer (:class:`Indices`). A network's mean and scale become
  integers in one place, :meth:`GaussianTables.index`.
* constriction's asymmetric numeral system (ANS) codes with integers only. Its categorical model
  takes floats, with which it computes ``f * (2^24 - n) / sum + 1`` for each of n entries. ``f`` is
  set to the frequency minus 1: then the quotient is 1, all sums are integers below 2^53, and the
  model has exactly the frequencies of the table.

constriction's range coder is not used, because it scales a range that may be as short as 2^32 by
24-bit probabilities: this was measured to cost 1.2e-4 bit per symbol, or 0.9 % where symbols cost
0.013 bit. ANS costs 23 to 40 bits per stream, whatever its length. It decodes in the reverse order
of encoding, so :class:`Encoder` keeps its symbols until the end.

A symbol outside the range of its table is coded as the table's last entry, the escape, and its
distance from the range in an Exp-Golomb code of order 0: every int32 can be coded, and none is
clipped.
"""

from rdbench.models.coding.coder import Decoder, Encoder, decode, encode, ideal_bits
from rdbench.models.coding.gaussian import GaussianTables
from rdbench.models.coding.tables import Indices, StaticTables, Tables

__all__ = [
    "Decoder",
    "Encoder",
    "GaussianTables",
    "Indices",
    "StaticTables",
    "Tables",
    "decode",
    "encode",
    "ideal_bits",
]
