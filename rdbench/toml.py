"""TOML files whose mistakes are answered with file, key and reason.

A :class:`Form` declares what a table may hold, and :meth:`Table.form` makes one of it. What is no
matter of types and bounds is checked afterwards, with :meth:`Table.error` for what is wrong.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from rdbench.errors import UsageError, unknown

F = TypeVar("F", bound="Form")

_REQUIRED: Final[Any] = object()
_NAMES: Final[dict[type, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "a table",
}
_WORDS: Final = {kind.__name__: words for kind, words in _NAMES.items()} | {
    "array": _NAMES[list],
    "object": _NAMES[dict],
}
"""By the names that msgspec has for types."""
_PLACED: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
"""A message of msgspec: what is wrong, and where."""

Channels = Annotated[tuple[Literal[1, 3], ...], msgspec.Meta(min_length=1)]
"""The numbers of channels that something takes: grey, color."""


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a table of a TOML file may hold: its keys are the fields, and those without a default
    must be there."""


def read_toml(path: Path, kind: str) -> Table:
    """The file ``path``, which is a ``kind`` ("experiment") in the messages.

    Raises :class:`UsageError` for a file that cannot be read or is no TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{kind} {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{kind} {str(path)!r} is not TOML: {error}") from None
    return Table(values, path, f"{kind} {str(path)!r}")


def shipped(folder: Path) -> dict[str, Path]:
    """The TOML files that lie in a folder of the package, by name."""
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(text: str, folder: Path, kind: str) -> Path:
    """The file of a ``kind`` ("experiment") that is named by its path, or by the name of one in
    ``folder``. Raises :class:`UsageError` for a name that there is not, with those near it."""
    path = Path(text)
    if path.suffix == ".toml" or path.is_file():
        return path
    known = shipped(folder)
    if text not in known:
        raise unknown(kind, text, known, hint="one of your own is named FILE.toml")
    return known[text]


class Table:
    """A table of a TOML file. Its methods return values of the type that is asked for, and raise
    :class:`UsageError` with file, key and reason for anything else."""

    def __init__(self, values: dict[str, Any], path: Path, where: str, prefix: str = "") -> None:
        self.values = values
        self.path = path
        self._where = where
        self._prefix = prefix

    def error(self, key: str, reason: str) -> UsageError:
        """The error of ``key``: ``reason`` with file and key before it."""
        return UsageError(f"{self._where}, key {self._prefix + key!r}: {reason}")

    def form(self, kind: type[F]) -> F:
        """The table, and the tables in it, as a form. Raises :class:`UsageError` for the first
        value that it cannot be."""
        try:
            return msgspec.convert(self.values, kind)
        except msgspec.ValidationError as error:
            raise self._refusal(str(error), msgspec.inspect.type_info(kind)) from None

    def _refusal(self, message: str, kind: Any) -> UsageError:
        """The error for what msgspec says: "Expected `int`, got `str` - at `$.axes[2].low`"."""
        what, key = _PLACED.fullmatch(message).groups("")  # type: ignore[union-attr]
        value: Any = self.values
        for step in re.findall(r"\w+", key):
            value = value[int(step) if isinstance(value, list) else step]
            kind = next(filter(None, (_within(part, step) for part in _parts(kind))))
        quoted = re.findall("`(.*?)`", what)
        if what.startswith("Object "):
            fields = [name for part in _parts(kind) for name in _fields(part)]
            missing = "missing" in what
            reason = "is missing" if missing else str(unknown("key", quoted[0], fields))
            return self.error(f"{key}.{quoted[0]}".lstrip("."), reason)
        if what.startswith("Invalid enum value"):
            return self.error(key, str(unknown("value", str(value), map(str, kind.values))))
        if what.endswith("of length >= 1"):
            return self.error(key, "has no values")
        if bound := re.search(" ([<>]=) (.*)", what):
            words = {">=": "at least", "<=": "at most"}[bound[1]]
            return self.error(key, f"{value!r} is not {words} {bound[2]}")
        kinds = quoted[0].split(" | ")
        if "str" in kinds and isinstance(value, int | float):
            return self.error(key, f"{value!r} is not text; write it in quotes")
        words = " or ".join(_WORDS[kind] for kind in _WORDS if kind in kinds)
        return self.error(key, f"{value!r} is not {words}")

    def allow(self, *keys: str) -> None:
        """Refuse all other keys, with near ones."""
        for key in self.values:
            if key not in keys:
                raise self.error(key, str(unknown("key", key, keys)))

    def text(self, key: str, default: str = _REQUIRED) -> str:
        return str(self._get(key, str, default))

    def whole(self, key: str, default: int = _REQUIRED) -> int:
        return int(self._get(key, int, default))

    def number(self, key: str, default: float = _REQUIRED) -> float:
        return float(self._get(key, float, default))

    def truth(self, key: str, default: bool = _REQUIRED) -> bool:
        return bool(self._get(key, bool, default))

    def choice(self, key: str, choices: Collection[str], default: str = _REQUIRED) -> str:
        value = self.text(key, default)
        if value not in choices and value != default:
            raise self.error(key, str(unknown("value", value, choices)))
        return value

    def texts(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        return tuple(self._items(key, str, default))

    def numbers(self, key: str, default: tuple[float, ...] = _REQUIRED) -> tuple[float, ...]:
        return tuple(float(value) for value in self._items(key, float, default))

    def items(self, key: str, default: tuple[Any, ...] = _REQUIRED) -> tuple[Any, ...]:
        """The values of an array, of any type."""
        if key not in self.values and default is not _REQUIRED:
            return default
        value = self._get(key, list, _REQUIRED)
        return tuple(value)

    def table(self, key: str, *, required: bool = False) -> Table:
        return self.within(key, self._get(key, dict, _REQUIRED if required else {}))

    def within(self, key: str, values: dict[str, Any]) -> Table:
        """A table that is a value of this one."""
        return Table(values, self.path, self._where, f"{self._prefix}{key}.")

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of an array of tables."""
        for index, value in enumerate(self.items(key, ())):
            if not isinstance(value, dict):
                raise self.error(f"{key}[{index}]", "must be a table")
            yield self.within(f"{key}[{index}]", value)

    def _items(self, key: str, kind: type, default: Any) -> tuple[Any, ...]:
        values = self.items(key, default)
        for index, value in enumerate(values):
            if not _is(value, kind):
                raise self.error(f"{key}[{index}]", f"{value!r} is not {_NAMES[kind]}")
        return values

    def _get(self, key: str, kind: type, default: Any) -> Any:
        if key not in self.values:
            if default is _REQUIRED:
                raise self.error(key, "is missing")
            return default
        value = self.values[key]
        if not _is(value, kind):
            raise self.error(key, f"{value!r} is not {_NAMES[kind]}")
        return value


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _parts(kind: Any) -> tuple[Any, ...]:
    """The types of a union."""
    return getattr(kind, "types", (kind,))


def _fields(kind: Any) -> dict[str, Any]:
    """The types of a form's fields."""
    return {field.encode_name: field.type for field in getattr(kind, "fields", ())}


def _within(kind: Any, step: str) -> Any:
    """The type of a form's field, or of an array's items."""
    return _fields(kind).get(step) or getattr(kind, "item_type", None)
