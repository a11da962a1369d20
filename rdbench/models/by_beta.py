"""A cache of results by beta that does not grow with the number of streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

LATEST: Final = 4
"""How many results are kept that nobody holds. Streams declare their beta, and each may declare a
different one."""


class ByBeta(Generic[T]):
    """``make`` of a beta, computed once for as long as somebody holds the result, or it is one of
    the :data:`LATEST` most recent."""

    def __init__(self, make: Callable[[float], T]) -> None:
        self._make = make
        self._there: WeakValueDictionary[float, T] = WeakValueDictionary()
        self._latest: deque[T] = deque(maxlen=LATEST)

    def __len__(self) -> int:
        return len(self._there)

    def __call__(self, beta: float) -> T:
        found = self._there.get(beta)
        if found is None:
            found = self._there[beta] = self._make(beta)
            self._latest.append(found)
        return found
