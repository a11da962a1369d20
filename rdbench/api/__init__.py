"""Functions of ``import rdbench`` for whole steps of work; the commands are thin wrappers around
them."""

from rdbench.api.checking import conformance
from rdbench.api.comparing import compare
from rdbench.api.learning import train
from rdbench.api.measuring import CodecLike, merge, rescore, run, score

__all__ = ["CodecLike", "compare", "conformance", "merge", "rescore", "run", "score", "train"]
