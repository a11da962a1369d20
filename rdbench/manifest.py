"""``run.json``: what a run directory records about its rows. People may edit it, so its shape is
checked when it is read. Files of an older rdbench lack later keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from rdbench.errors import UsageError
from rdbench.files import parsed, read_file
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.metrics.registry import with_beside
from rdbench.provenance import decisive
from rdbench.schema import SCHEMA_VERSION

MANIFEST: Final = "run.json"
_WAY_OUT: Final = "restore the file that rdbench wrote, or use `fresh=True` or another `out`"
_LARGEST: Final = 1e15
"""Of numbers: no point, count or cost is beyond it, and all are exact as floats."""

_Number = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=int(_LARGEST))]
_Text = dict[str, str]
_Open = dict[str, Any]


class _Image(msgspec.Struct):
    image: str
    geometry: str = "original"


class _Goal(msgspec.Struct):
    column: str


class _Codec(msgspec.Struct):
    codec: str
    label: str
    points: list[_Number]
    options: dict[str, str | bool | int | float | None] = {}
    parameter: str = ""
    goal: _Goal | msgspec.UnsetType = msgspec.UNSET


class _Experiment(msgspec.Struct):
    datasets: dict[str, list[_Image | str]] = {}
    codecs: list[_Codec] = []
    metrics: list[str] = []
    decoded: list[_Open] = []
    color: str = "rgb"
    codec: str = ""
    repeat: _Count = 1


class _Invocation(msgspec.Struct):
    started: str | None = None
    ended: str | None = None
    jobs: _Count | None = None
    host: _Open = {}
    interrupted: bool | None = None


class _Program(msgspec.Struct):
    version: str = ""
    path: str = ""
    sha256: str = ""


class _Record(msgspec.Struct):
    """What made a row or a curve: of parts that are texts, and of tables."""

    version: str = ""
    options: _Open = {}
    programs: dict[str, _Program] = {}
    source: _Open = {}
    files: _Open = {}
    opened: _Text = {}


class _Metric(msgspec.Struct):
    revision: int = 1
    version: str = ""
    source: _Open = {}
    programs: dict[str, _Program] = {}


class _Cost(msgspec.Struct):
    analysis_kmac_px: _Number | None = None
    synthesis_kmac_px: _Number | None = None
    entropy_encode_kmac_px: _Number | None = None
    entropy_decode_kmac_px: _Number | None = None
    parameters: _Count = 0
    weights_bytes: _Count = 0
    uncounted: str = ""


class _Manifest(msgspec.Struct):
    """What is read of a manifest; there may be more."""

    schema_version: _Count
    experiment: _Experiment
    metrics: dict[str, _Metric] = {}
    name: str = ""
    rdbench: str = ""
    python: str = ""
    packages: _Text = {}
    deterministic: dict[str, bool] = {}
    provenance: dict[str, _Record] = {}
    identities: dict[str, _Record] = {}
    targets: _Text = {}
    sources: _Text = {}
    files: dict[str, _Text] = {}
    invocations: list[_Invocation] = []
    notes: dict[str, list[str]] = {}
    tags: dict[str, dict[str, list[str]]] = {}
    network_costs: dict[str, dict[_Number, dict[_Count, _Cost]]] = {}
    codec_versions: dict[str, list[str]] = {}
    image_sha256: dict[str, _Text] = {}


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest ``run.json`` of a run directory, of this or an older version.

    Raises :class:`UsageError` if it cannot be read, if a newer rdbench wrote it, and if its shape
    is wrong, with file, place and reason.
    """
    file = Path(path) / MANIFEST
    try:
        manifest = parsed(json.loads, read_file(file).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{str(file)!r} is not JSON: {error}; {_WAY_OUT}") from None
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UsageError(
            f"{str(file)!r} has schema version {str(version)[:20]}, but this rdbench reads only "
            f"up to {SCHEMA_VERSION}; use a newer rdbench, `fresh=True` or another `out`"
        )
    try:
        msgspec.convert(manifest, _Manifest, str_keys=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"{str(file)!r}: {error}; {_WAY_OUT}") from None
    found: dict[str, Any] = manifest
    return found


def read_metrics(path: str | Path) -> dict[str, MetricRecord]:
    """The records of the metrics that a run directory was measured with, by name; none for a CSV
    file."""
    path = Path(path)
    if not path.is_dir() or not (path / MANIFEST).exists():
        return {}
    records = metrics_of(read_manifest(path))
    try:
        return {name: MetricRecord.of(plain) for name, plain in records.items()}
    except UsageError as error:
        raise UsageError(f"{str(path / MANIFEST)!r}: {error}; {_WAY_OUT}") from None


def metrics_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The plain records of a manifest. Older manifests have none; their metrics are of revision
    1."""
    if "metrics" in manifest:
        return dict(manifest["metrics"])
    asked = manifest.get("experiment", {}).get("metrics", ())
    return {
        record.name: record.plain() | {"revision": 1, "version": "", "source": {}, "programs": {}}
        for record in with_beside(BUILT_IN[name] for name in asked if name in BUILT_IN)
    }


DECISIVE: Final = ("revision", "version", "source", "programs")
"""The part of a metric's record that decides its numbers."""


def decides(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a metric's record in a manifest that decides its numbers."""
    told = {key: record.get(key) for key in DECISIVE}
    told["programs"] = decisive(told["programs"] or {})
    return told
