"""Codecs given as classes: ``rdbench.run(codecs=[Half])``.

A worker is another process, which cannot import a class of a notebook or a script. It gets the
class itself: pickled by value (cloudpickle), with everything the class refers to, and with the
digest of its source, which a worker could not find.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from rdbench.errors import UsageError
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec

_classes: Final[dict[str, type[Codec]]] = {}
_digests: Final[dict[str, str]] = {}
_NO_SOURCE: Final = frozenset(("__dict__", "__doc__", "__module__", "__weakref__", "_abc_impl"))


def hand_over(codec: type[Codec]) -> str:
    """The target by which ``codec`` can be loaded from now on, in this process and in workers. If
    the class cannot be pickled but is in a file, this is FILE.py:Class. Raises :class:`UsageError`
    if neither works.
    """
    target = f"{codec.__module__}:{codec.__qualname__}"
    try:
        pickle_of_class = _pickled(codec, codec.__module__)
    except UsageError:
        file = getattr(sys.modules.get(codec.__module__), "__file__", None) or ""
        if not file.endswith(".py") or codec.__module__ == "__main__" or "." in codec.__qualname__:
            raise
        return f"{file}:{codec.__qualname__}"
    try:
        text = "\n".join(_texts(codec, set())).encode()
    except (OSError, TypeError):  # there is no source, as in an interactive interpreter
        text = pickle_of_class
    _classes[target] = codec
    _digests[target] = hashlib.sha256(text).hexdigest()
    return target


def find(target: str) -> type[Codec] | None:
    """The class that was given as ``target``."""
    return _classes.get(target)


def source(target: str) -> dict[str, str]:
    """SHA-256 of the source of a class that was given, as it was then, by its name: with the
    functions, classes and constants of its module that it refers to. Nothing for any other
    target."""
    # A class of a function's loses the function's name on its way to another process.
    return {target.partition(":")[2]: _digests[target]} if target in _digests else {}


def pickled(targets: Iterable[str]) -> dict[str, bytes]:
    """The classes among ``targets`` that were given, for :func:`adopt` in another process.

    Raises :class:`UsageError` for one that cannot be pickled.
    """
    return {
        target: _pickled((codec, _digests[target]), codec.__module__)
        for target in targets
        if (codec := _classes.get(target))
    }


def adopt(classes: Mapping[str, bytes]) -> None:
    """Adopt classes that were given in another process."""
    for target, data in classes.items():
        _classes[target], _digests[target] = pickle.loads(data)  # noqa: S301 - of our own parent


def _texts(thing: Any, seen: set[int]) -> Iterator[str]:
    """The source of a class or function, and of what it refers to of the same module; constants as
    they print. Line numbers and files are no part of it."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, type):
        parts = [(f"{thing.__qualname__}.{k}", v) for k, v in sorted(vars(thing).items())]
        parts += [(base.__qualname__, base) for base in thing.__bases__]
    else:
        yield inspect.getsource(thing)
        found = inspect.getclosurevars(thing)
        parts = sorted({**found.globals, **found.nonlocals}.items())
    for name, part in parts:
        if name.rpartition(".")[2] in _NO_SOURCE:
            continue
        part = part.fget if isinstance(part, property) else getattr(part, "__func__", part)
        if isinstance(part, type | FunctionType):
            if part.__module__ == thing.__module__:
                yield from _texts(part, seen)
        elif " at 0x" not in (shown := repr(part)):
            yield f"{name} = {shown}"


def _pickled(thing: object, module_name: str) -> bytes:
    import cloudpickle

    module = sys.modules.get(module_name)
    by_value = module is not None and not module_name.startswith(("rdbench.", "__main__"))
    try:
        if by_value:
            cloudpickle.register_pickle_by_value(module)
        data: bytes = cloudpickle.dumps(thing)
    except Exception as error:
        name = getattr(thing[0] if isinstance(thing, tuple) else thing, "__qualname__", "")
        raise UsageError(
            f"codec class {name!r} cannot be sent to another process ({type(error).__name__}: "
            f"{one_line(str(error), 120)}); put it into a file and name that, FILE.py:Class"
        ) from error
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return data
