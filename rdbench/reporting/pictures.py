"""The pictures of a report's viewer: files beside the page, loaded when they are looked at."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.errors import RdbenchError, UsageError, unknown
from rdbench.metrics import MetricRecord
from rdbench.metrics.maps import error_maps
from rdbench.plots.pictures import in_colors, widest_error
from rdbench.results import measurements_path, read_rows
from rdbench.runner import Executor
from rdbench.runner.kept import read_png, slug, write_image
from rdbench.runner.pictures import Picture, original_of, pictures
from rdbench.schema import OK, Measurement, point_text

if TYPE_CHECKING:
    from rdbench.sample_format import Image

ALL: Final = "all"
BLOCK: Final = 16
"""Side in pixels of the blocks whose errors the page knows: it finds where codecs differ."""
_STEPS: Final = 50.0
"""Of an error's byte, to a factor of 10 of 1 + its mean squared error."""

Progress = Callable[[int, int], None]


def add_pictures(
    panels: Sequence[dict[str, Any]],
    runs: Sequence[str | Path],
    wanted: Sequence[str],
    folder: Path,
    *,
    maps: Sequence[MetricRecord] = (),
    executor: Executor,
    progress: Progress,
) -> list[str]:
    """Write originals and decoded images of the ``wanted`` images (or :data:`ALL`) into ``folder``,
    with error ``maps`` of these, and say in ``panels`` where they are, as seen from beside it. What
    cannot be had is returned, a line for each.

    The maps of one image by one metric are in colors of one scale, whose bright end is told as
    ``tops`` of the image.

    Raises :class:`UsageError` for an unknown image, and a run that is a CSV file.
    """
    known = {image for panel in panels for image in panel["images"]}
    for name in wanted:
        if name not in {*known, ALL}:
            raise unknown("image", name, known)
    chosen = known if ALL in wanted else {*wanted}
    said: dict[str, None] = {}
    for run in map(Path, runs):
        written: dict[tuple[str, str], list[tuple[Picture, int]]] = {}
        if run.is_file():
            raise UsageError(f"{str(run)!r} is a CSV file: pictures are of run directories")
        rows = [row for row in read_rows(run) if row.status == OK and not row.repeat]
        places = {row.key: _place(panels, row) for row in rows if row.image in chosen}
        rows = [row for row in rows if places.get(row.key)]
        originals = _originals(run, rows, folder, places)
        for picture in pictures(
            measurements_path(run).parent,
            rows,
            lambda row: folder / _file(row),
            executor=executor,
            progress=progress,
        ):
            row = picture.row
            if picture.reason:
                said[f"{row.label}, {row.image}: {picture.reason}"] = None
                continue
            place = places[row.key]
            assert place
            panel, curve = place
            written.setdefault((panel["id"], row.image), []).append((picture, curve))
            errors = _errors(originals[row.dataset, row.image], read_png(picture.path, None))
            own = panel["pictures"][row.image]["decoded"].setdefault(str(curve), {})
            own[point_text(row.point)] = [f"{folder.name}/{_file(row)}", errors]
        for (identity, image), found in written.items():
            (panel,) = (panel for panel in panels if panel["id"] == identity)
            shown = panel["pictures"][image]
            original = originals[found[0][0].row.dataset, image]
            for record in maps:
                try:
                    _add_maps(record, shown, original, found, folder)
                except RdbenchError as error:
                    said[f"{image}: {error}"] = None
    return list(said)


def _add_maps(
    record: MetricRecord,
    shown: dict[str, Any],
    original: Image,
    found: Sequence[tuple[Picture, int]],
    folder: Path,
) -> None:
    """Write the error maps of the decoded versions of one image by one metric."""
    decoded = [read_png(picture.path, None) for picture, _ in found]
    errors = error_maps(record, original, decoded)
    top = widest_error(errors)
    shown.setdefault("tops", {})[record.name] = float(f"{top:.3g}")
    for (picture, curve), own in zip(found, errors, strict=True):
        name = f"{slug(record.name)}/{_file(picture.row)}"
        write_image(folder / "maps" / name, in_colors(own, top))
        file, blocks, *others = shown["decoded"][str(curve)][point_text(picture.row.point)]
        there = {**(others[0] if others else {}), record.name: f"{folder.name}/maps/{name}"}
        shown["decoded"][str(curve)][point_text(picture.row.point)] = [file, blocks, there]


def _place(panels: Iterable[dict[str, Any]], row: Measurement) -> tuple[dict[str, Any], int] | None:
    """The panel and the number of the curve of a row; None where no single curve is its own."""
    found = [
        (panel, number)
        for panel in panels
        for number, curve in enumerate(panel["curves"])
        if row.image in curve["images"]
        and (curve["dataset"], curve["codec"], curve["options"])
        == (row.dataset, row.codec, row.options)
        and not curve["published"]
    ]
    return found[0] if len(found) == 1 else None


def _originals(
    run: Path,
    rows: Sequence[Measurement],
    folder: Path,
    places: Mapping[Any, tuple[dict[str, Any], int] | None],
) -> dict[tuple[str, str], Image]:
    """The originals of ``rows``, written and told in their panels."""
    found: dict[tuple[str, str], Image] = {}
    for row in rows:
        key = row.dataset, row.image
        if key in found:
            continue
        found[key] = original_of(run, row).load()
        path = f"original/{slug(f'{row.dataset}-{row.image}')}.webp"
        write_image(folder / path, found[key])
        place = places[row.key]
        assert place
        height, width, _ = found[key].shape
        shown = {"original": f"{folder.name}/{path}", "size": [width, height], "decoded": {}}
        place[0].setdefault("pictures", {}).setdefault(row.image, shown)
    return found


def _file(row: Measurement) -> str:
    image = slug(f"{row.dataset}-{row.image}")
    return f"{slug(row.label or row.codec)}/{slug(point_text(row.point))}/{image}.webp"


def _errors(original: Image, decoded: Image) -> str:
    """The mean squared error of each block of 16×16 px, row by row, as bytes in base64:
    50·log10(1 + error)."""
    squares = np.square(np.subtract(original, decoded, dtype=np.float32)).mean(axis=2)
    rows = np.arange(0, squares.shape[0], BLOCK)
    columns = np.arange(0, squares.shape[1], BLOCK)
    sums = np.add.reduceat(np.add.reduceat(squares, rows, axis=0), columns, axis=1)
    counts = np.outer(np.diff([*rows, squares.shape[0]]), np.diff([*columns, squares.shape[1]]))
    levels = np.round(_STEPS * np.log10(1 + sums / counts))
    return base64.b64encode(levels.astype(np.uint8).tobytes()).decode()
