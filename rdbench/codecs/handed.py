"""Codecs that are handed over as classes: ``rdbench.run(codecs=[Half])``.

A worker is another process, in which a class of a notebook or a script cannot be imported. It gets
the class itself: pickled by value (cloudpickle), with what the class refers to.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from rdbench.errors import UsageError
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec

_classes: Final[dict[str, type[Codec]]] = {}


def hand_over(codec: type[Codec]) -> str:
    """The target by which ``codec`` can be loaded from now on: in this process, and in workers.

    That of its file, FILE.py:Class, where the class cannot be pickled and stands in one. Raises
    :class:`UsageError` where neither is so.
    """
    target = f"{codec.__module__}:{codec.__qualname__}"
    try:
        _pickled(codec)
    except UsageError:
        file = getattr(sys.modules.get(codec.__module__), "__file__", None) or ""
        if not file.endswith(".py") or codec.__module__ == "__main__" or "." in codec.__qualname__:
            raise
        return f"{file}:{codec.__qualname__}"
    _classes[target] = codec
    return target


def find(target: str) -> type[Codec] | None:
    """The class that was handed over as ``target``."""
    return _classes.get(target)


def source(target: str) -> dict[str, str]:
    """SHA-256 of the source of a class that was handed over, by its name; of its pickle where
    there is no source. Nothing for any other target."""
    codec = _classes.get(target)
    if codec is None:
        return {}
    try:
        text = inspect.getsource(codec).encode()
    except (OSError, TypeError):
        text = _pickled(codec)
    return {codec.__qualname__: hashlib.sha256(text).hexdigest()}


def pickled(targets: Iterable[str]) -> dict[str, bytes]:
    """The classes among ``targets`` that were handed over, for :func:`adopt` in another process.

    Raises :class:`UsageError` for one that cannot be pickled.
    """
    return {target: _pickled(_classes[target]) for target in targets if target in _classes}


def adopt(classes: Mapping[str, bytes]) -> None:
    """Have what another process has handed over here as well."""
    _classes.update({target: pickle.loads(data) for target, data in classes.items()})  # noqa: S301


def _pickled(codec: type[Codec]) -> bytes:
    import cloudpickle

    module = sys.modules.get(codec.__module__)
    by_value = module is not None and not codec.__module__.startswith(("rdbench.", "__main__"))
    try:
        if by_value:
            cloudpickle.register_pickle_by_value(module)
        data: bytes = cloudpickle.dumps(codec)
    except Exception as error:
        raise UsageError(
            f"codec class {codec.__qualname__!r} cannot be handed to another process "
            f"({type(error).__name__}: {one_line(str(error), 120)}); put it into a file and name "
            "that, FILE.py:Class"
        ) from error
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return data
