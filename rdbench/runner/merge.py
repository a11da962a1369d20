"""Joining runs of one plan, from several machines or made one after the other."""

from __future__ import annotations

import os
import shutil
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rdbench.errors import RdbenchError, UsageError
from rdbench.manifest import DECISIVE, read_manifest
from rdbench.plans import contradictions, joined
from rdbench.provenance import Record, differences
from rdbench.results import RunDirectory, measurements_path, read_rows
from rdbench.runner.tagging import united
from rdbench.schema import OK, Measurement, MeasurementKey, point_text

_LISTS = ("invocations",)


def merge(runs: Sequence[Path], out: Path) -> Path:
    """Join run directories into the new one ``out``; see :func:`rdbench.merge`.

    If several runs have the same measurement, an ok row is preferred to a failed one, and of two ok
    rows that agree the first is kept.
    """
    if len({run.resolve() for run in runs}) < 2:
        raise UsageError("name at least two run directories to merge")
    if out.exists():
        raise UsageError(f"{str(out)!r} exists already; name another folder with `out`")
    manifest: dict[str, Any] = {}
    rows: dict[MeasurementKey, Measurement] = {}
    origins: dict[MeasurementKey, Path] = {}
    for run in runs:
        measurements_path(run)
        manifest = _joined(manifest, read_manifest(run), f"{str(run)!r}")
        for row in read_rows(run):
            there = rows.get(row.key)
            if there is not None:
                _refuse_other(there, row, origins[row.key], run)
                if there.status == OK or row.status != OK:
                    continue
            rows[row.key], origins[row.key] = row, run
    _refuse_mixed(rows, origins)
    _refuse_other_makers(rows, origins, manifest.get("identities", {}))
    with RunDirectory(out, manifest["experiment"], manifest.get("metrics", {})) as directory:
        directory.manifest.update(manifest)
        for row in _in_order(manifest["experiment"], rows):
            _keep(row, origins[row.key], out)
            directory.append(row)
        directory.finish({})
        directory.write_manifest()
    return out


def _joined(old: dict[str, Any], new: dict[str, Any], where: str) -> dict[str, Any]:
    if not old:
        return dict(new)
    there, comes = old.get("experiment", {}), new.get("experiment", {})
    found = contradictions(there, comes)
    metrics = old.get("metrics", {}), new.get("metrics", {})
    for name in metrics[0].keys() & metrics[1].keys():
        before, now = ({key: side[name].get(key) for key in DECISIVE} for side in metrics)
        found += differences(before, now, f"metric {name}")
    if found:
        raise UsageError(
            f"{where} contradicts the runs before it ({'; '.join(found[:3])}); merge only runs "
            "of one plan"
        )
    both = {**old, **new, "experiment": joined(there, comes)}
    for key in old.keys() & new.keys():
        if key in _LISTS:
            both[key] = [*old[key], *new[key]]
        elif key != "experiment" and isinstance(old[key], dict) and isinstance(new[key], dict):
            both[key] = {**old[key], **new[key]}
    if "network_costs" in both:
        both["network_costs"] = _together(*(run.get("network_costs", {}) for run in (old, new)))
    if "tags" in both:
        both["tags"] = united(old.get("tags", {}), new.get("tags", {}))
    both["codec_versions"] = {
        codec: list(dict.fromkeys((*old.get("codec_versions", {}).get(codec, ()), *versions)))
        for codec, versions in {
            **old.get("codec_versions", {}),
            **new.get("codec_versions", {}),
        }.items()
    }
    return both


def _together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two tables of tables as one; of what is in both the first is kept."""
    both = {**other, **one}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            both[key] = _together(one[key], other[key])
    return both


def _refuse_other(there: Measurement, row: Measurement, first: Path, second: Path) -> None:
    """Raise :class:`UsageError` if two rows of one measurement cannot both be true."""
    decides = ["image_sha256", "codec_version", "label"]
    if there.status == row.status == OK:
        decides += ["stream_sha256", "decoded_sha256"]
    for column in decides:
        before, now = getattr(there, column), getattr(row, column)
        if before and now and before != now:
            raise UsageError(
                f"{row.image!r} at {row.parameter} {point_text(row.point)} of {row.label!r} has "
                f"another {column} in {str(second)!r} than in {str(first)!r} ({now} and "
                f"{before}); the runs do not belong to one plan"
            )


def _refuse_mixed(
    rows: dict[MeasurementKey, Measurement], origins: dict[MeasurementKey, Path]
) -> None:
    """Raise :class:`UsageError` if an image or a curve is not the same in all rows."""
    images: dict[tuple[str, str], Measurement] = {}
    curves: dict[tuple[str, str], Measurement] = {}
    for row in rows.values():
        if row.status != OK:
            continue
        image = images.setdefault((row.dataset, row.image), row)
        if image.image_sha256 != row.image_sha256:
            raise UsageError(
                f"image {row.image!r} of {row.dataset!r} differs between "
                f"{str(origins[row.key])!r} and {str(origins[image.key])!r}"
            )
        curve = curves.setdefault((row.codec, row.options), row)
        if curve.codec_version != row.codec_version:
            raise UsageError(
                f"curve {row.label!r} has version {row.codec_version!r} in "
                f"{str(origins[row.key])!r} and {curve.codec_version!r} in "
                f"{str(origins[curve.key])!r}; merge runs of one version, or give each its own "
                "label"
            )


def _refuse_other_makers(
    rows: dict[MeasurementKey, Measurement],
    origins: dict[MeasurementKey, Path],
    records: dict[str, Record],
) -> None:
    """Raise :class:`UsageError` if one curve was made by several sources, weights or programs, as
    far as the records of the runs tell."""
    found: dict[tuple[Any, ...], tuple[Any, Path]] = {}
    for row in rows.values():
        if row.status != OK or row.identity not in records:
            continue
        origin = origins[row.key]
        for place, told in _makers(row, records[row.identity]):
            before, first = found.setdefault(place, (told, origin))
            if differs := differences(before, told):
                raise UsageError(
                    f"curve {row.label!r} was made differently in {str(origin)!r} and in "
                    f"{str(first)!r} ({'; '.join(differs)}); measure one of them again, or give "
                    "each its own label"
                )


def _makers(row: Measurement, record: Record) -> Iterator[tuple[tuple[Any, ...], Record]]:
    """What made a row, in parts: each with what must have the same part."""
    curve = row.codec, row.options
    yield curve, {key: record.get(key, {}) for key in ("source", "programs")}
    yield (*curve, row.point), {key: told for key, told in record.items() if key != "opened"}
    # Each row has those that were opened for it; they may lie elsewhere on another machine.
    opened = record.get("opened", {})
    names = Counter(Path(path).name for path in opened)
    for path, sha256 in opened.items():
        name = Path(path).name
        yield (*curve, row.point, name if names[name] == 1 else path), {name: sha256}


def _in_order(
    experiment: dict[str, Any], rows: dict[MeasurementKey, Measurement]
) -> list[Measurement]:
    """Rows as a run of the joined experiment would have them: image by image."""
    images = {
        (dataset, image["image"] if isinstance(image, dict) else image): place
        for place, (dataset, image) in enumerate(
            (dataset, image)
            for dataset, listed in experiment.get("datasets", {}).items()
            for image in listed
        )
    }
    codecs = {codec["label"]: place for place, codec in enumerate(experiment.get("codecs", ()))}
    rates: dict[tuple[str, str, float], list[float]] = {}
    for row in rows.values():
        rates.setdefault((row.codec, row.options, row.point), []).append(row.bpp or 0.0)

    def order(row: Measurement) -> tuple[float, float, float, int]:
        return (
            images.get((row.dataset, row.image), len(images)),
            codecs.get(row.label, len(codecs)),
            statistics.fmean(rates[row.codec, row.options, row.point]),
            row.repeat,
        )

    return sorted(rows.values(), key=order)


def _keep(row: Measurement, run: Path, out: Path) -> None:
    """Link what was kept of a row into ``out``, or copy it where that cannot be done."""
    for name in filter(None, (row.stream_file, row.decoded_file)):
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(run / name, target)
        except OSError:
            try:
                shutil.copyfile(run / name, target)
            except OSError as error:
                raise RdbenchError(
                    f"{str(run / name)!r} cannot be copied: {error.strerror}"
                ) from error
