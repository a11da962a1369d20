"""Metrics by name. Listing them imports no code that computes.

A metric is found by its name in :mod:`rdbench.metrics.table`, through the entry-point group
``rdbench.metrics`` of an installed package (NAME = "module:Class"), or as
``path/to/file.py:Class`` or ``path/to/file.toml`` (a program, :mod:`rdbench.metrics.program`).
Its options follow, each after a colon: ``cvvdp:display=4k``.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from rdbench import files, plugins, programs
from rdbench.errors import MissingBackendError, UsageError, unknown
from rdbench.metrics.base import Metric
from rdbench.metrics.record import MetricRecord
from rdbench.metrics.table import BUILT_IN, DEFAULT_METRICS
from rdbench.schema import one_line

ENTRY_POINT_GROUP: Final = "rdbench.metrics"
FILE_HINT: Final = "one of your own is named FILE.py:Class or FILE.toml"


def names() -> list[str]:
    """All metrics that have a name, built in or offered by installed packages, each once."""
    return list(dict.fromkeys([*BUILT_IN, *(offer.name for offer in _offers())]))


def is_file(wanted: str) -> bool:
    """Whether a metric is named by its file instead of its name."""
    return bool(_file(_parted(wanted)[0]))


def is_known(wanted: str) -> bool:
    """Whether a metric is named by an existing name, with any options."""
    return _parted(wanted)[0] in names()


def absolute(wanted: str) -> str:
    """``wanted``, with an absolute path if a metric is named by its file."""
    name, _ = _parted(wanted)
    return (_file(name) or name) + wanted.removeprefix(name)


def find(wanted: str) -> MetricRecord:
    """The record of the metric ``wanted``, with its options; it is imported if it is not built in.
    Raises :class:`UsageError` for an unknown name (with similar ones), a name that is taken or
    offered twice, a class or file that is not a metric, and invalid options, and
    :class:`MissingBackendError`, which says what to install.
    """
    name, options = _parted(wanted)
    return _find(name).with_options(options)


def _find(wanted: str) -> MetricRecord:
    if target := _file(wanted):
        record = _record(target)
        if record.name in names():
            raise UsageError(
                f"metric {wanted!r} has the name {record.name!r} of a metric of "
                f"{origin(record.name)}; rename it"
            )
        return record
    own = ["rdbench"] if wanted in BUILT_IN else []
    plugins.refuse_twins("metric", ENTRY_POINT_GROUP, wanted, own)
    if wanted in BUILT_IN:
        return BUILT_IN[wanted]
    for offer in _offers():
        if offer.name == wanted:
            record = _record(offer.target)
            if record.name != wanted:
                raise UsageError(
                    f"package {offer.package!r} offers the metric {record.name!r} as {wanted!r}; "
                    "its entry point must have the metric's name"
                )
            return record
    raise unknown("metric", wanted, names(), hint=FILE_HINT)


def origin(name: str) -> str:
    """Where the metric of a name comes from: "rdbench", or the packages that offer it."""
    packages = ["rdbench"] if name in BUILT_IN else []
    return " and ".join(packages + [o.package for o in _offers() if o.name == name])


def choose(wanted: Iterable[str] | None) -> tuple[MetricRecord, ...]:
    """The records of the metrics to measure, without repetitions: those that are named (by default
    the standard ones) and the metrics that always go with them. The mean squared error is always
    included.

    Raises :class:`UsageError` as :func:`find`, and for two metrics of one name.
    """
    found: dict[str, MetricRecord] = {}
    for name in wanted or DEFAULT_METRICS:
        record = find(name)
        if found.setdefault(record.name, record).target != record.target:
            raise UsageError(
                f"two metrics are called {record.name!r}: {found[record.name].target} and "
                f"{record.target}; rename one"
            )
    return with_beside((find("mse"), *found.values()))


def with_beside(records: Iterable[MetricRecord]) -> tuple[MetricRecord, ...]:
    """``records``, each after the metrics that always go with it, without repetitions."""
    found: dict[str, MetricRecord] = {}
    for record in records:
        for name in record.beside:
            found.setdefault(name, find(name))
        found.setdefault(record.name, record)
    return tuple(found.values())


def load(record: MetricRecord) -> type[Metric]:
    """The class of a metric, with its chosen options. Raises :class:`UsageError` if it is not a
    metric, and :class:`MissingBackendError` if its library is not installed."""
    found = _load(record.target)
    options = MappingProxyType(dict(record.chosen))
    return type(found.__name__, (found,), {"options": options}) if options else found


def _load(target: str) -> type[Metric]:
    """The class of a record's ``target``, as :func:`load`."""
    if target.endswith(".toml"):
        from rdbench.metrics import program

        return program.load(Path(target))
    if file := plugins.split(target):
        path, name = file
        module = plugins.module(path, "metric file")
        return _checked(plugins.pick(module, name, "metric class", _is), target)
    module_name, _, name = target.partition(":")
    try:
        return _checked(getattr(importlib.import_module(module_name), name, None), target)
    except ImportError as error:
        known = (record.install for record in BUILT_IN.values() if record.target == target)
        install = next(filter(None, known), "reinstall the package that offers it")
        raise MissingBackendError(
            f"metric {target!r} cannot be loaded ({one_line(str(error), 200)}); {install}"
        ) from error
    except UsageError:
        raise
    except Exception as error:
        raise _broken(f"metric {target!r} cannot be imported:", error) from error


def version(record: MetricRecord) -> str:
    """What computes a metric: the result of :meth:`Metric.version`, else the package that offers
    it; empty if neither is known. Raises :class:`UsageError` if the version is not a text, and
    :class:`MissingBackendError`.
    """
    found = load(record)
    try:
        told: object = found.version()
    except UsageError:
        raise
    except Exception as error:
        raise _broken(f"metric {record.name!r}: version raised", error) from error
    if not isinstance(told, str):
        raise UsageError(f"metric {record.name!r}: version returned {told!r}, not text")
    packages = [offer.package for offer in _offers() if offer.target == record.target]
    packages += [record.library] if record.library else []
    return one_line(told or " ".join(f"{p} {_package_version(p)}" for p in packages), 200)


def untested(record: MetricRecord) -> str:
    """A note if a metric's library has a version with which its numbers were not tested; empty if
    the version was tested, or the library is missing."""
    there = _package_version(record.library) if record.library else ""
    if not there or any(f"{there}.".startswith(f"{version}.") for version in record.tested):
        return ""
    return (
        f"{record.name}: {record.library} {there} is untested (it was tested with "
        f"{' and '.join(record.tested)}); its numbers may differ"
    )


def provenance(record: MetricRecord) -> dict[str, Any]:
    """A metric as ``run.json`` has it: :meth:`MetricRecord.plain`, ``version``, ``source`` (the
    SHA-256 of its files, by name from the folder that they are in) and ``programs`` (path, version
    and SHA-256). If something is not installed, ``missing`` says what. Raises :class:`UsageError`
    if it cannot be loaded.
    """
    found: dict[str, Any] = {"version": "", "source": source(record), "programs": {}}
    try:
        found["version"] = version(record)
        found["programs"] = {
            program.name: {
                "path": program.path,
                "version": program.version,
                "sha256": program.sha256,
                **({"environment": dict(environment)} if environment else {}),
            }
            for program, environment in _programs(record)
        }
    except MissingBackendError as error:
        found["missing"] = str(error)
    return record.plain() | found


def places(record: MetricRecord) -> tuple[programs.Program, ...]:
    """The programs that compute a metric: one or none. Raises :class:`MissingBackendError`."""
    return tuple(program for program, _ in _programs(record))


def _programs(
    record: MetricRecord,
) -> Iterator[tuple[programs.Program, tuple[tuple[str, str], ...]]]:
    """The programs, and what is set in their environment."""
    if (spec := load(record).program()) is not None:
        yield programs.find(spec), spec.environment


def source(record: MetricRecord) -> dict[str, str]:
    """The user's files that make a metric, with their SHA-256: a Python file with the modules that
    it imports from beside it, or a TOML file with the files of its program, and files that its
    options name. Raises :class:`UsageError` if one cannot be read."""
    files_named = {option.name for option in record.options if option.is_file}
    paths = (Path(value) for name, value in record.chosen if name in files_named and value)
    return _source(record.target) | {path.name: files.sha256(path) for path in paths}


def _source(target: str) -> dict[str, str]:
    if file := plugins.split(target):
        main = file[0]
        found = plugins.source_files(main)
    elif target.endswith(".toml"):
        from rdbench.metrics import program

        main = Path(target)
        found = [main, *program.load(main).definition.files]
    else:
        return {}
    folder = main.resolve().parent
    return {path.resolve().relative_to(folder).as_posix(): files.sha256(path) for path in found}


def _parted(wanted: str) -> tuple[str, dict[str, str]]:
    """The name, or file, and the options of ``NAME:option=value:option=value``. Raises
    :class:`UsageError` for one that is given twice."""
    name, *parts = wanted.split(":")
    options: dict[str, str] = {}
    while parts and "=" in parts[-1]:
        option, _, value = parts.pop().partition("=")
        if option in options:
            raise UsageError(f"metric {wanted!r}: option {option!r} is given twice")
        options[option] = value
    return ":".join([name, *parts]), options


def _offers() -> tuple[plugins.Offer, ...]:
    return plugins.offers(ENTRY_POINT_GROUP)


def _file(wanted: str) -> str:
    """``wanted`` with an absolute path, where it names a file: it is loaded in other processes."""
    if file := plugins.split(wanted):
        return f"{file[0].absolute()}:{file[1]}"
    return str(Path(wanted).absolute()) if wanted.endswith(".toml") else ""


def _package_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _broken(where: str, error: Exception) -> UsageError:
    return UsageError(f"{where} {type(error).__name__}: {one_line(str(error), 200)}")


def _is(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Metric) and found is not Metric


def _checked(found: object, target: str) -> type[Metric]:
    if not (isinstance(found, type) and issubclass(found, Metric)):
        raise UsageError(f"metric {target!r} is not a subclass of rdbench.Metric")
    if abstract := sorted(getattr(found, "__abstractmethods__", ())):
        raise UsageError(f"metric {target!r} lacks {', '.join(abstract)}")
    return found


def _record(target: str) -> MetricRecord:
    """The record of a metric that is not built in."""
    record = getattr(_load(target), "record", None)
    if not isinstance(record, MetricRecord):
        raise UsageError(f"metric {target!r} lacks record = rdbench.MetricRecord(NAME, ...)")
    for name in record.beside:
        if name not in BUILT_IN:
            raise UsageError(
                f"metric {target!r}: beside names {name!r}, which is not a metric of rdbench"
            )
    return dataclasses.replace(record, target=target)
