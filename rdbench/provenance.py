"""What decides a measurement besides its pixels, the codec's options and the point. The record is
plain data. Each row has its digest (column ``identity``), and ``run.json`` has the record itself
once. A row may stay in a run that continues only if nothing in its record has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rdbench import files, places, plugins
from rdbench.codecs import registry
from rdbench.errors import UsageError
from rdbench.experiment import CodecPlan
from rdbench.schema import one_line, point_text

Record = dict[str, Any]

CONTENTS: Final = ("source", "files", "opened", "search")
"""What a user edits, and how points are searched for: if it has changed, rows are measured again.
Any other change means another program or version, which is refused."""


def identity(plan: CodecPlan, point: float) -> Record:
    """The record of a codec at a point, before anything is measured: ``version``; the codec's
    provenance (``programs``, ``commands``, ``pixels``, ``configuration``: the files that a
    definition names); ``source``: the SHA-256 of files of Python, the codec's and those that
    options name, and of what they import from beside them; ``files``: those of the weights that
    provenance tells, and of each file or folder that an option names; ``search``: for a target,
    what decides the setting that is found; the other keys then describe the first setting of the
    ladder. Raises :class:`UsageError` for a file that cannot be read, and what the codec's class
    methods raise.
    """
    codec = plan.codec()
    options = dict(plan.options)
    point = plan.goal.axis.ladder[0] if plan.goal else point
    told = codec.provenance(plan.resolved(), (point,))
    weights = list(_weights(told.pop("weights", {}).get(point_text(point))))
    if "files" in told:
        told["configuration"] = told.pop("files")
    programs = {program.get("path") for program in told.get("programs", {}).values()}
    known = [Path(path).resolve() for path in (*(path for path, _ in weights), *programs) if path]
    contents = {
        name: _digest(path, f"codec {plan.name!r}, option {name!r}")
        for name, option in codec.option_table.items()
        if option.path and options.get(name)
        for path in [places.path(str(options[name])).expanduser().resolve()]
        # Of a folder whose weights are told, the others decide nothing.
        if path.exists() and not any(path == one or path in one.parents for one in known)
    }
    contents |= {f"weights[{index}]": sha256 for index, (_, sha256) in enumerate(weights)}
    record = {
        "version": one_line(codec.version()),
        **decisive(told),
        "source": source(plan),
        "files": contents,
        "search": plan.goal.decides() if plan.goal else {},
    }
    plain: Record = json.loads(json.dumps({key: value for key, value in record.items() if value}))
    return plain


def source(plan: CodecPlan) -> dict[str, str]:
    """The SHA-256 of the files that make a codec (:func:`rdbench.codecs.registry.source`), and of
    files of Python that options name (FILE.py:NAME), as they are now, after the option's name.
    Raises :class:`UsageError` for a file that cannot be read."""
    try:
        found = registry.source(plan.target)
    except OSError as error:
        raise UsageError(f"codec {plan.name!r}: {error.filename}: {error.strerror}") from None
    for name, value in plan.options:
        if own := plugins.split(str(value)):
            try:
                digests = plugins.digests(own[0])
            except OSError as error:
                raise _unreadable(own[0], f"codec {plan.name!r}, option {name!r}", error) from None
            found = found | {f"{name}: {source}": digest for source, digest in digests.items()}
    return found


def _weights(told: Any) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of each file of weights that a codec's provenance tells."""
    for entry in told if isinstance(told, list) else [told] if told else []:
        yield entry["path"], entry["sha256"]


def _digest(path: Path, where: str) -> str:
    try:
        return files.digest_of(path)
    except OSError as error:
        raise _unreadable(path, where, error) from None


def _unreadable(path: Path, where: str, error: OSError) -> UsageError:
    return UsageError(f"{where}: cannot read {str(path)!r}: {error.strerror}")


def opened(paths: dict[str, str]) -> dict[str, str]:
    """The present SHA-256 of files that a codec opened; "" for one that is gone."""
    return {path: files.sha256(Path(path)) if Path(path).is_file() else "" for path in paths}


def digest(record: Record) -> str:
    """The digest of a record: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def decisive(record: Any) -> Any:
    """Provenance without the locations of files, which decide nothing."""
    if isinstance(record, dict):
        return {key: decisive(value) for key, value in record.items() if key != "path"}
    if isinstance(record, list):
        return [decisive(value) for value in record]
    return record


def shared(new: Any, old: Any) -> Any:
    """The entries of ``new`` for the keys of ``old``, for records that are older than a key."""
    if isinstance(new, dict) and isinstance(old, dict):
        return {key: shared(value, old[key]) for key, value in new.items() if key in old}
    return new


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """At most three places in which two plain structures differ, a few words each."""
    return [text for text, _ in zip(_walk(old, new, where), range(3), strict=False)]


def _walk(old: Any, new: Any, where: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            place = f"{where}.{key}" if where else str(key)
            if key not in new:
                yield f"{place} is no longer requested"
            elif key not in old:
                yield f"{place} is new"
            else:
                yield from _walk(old[key], new[key], place)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _walk(a, b, f"{where}[{index}]")
    elif old != new:
        yield f"{where}: {_short(old)} there, {_short(new)} now"


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 12:
        return f"{len(value)} entries"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
