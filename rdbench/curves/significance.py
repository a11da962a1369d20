"""Which curves of a table are told apart, given how many there are. Among 12 equal codecs, which
are 66 pairs, some differ by more than 95 % of chance draws would. So p-values are adjusted for all
pairs of one dataset, metric, kind of delta and interpolation (Holm 1979), and separately for all
pairs and classes of images.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable, Sequence

from rdbench.bd import Estimate, holm
from rdbench.curves.comparison import Comparison, Significance


def told_apart(rows: Sequence[Comparison]) -> list[Comparison]:
    """``rows`` with the tests of each pair on its images, and of the means of images. The two
    directions of a pair are one test."""
    families: dict[tuple[Hashable, ...], list[Comparison]] = {}
    for row in rows:
        of_class = bool(row.image_class)
        key = row.dataset, row.settings.metric.name, row.kind, row.settings.method, of_class
        families.setdefault(key, []).append(row)
    known: dict[int, Comparison] = {}
    for family in families.values():
        pairs = [(frozenset((row.anchor, row.test)), row.image_class) for row in family]
        of_curves = _tested(pairs, [row.estimate for row in family])
        of_images = _tested(
            pairs, [row.per_image.estimate if row.per_image else None for row in family]
        )
        for row, curves, images in zip(family, of_curves, of_images, strict=True):
            single = row.per_image
            if single:
                single = dataclasses.replace(single, significance=images)
            known[id(row)] = dataclasses.replace(row, significance=curves, per_image=single)
    return [known[id(row)] for row in rows]


def _tested(
    pairs: Iterable[Hashable], estimates: Sequence[Estimate | None]
) -> list[Significance | None]:
    tested = list(zip(pairs, estimates, strict=True))
    values = {pair: estimate.p_value() for pair, estimate in tested if estimate}
    values = {pair: value for pair, value in values.items() if not math.isnan(value)}
    adjusted = dict(zip(values, holm(list(values.values())), strict=True))
    return [
        Significance(values[pair], adjusted[pair], len(values)) if pair in values else None
        for pair, _ in tested
    ]
