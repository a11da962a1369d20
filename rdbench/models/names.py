"""Former names of models, and of keys in cards. Cards of weights and headers of streams keep the
names that they were written with, and remain readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FORMER: Final[Mapping[str, str]] = {"balle2017": "bmshj2018-factorized"}
"""Current names by former ones. "balle2017" was the factorized prior that Ballé et al. 2018 compare
with, which has the transforms of that paper; it was never the network of 2017."""


def current(name: str) -> str:
    """The current name of the model ``name``, which may be a former name."""
    return FORMER.get(name, name)


_KEYS: Final[Mapping[str, str]] = {"optimised": "optimized"}
_STARTS: Final[Mapping[str, str]] = {"neighbour": "neighbor"}


def current_card(training: Mapping[str, Any]) -> dict[str, Any]:
    """The record ``training`` of a card with the current names of its keys and of its ``start``."""
    told = {_KEYS.get(key, key): value for key, value in training.items()}
    start = told.get("start")
    return {**told, "start": _STARTS.get(start, start)} if isinstance(start, str) else told
