"""The images behind a run as a figure: one image, and what codecs made of it at one rate.

What is in a run directory is decoded again, or coded again, in workers; a figure of numbers alone
needs none of this (:mod:`rdbench.plots.figures`).
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rdbench import metrics as metric_table
from rdbench.curves import RATE, dataset_title
from rdbench.curves.records import records_of
from rdbench.errors import RdbenchError, UsageError, unknown
from rdbench.manifest import read_manifest, read_metrics
from rdbench.metrics import MetricRecord
from rdbench.metrics.maps import error_maps, map_record
from rdbench.metrics.record import of_each_quantity
from rdbench.plots.figures import file_name
from rdbench.plots.pictures import Crop, Gallery, Tile, cut, widest_difference
from rdbench.results import read_rows
from rdbench.runner import Limits, LocalPool
from rdbench.runner.exact import exact as code_exactly
from rdbench.runner.kept import read_png
from rdbench.runner.pictures import original_of, pictures
from rdbench.runner.rescore import setting_of
from rdbench.schema import OK, Measurement, point_text

if TYPE_CHECKING:
    from rdbench.sample_format import Image

WORST: Final = "worst"
WORST_SIDE: Final = 160
"""Of the crop that is found, in pixels."""
FAR: Final = 0.1
"""Relative distance in rate from what was asked for that is said."""


@dataclass(frozen=True)
class _Shown:
    """A codec's image with its numbers."""

    row: Measurement
    parameter: str
    """What its setting is a value of."""
    pixels: Image = field(repr=False)
    notes: tuple[str, ...] = ()


def gallery(
    path: Path,
    image: str,
    *,
    at: Mapping[str, float],
    codecs: Sequence[str] = (),
    exact: bool = False,
    tolerance: str | float | None = None,
    crop: Crop | str | None = None,
    metrics: Sequence[str] = (),
    error_map: str = "",
    title: str | None = None,
    jobs: int | None = None,
    timeout_s: float = 600.0,
) -> Gallery:
    """The figure of :func:`rdbench.compare` of the run directory ``path``, not drawn yet; raises
    what that does."""
    if len(at) != 1:
        raise UsageError("say at which rate or value of one metric to compare (`at`)")
    if tolerance is not None and not exact:
        raise UsageError("a tolerance is of what is reached exactly (`exact`)")
    ((column, wanted),) = at.items()
    mapped = map_record(error_map) if error_map else None
    chosen = nearest_rows(path, image, at=at, codecs=codecs)
    records = _records(path, metrics, chosen)
    reference = original_of(path, chosen[0]).load()
    with (
        tempfile.TemporaryDirectory(prefix="rdbench-") as folder,
        LocalPool(Limits.of_machine(jobs, timeout_s)) as pool,
    ):
        if exact:
            shown = _exact(path, chosen, column, wanted, tolerance, records, Path(folder), pool)
        else:
            shown = _kept(path, chosen, records, Path(folder), pool)
    found = _crop(crop, [one.pixels for one in shown])
    maps = error_maps(mapped, reference, [one.pixels for one in shown]) if mapped else []
    notes = [note for one in shown for note in one.notes]
    if column == RATE and not exact:
        notes += _far(chosen, wanted)
    return Gallery(
        name=gallery_name(chosen[0], at, exact=exact, crop=crop, error_map=error_map),
        title=_title(chosen[0]) if title is None else title,
        subtitle=_subtitle(column, wanted, shown, exact=exact),
        tiles=(
            Tile(cut(reference, found), ("original",)),
            *(
                Tile(
                    cut(one.pixels, found),
                    _lines(one, records),
                    cut(maps[place], found) if maps else None,
                )
                for place, one in enumerate(shown)
            ),
        ),
        whole=reference if found else None,
        crop=found,
        map_label=mapped.map if mapped else "",
        notes=tuple(notes),
    )


def gallery_name(
    row: Measurement,
    at: Mapping[str, float],
    *,
    exact: bool = False,
    crop: Crop | str | None = None,
    error_map: str = "",
) -> str:
    """The stem of the figure's file: ``kodak_kodim21_bpp-0.15``."""
    ((column, wanted),) = at.items()
    part = "" if crop is None else "crop" if crop == WORST else "crop-" + "-".join(map(str, crop))
    marks = filter(None, ("exact" * exact, part, error_map.replace(":", "-")))
    return file_name(row.dataset, "_".join((f"{row.image}_{column}-{wanted:g}", *marks)))


def nearest_rows(
    path: Path, image: str, *, at: Mapping[str, float], codecs: Sequence[str] = ()
) -> list[Measurement]:
    """Of each curve the row of ``image`` that is nearest to a rate, or to a value of a metric."""
    ((column, wanted),) = at.items()
    rows = _by_codec(_rows(path, image), codecs)
    return [_nearest(own, column, wanted) for own in rows.values()]


def _rows(path: Path, image: str) -> list[Measurement]:
    """The good rows of an image."""
    good = [row for row in read_rows(path) if row.status == OK and not row.repeat]
    own = [row for row in good if image in (row.image, f"{row.dataset}/{row.image}")]
    if not own:
        raise unknown("image", image, {row.image for row in good})
    if len(datasets := {row.dataset for row in own}) > 1:
        names = " or ".join(f"{dataset}/{image}" for dataset in sorted(datasets))
        raise UsageError(f"the image {image!r} is in several datasets: say {names}")
    return own


def _by_codec(rows: Sequence[Measurement], wanted: Sequence[str]) -> dict[str, list[Measurement]]:
    """The rows of each curve that is wanted, in that order."""
    curves: dict[str, list[Measurement]] = {}
    for row in rows:
        curves.setdefault(row.label or row.codec, []).append(row)
    found: dict[str, list[Measurement]] = {}
    for name in wanted or curves:
        labels = (
            [name] if name in curves else [k for k, own in curves.items() if own[0].codec == name]
        )
        if not labels:
            raise unknown("curve", name, curves)
        found |= {label: curves[label] for label in labels}
    return found


def _value(row: Measurement, column: str) -> float | None:
    return row.bpp if column == RATE else row.scores.get(column)


def _nearest(rows: Sequence[Measurement], column: str, wanted: float) -> Measurement:
    if column == RATE and not wanted > 0:
        raise UsageError(f"a rate of {wanted:g} bit/px is not above 0")
    if not math.isfinite(wanted):
        raise UsageError(f"nothing is near {column} {wanted:g}; name a finite value")
    there = [(value, row) for row in rows if (value := _value(row, column)) is not None]
    if column == RATE:
        there = [(rate, row) for rate, row in there if 0 < rate < math.inf]
    if not there:
        known = {RATE, *(name for row in rows for name in row.scores)}
        if column not in known:
            raise unknown("metric", column, known)
        raise UsageError(f"{rows[0].label!r} has no {column} of {rows[0].image!r}")
    if column != RATE:
        return min(there, key=lambda pair: abs(pair[0] - wanted))[1]
    return min(there, key=lambda pair: abs(math.log(pair[0] / wanted)))[1]


def _records(path: Path, asked: Sequence[str], rows: Sequence[Measurement]) -> list[MetricRecord]:
    """The metrics whose values stand below: those of the run, or those that are named."""
    there = list(dict.fromkeys(name for row in rows for name in row.scores))
    known = records_of(there, read_metrics(path))
    if asked:
        return [known[name] if name in known else metric_table.find(name) for name in asked]
    return of_each_quantity(known.get(name, MetricRecord(name)) for name in there)


def _kept(
    path: Path,
    rows: Sequence[Measurement],
    records: Sequence[MetricRecord],
    folder: Path,
    pool: LocalPool,
) -> list[_Shown]:
    """The images that were measured, with the scores of further metrics."""
    names = {row.key: folder / f"{number}.png" for number, row in enumerate(rows)}
    more = [one for one in records if any(one.name not in row.scores for row in rows)]
    more = [one for one in more if one.target]  # others are of the run alone
    identities = read_manifest(path).get("identities", {})
    shown = []
    for picture in pictures(path, rows, lambda row: names[row.key], executor=pool, metrics=more):
        row = picture.row
        if picture.reason:
            raise RdbenchError(f"{row.label}: {picture.reason}")
        pixels = read_png(picture.path, row.decoded_sha256)
        notes = tuple(f"{row.label}: no {note}" for note in picture.scores.notes)
        scored = dataclasses.replace(row, scores={**row.scores, **picture.scores.values})
        shown.append(_Shown(scored, _parameter(row, identities), pixels, notes))
    return shown


def _parameter(row: Measurement, identities: Mapping[str, Any]) -> str:
    """What the setting of a row is a value of; of one whose point is a target its record tells."""
    if row.setting is None:
        return row.parameter
    return str(identities.get(row.identity, {}).get("search", {}).get("parameter", "setting"))


def _exact(
    path: Path,
    rows: Sequence[Measurement],
    column: str,
    wanted: float,
    tolerance: str | float | None,
    records: Iterable[MetricRecord],
    folder: Path,
    pool: LocalPool,
) -> list[_Shown]:
    """The images coded anew."""
    found = code_exactly(
        path,
        rows,
        column,
        wanted,
        tolerance=tolerance,
        metrics=[record.target if _is_file(record) else record.name for record in records],
        out=folder / "run",
        executor=pool,
    )
    return [
        _Shown(
            one.row,
            one.goal.axis.parameter,
            read_png(folder / "run" / one.row.decoded_file, one.row.decoded_sha256),
            (one.note,) if one.note else (),
        )
        for one in found
    ]


def _is_file(record: MetricRecord) -> bool:
    return ".py:" in record.target or record.target.endswith(".toml")


def _crop(asked: Crop | str | None, decoded: Sequence[Image]) -> Crop | None:
    if asked == WORST:
        if len(decoded) < 2:
            raise UsageError("a crop where codecs differ most needs two of them")
        return widest_difference(decoded, WORST_SIDE, WORST_SIDE)
    if isinstance(asked, str):
        raise UsageError(f"the crop {asked!r} is not {WORST!r}, and not x, y, width, height")
    return asked


def _lines(shown: _Shown, records: Sequence[MetricRecord]) -> tuple[str, ...]:
    row = shown.row
    rate = "" if row.bpp is None else f"{row.bpp:.4f} bit/px, "
    parts = [f"{record.label} {_number(row.scores.get(record.name), record)}" for record in records]
    pairs = [", ".join(parts[place : place + 2]) for place in range(0, len(parts), 2)]
    setting = f"{shown.parameter} {point_text(float(f'{setting_of(row):.4g}'))}"
    return (row.label or row.codec, f"{rate}{setting}", *pairs)


def _number(value: float | None, record: MetricRecord) -> str:
    if value is None:
        return "-"
    return f"{value:.2f} {record.unit}" if record.unit else f"{value:.4g}"


def _title(row: Measurement) -> str:
    luma = ", luma" if row.color == "luma" else ""
    return f"{dataset_title(row.dataset)}{luma}, {row.image}"


def _subtitle(column: str, wanted: float, shown: Sequence[_Shown], *, exact: bool) -> str:
    asked = f"{wanted:g} bit/px" if column == RATE else f"{column} {wanted:g}"
    if not exact:
        return f"the points nearest to {asked}"
    allowed = {one.row.tolerance for one in shown if one.row.tolerance is not None}
    share = [
        f"{100 * most / wanted:.3g} %" if column == RATE else f"{most:.3g}" for most in allowed
    ]
    return f"coded anew for {asked}, within {' or '.join(sorted(share))}"


def _far(rows: Sequence[Measurement], wanted: float) -> Iterator[str]:
    """What is said of rows whose rate is not what was asked for."""
    for row in rows:
        if row.bpp and abs(math.log(row.bpp / wanted)) > FAR:
            away = 100 * (row.bpp / wanted - 1)
            yield f"{row.label}: its nearest point has {row.bpp:.4f} bit/px, {away:+.0f} %"
