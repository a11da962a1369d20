"""TOML files whose mistakes are reported with file, key and reason. A :class:`Form` declares what a
table may hold, and :meth:`Table.form` builds it. Anything beyond types and bounds is checked
afterwards; :meth:`Table.error` makes the error.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from rdbench.errors import UsageError, unknown
from rdbench.files import parsed, read_file
from rdbench.text import quoted

F = TypeVar("F", bound="Form")

_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "a table",
}
"""By the names that msgspec has for types."""
_PLACED: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
"""A message of msgspec: what is wrong, and where."""

Channels = Annotated[tuple[Literal[1, 3], ...], msgspec.Meta(min_length=1)]
"""The numbers of channels that something takes: gray, color."""


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a table in a TOML file, which are the fields; those without a default are
    required."""


def read_toml(path: Path, kind: str) -> Table:
    """The file ``path``, called a ``kind`` ("experiment") in messages. Raises :class:`UsageError`
    for a file that cannot be read or is not TOML.
    """
    try:
        values = parsed(tomllib.loads, read_file(path).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{kind} {str(path)!r}: {error.strerror}") from None
    except ValueError as error:  # of TOML, of UTF-8, of numbers with thousands of digits
        raise UsageError(f"{kind} {str(path)!r} is not TOML: {error}") from None
    return Table(values, path, f"{kind} {str(path)!r}")


def shipped(folder: Path) -> dict[str, Path]:
    """The TOML files in a folder of the package, by name."""
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(text: str, folder: Path, kind: str) -> Path:
    """The file of a ``kind`` ("experiment") that is named by its path, or by the name of one in
    ``folder``. Raises :class:`UsageError` for an unknown name, with similar ones."""
    path = Path(text)
    if path.suffix == ".toml" or path.is_file():
        return path
    known = shipped(folder)
    if text not in known:
        raise unknown(kind, text, known, hint="one of your own is named FILE.toml")
    return known[text]


class Table:
    """A table of a TOML file that knows its place: errors of its methods name file, key and
    reason."""

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
        invalid value."""
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
        named = re.findall("`(.*?)`", what)
        if what.startswith("Object "):
            fields = [name for part in _parts(kind) for name in _fields(part)]
            missing = "missing" in what
            reason = "is missing" if missing else str(unknown("key", named[0], fields))
            return self.error(f"{key}.{named[0]}".lstrip("."), reason)
        if what.startswith("Invalid enum value"):
            return self.error(key, str(unknown("value", str(value), map(str, kind.values))))
        if what.endswith("of length >= 1"):
            return self.error(key, "has no values")
        if re.search(" [<>]=? ", what):
            return self.error(key, f"{quoted(value)} is not {_bounds(kind)}")
        if length := re.search("of length ([0-9]+)", what):
            return self.error(key, f"has {len(value)} values instead of {length[1]}")
        if not named:
            return self.error(key, f"{quoted(value)}: {what[:1].lower()}{what[1:]}")
        kinds = named[0].split(" | ")
        if "str" in kinds and isinstance(value, int | float):
            return self.error(key, f"{quoted(value)} is not text; write it in quotes")
        words = " or ".join(_WORDS[kind] for kind in _WORDS if kind in kinds)
        return self.error(key, f"{quoted(value)} is not {words}")

    def allow(self, *keys: str) -> None:
        """Refuse all other keys, suggesting similar ones."""
        for key in self.values:
            if key not in keys:
                raise self.error(key, str(unknown("key", key, keys)))

    def table(self, key: str) -> Table:
        """The table that is a value of this one; empty if there is none."""
        return self.within(key, self.values.get(key, {}))

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of an array of tables."""
        for index, values in enumerate(self.values.get(key, ())):
            yield self.within(f"{key}[{index}]", values)

    def within(self, key: str, values: Any) -> Table:
        """A table that is a value of this one. Raises :class:`UsageError` for another value."""
        if not isinstance(values, dict):
            raise self.error(key, f"{quoted(values)} is not a table")
        return Table(values, self.path, self._where, f"{self._prefix}{key}.")


def _parts(kind: Any) -> tuple[Any, ...]:
    """The types of a union."""
    return getattr(kind, "types", (kind,))


def _fields(kind: Any) -> dict[str, Any]:
    """The types of a form's fields."""
    return {field.encode_name: field.type for field in getattr(kind, "fields", ())}


def _within(kind: Any, step: str) -> Any:
    """The type of a form's field, or of an array's item."""
    if items := getattr(kind, "item_types", ()):
        return items[int(step)]
    return _fields(kind).get(step) or getattr(kind, "item_type", None)


def _bounds(kind: Any) -> str:
    """What a number must be."""
    number = next(part for part in _parts(kind) if hasattr(part, "ge"))
    if number.gt is not None:
        return f"above {number.gt:g}"
    if number.ge is None or number.le is None:
        return f"at most {number.le:g}" if number.ge is None else f"at least {number.ge:g}"
    return f"between {number.ge:g} and {number.le:g}"
