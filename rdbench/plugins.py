"""Plug-ins: Python files of the user with the modules beside them, and entry points of installed
packages. A file can import the modules beside it, as a script can. They are part of what decides a
measurement: :func:`source_files` lists them.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

from rdbench import files
from rdbench.errors import UsageError, unknown
from rdbench.schema import one_line

_NEVER_BESIDE: Final = frozenset({"rdbench", *sys.stdlib_module_names})
"""These names never mean a module beside a file."""


def split(target: str) -> tuple[Path, str] | None:
    """File and name of ``path/to/file.py:Name``; None for any other text."""
    file, _, name = target.rpartition(":")
    return (Path(file), name) if file.endswith(".py") else None


def pick(module: ModuleType, name: str, kind: str, wanted: Callable[[object], bool]) -> object:
    """``module.name``. Raises :class:`UsageError` for an unknown name, with similar names of
    ``wanted`` objects."""
    if not hasattr(module, name):
        here = [key for key, value in vars(module).items() if wanted(value)]
        raise unknown(kind, name, here, hint=f"in {module.__file__!r}")
    found: object = getattr(module, name)
    return found


def module(path: Path, kind: str) -> ModuleType:
    """The module of a file, imported again only if it or what it imports from beside it has
    changed; messages call it a ``kind`` ("codec file"). Raises :class:`UsageError` if it cannot be
    imported, and if a module beside it has the name of another module that is already imported,
    which Python would silently use instead.
    """
    try:
        sources = source_files(path)
        digests = {source: files.sha256(source) for source in sources}
    except OSError as error:
        raise UsageError(f"{kind} {str(path)!r}: {error.strerror}") from None
    main = sources[0]
    if main in _imported and _imported[main].digests == digests:
        return _imported[main].module
    _forget(sources[1:], digests)
    for name in sorted(_beside(main, sources)):
        _claim(name, main, f"{kind} {str(path)!r}")
    # Named by place and content, so that two files with one name do not meet in sys.modules.
    told = hashlib.sha256(repr(sorted(map(str, digests.items()))).encode()).hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(f"rdbench_file_{told}", main)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    try:
        spec.loader.exec_module(found)
    except Exception as error:
        del sys.modules[spec.name]
        raise UsageError(
            f"{kind} {str(path)!r} cannot be imported: "
            f"{type(error).__name__}: {one_line(str(error), 200)}"
        ) from error
    _imported[main] = _Imported(found, digests)
    _digests.update(digests)
    return found


def imported(path: Path) -> dict[str, str]:
    """For a file that :func:`module` has imported: the SHA-256 of it and of what it imports from
    beside it, at that time, by their names relative to its folder."""
    main = path.resolve()
    return _from_folder(_imported[main].digests, main.parent)


def digests(path: Path) -> dict[str, str]:
    """As :func:`imported`, but at present, for a file that need not have been imported. Raises
    :class:`OSError`."""
    sources = source_files(path)
    return _from_folder({file: files.sha256(file) for file in sources}, sources[0].parent)


def _from_folder(digests: dict[Path, str], folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): digest for file, digest in digests.items()}


@dataclass(frozen=True)
class _Imported:
    module: ModuleType
    digests: dict[Path, str]


_imported: dict[Path, _Imported] = {}
_digests: dict[Path, str] = {}
"""Of all files that were imported, as they were then."""
_claims: dict[str, Path] = {}
"""Names of modules beside files, and the folders that they are in."""


class _Beside:
    """Finds the modules that were claimed, each in its folder and nowhere else."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG004
        return PathFinder.find_spec(name, [str(_claims[name])]) if name in _claims else None


def _claim(name: str, main: Path, where: str) -> None:
    folder = main.parent
    PathFinder.invalidate_caches()
    spec = PathFinder.find_spec(name, [str(folder)])
    there = sys.modules.get(name)
    before = getattr(getattr(there, "__spec__", None), "origin", None)
    if name in _claims and _claims[name] != folder:
        before = str(_claims[name] / name)
    elif there is None or spec is None or before == spec.origin:
        _claims[name] = folder
        if _Beside not in sys.meta_path:
            sys.meta_path.insert(0, _Beside)
        return
    raise UsageError(
        f"{where} imports {name!r} from beside it, but another module of that name is in use: "
        f"{before}; rename one of them, or run them separately"
    )


def _forget(helpers: Sequence[Path], digests: dict[Path, str]) -> None:
    """Have modules imported again where one of them was changed since."""
    if all(_digests.get(helper, digests[helper]) == digests[helper] for helper in helpers):
        return
    places = set(map(str, helpers))
    for name, loaded in list(sys.modules.items()):
        if getattr(loaded, "__file__", None) in places:
            del sys.modules[name]


def source_files(path: Path) -> list[Path]:
    """The file, and the modules and packages beside it that it imports, anywhere in it and through
    one another, in the order of their names. Imports by a computed name are not found. Raises
    :class:`OSError`."""
    main = path.resolve()
    found: set[Path] = set()
    waiting = [main]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imports(file, main.parent, *files.stamp(file))
    return [main, *sorted(found - {main})]


def _beside(main: Path, sources: Sequence[Path]) -> set[str]:
    """The names under which the modules of ``sources`` are imported first."""
    folder = main.parent
    parts = {source.relative_to(folder).parts[0] for source in sources[1:]}
    return {part.removesuffix(".py") for part in parts}


@functools.cache
def _imports(file: Path, folder: Path, _changed_ns: int, _size_bytes: int) -> list[Path]:
    """The files that a file imports, as far as they are below ``folder``."""
    try:
        tree = ast.parse(files.read_file(file))
    except (SyntaxError, ValueError):  # which importing it will tell
        return []
    found: list[Path] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found += _located(folder, alias.name)
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1] if node.level else folder
            if folder == start or folder in start.parents:
                head = f"{node.module}." if node.module else ""
                for alias in node.names:
                    found += _located(start, head + alias.name)
    return found


def _located(folder: Path, dotted: str) -> Iterator[Path]:
    """The files of a module with its packages, as far as they are below ``folder``; the last part
    of the name may be something within a module."""
    first, *_ = parts = dotted.split(".")
    if first in _NEVER_BESIDE:
        return
    for part in parts:
        module = folder / f"{part}.py"
        folder /= part
        if (package := folder / "__init__.py").is_file():
            yield package
        elif module.is_file():
            yield module
            return
        elif not folder.is_dir():
            return


@dataclass(frozen=True)
class Offer:
    """An entry point of an installed package, before anything of it is imported."""

    name: str
    target: str
    """``module:Name``"""
    package: str


@functools.cache
def offers(group: str) -> tuple[Offer, ...]:
    """All entry points of a group."""
    from importlib.metadata import entry_points

    return tuple(
        Offer(point.name, point.value, point.dist.name if point.dist else "a package")
        for point in entry_points(group=group)
    )


def refuse_twins(kind: str, group: str, name: str, own: Sequence[str]) -> None:
    """Raise :class:`UsageError` if ``name`` is offered twice: by ``own`` (rdbench itself, or files
    of the user) and by packages."""
    packages = [*own, *(offer.package for offer in offers(group) if offer.name == name)]
    if len(packages) > 1:
        raise UsageError(
            f"{kind} {name!r} is offered by {' and by '.join(packages)}; uninstall all but one, "
            "or have it renamed: none of them is preferred silently"
        )
