"""Comparisons image by image, as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from rdbench.curves.bd_tables import delta_name, groups, how, value_cell
from rdbench.curves.comparison import EXTREMES, PERCENTILES, Comparison
from rdbench.curves.notes import AT_POINT, extremes_text, listed, mark, notes
from rdbench.tables import Table


def image_tables(comparisons: Iterable[Comparison]) -> list[Table]:
    """One table per dataset, metric, anchor and interpolation: for each curve a row per image with
    the deltas of that image, the worst BD-rate first and images without one last; then percentiles
    over images, their mean, the mean without the images farthest from the median, and the delta of
    the mean curves. Comparisons without single images have no table."""
    found = []
    for rows in groups(
        comparisons,
        lambda row: (row.dataset, row.settings.metric.name, row.anchor, row.settings.method),
    ):
        with_images = [row for row in rows if row.images]
        if with_images:
            found.append(_image_table(with_images))
    return found


def _image_table(rows: Sequence[Comparison]) -> Table:
    first = rows[0]
    pairs = groups(rows, lambda row: (row.test,))
    names = [delta_name(row) for row in pairs[0]]
    header = ["curve", "image", *(cell for name in names for cell in (name, "overlap"))]
    body = [cells for pair in pairs for cells in _curve_rows(pair)]
    title = (
        f"{first.place}, {first.settings.metric.axis}, image by image against {first.anchor}, the "
        f"worst {names[0].partition(' ')[0]} first ({how(rows)})"
    )
    return Table(title, tuple(header), tuple(map(tuple, body)), tuple(_image_notes(rows)))


def _curve_rows(pair: Sequence[Comparison]) -> Iterator[list[str]]:
    """The rows of one curve, whose deltas are those of ``pair``."""
    test = pair[0].test
    for place in _worst_first(pair[0]):
        cells = [test, pair[0].images[place]]
        for row in pair:
            assert row.per_image
            overlap = f"{row.per_image.overlaps[place]:.0f} %"
            point = AT_POINT if row.at_point else ""
            cells += [value_cell(row.per_image.values[place], None, row, point), overlap]
        yield cells
        test = ""
    singles = [(row, row.per_image) for row in pair if row.per_image]
    if any(math.isfinite(single.percentiles[0]) for _, single in singles):
        for rank, percent in enumerate(PERCENTILES):
            cells = ["", "median" if percent == 50 else f"p{percent}"]
            for row, single in singles:
                cells += [value_cell(single.percentiles[rank], None, row), ""]
            yield cells
    cells = ["", "mean of images"]
    for row, single in singles:
        cells += [value_cell(single.mean, single.interval, row), ""]
    yield cells
    if any(single.extremes for _, single in singles):
        cells = ["", f"mean without {EXTREMES}"]
        for row, single in singles:
            cells += [value_cell(single.mean_without_extremes, None, row), ""]
        yield cells
    if pair[0].settings.convention:
        return
    cells = ["", "mean curves"]
    for row in pair:
        cells += [value_cell(row.value, row.interval, row, mark(row)), f"{row.overlap:.0f} %"]
    yield cells


def _worst_first(row: Comparison) -> list[int]:
    """The places of the images of ``row`` by falling rate, or rising gain; those without a delta
    last."""
    assert row.per_image
    values = row.per_image.values
    falls = row.kind == "rate" or not row.settings.metric.higher_is_better
    sign = -1 if falls else 1
    return sorted(
        range(len(values)),
        key=lambda place: sign * values[place] if math.isfinite(values[place]) else math.inf,
    )


def _image_notes(rows: Sequence[Comparison]) -> list[str]:
    """Why images have no delta of their own, each reason once, and whom means owe much to."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        assert row.per_image
        for image, value in zip(row.images, row.per_image.values, strict=True):
            if not math.isfinite(value):
                text = f"{row.test}, BD-{row.kind}: {row.image_reason(image)}"
                reasons.setdefault(text, []).append(image)
    own = [f"{text} ({listed(images)})" for text, images in reasons.items()]
    extremes = [text for row in rows if (text := extremes_text(row))]
    said = [note for note in notes(rows) if "of their own" not in note and note not in extremes]
    return [*own, *extremes, *said]
