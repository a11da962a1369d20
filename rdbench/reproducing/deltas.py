"""BD-rates of single images, computed from published points, beside the values in a paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rdbench.curves import Settings, compare
from rdbench.reproducing.cast import Cast
from rdbench.reproducing.recipe import PaperDelta, PaperDeltas, Recipe
from rdbench.tables import Table, number_cell, sheet

ALL = "all"
"""The class of all images. The other classes are the folders in their names, as in
``F1/animals_00``."""


@dataclass(frozen=True)
class ImageDelta:
    """The BD-rate of one image in percent: the paper's and that of the points."""

    said: PaperDelta
    dataset: str
    value: float
    reason: str = ""
    """Why there is no value; empty if there is one."""

    @property
    def difference(self) -> float:
        return self.value - self.said.paper

    @property
    def classes(self) -> tuple[str, ...]:
        folder, slash, _ = self.said.image.partition("/")
        return (ALL, folder) if slash else (ALL,)


def compute(recipe: Recipe, cast: Cast) -> Iterator[ImageDelta]:
    """The BD-rate of each image for which ``recipe`` gives one, if the points of both curves were
    published."""
    for dataset in recipe.datasets:
        known: dict[tuple[str, str, str], dict[str, tuple[float, str]]] = {}
        for said in recipe.deltas.rows:
            pair = said.test, said.anchor, said.metric.name
            if pair not in known:
                known[pair] = _of_images(recipe.deltas, said, dataset, cast)
            if found := known[pair]:
                yield ImageDelta(
                    said, dataset, *found.get(said.image, (math.nan, "no such image in common"))
                )


def _of_images(
    deltas: PaperDeltas, said: PaperDelta, dataset: str, cast: Cast
) -> dict[str, tuple[float, str]]:
    """BD-rates by image, each with the reason if there is no value, else with an empty text."""
    names = (said.anchor, said.test)
    anchor, test = (cast.player(dataset, name, published=True) for name in names)
    if anchor is None or test is None:
        return {}
    settings = Settings(said.metric, interval="none", convention=deltas.convention)
    row = compare(anchor, test, settings)[0]
    if row.per_image is None:
        return {said.image: (math.nan, row.reason)}
    return {
        image: (value, "" if math.isfinite(value) else row.image_reason(image))
        for image, value in zip(row.images, row.per_image.values, strict=True)
    }


def tables(found: Sequence[ImageDelta], note: str = "") -> list[Table]:
    """The paper's BD-rates and those of the points: means over images with the image of the largest
    difference, and means by class if there are several classes."""
    classes = list(dict.fromkeys(name for one in found for name in one.classes))
    groups = _grouped(found, lambda one: (one.said.test, one.said.metric.quantity))
    header = ("curve", "metric", "images", "the paper", "here", "largest difference", "of image")
    whole = [(*key, *_means(group), *_largest(group)) for key, group in groups.items()]
    notes = [
        f"BD-rates in percent against {', '.join(dict.fromkeys(one.said.anchor for one in found))}"
    ]
    notes += [note] if note else []
    notes += [
        f"{o.said.test}, {o.said.metric.label}, {o.said.image}: {o.reason}"
        for o in found
        if o.reason
    ]
    result = [Table("", header, tuple(whole), tuple(notes))]
    if len(classes) > 2:
        rows = []
        for key, group in groups.items():
            cells: list[str] = []
            for name in classes[1:]:
                cells += _means([one for one in group if name in one.classes])[1:]
            rows.append((*key, *cells))
        titles = [cell for name in classes[1:] for cell in (f"{name}, the paper", f"{name}, here")]
        result.append(Table("", ("curve", "metric", *titles), tuple(rows), ()))
    return result


def csv_text(found: Sequence[ImageDelta]) -> str:
    """All BD-rates as CSV, one row for each image."""
    columns = ("dataset", "test", "anchor", "metric", "image", "paper", "here", "difference")
    return sheet(
        [
            (*columns, "reason"),
            *(
                (
                    one.dataset,
                    *(one.said.test, one.said.anchor, one.said.metric.name, one.said.image),
                    *(number_cell(n) for n in (one.said.paper, one.value, one.difference)),
                    one.reason,
                )
                for one in found
            ),
        ]
    )


def _grouped(
    found: Sequence[ImageDelta], key: Callable[[ImageDelta], tuple[str, str]]
) -> dict[tuple[str, str], list[ImageDelta]]:
    groups: dict[tuple[str, str], list[ImageDelta]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return groups


def _means(group: Sequence[ImageDelta]) -> tuple[str, str, str]:
    """How many images have a value, and the means over them."""
    both = [(one.said.paper, one.value) for one in group if not one.reason]
    means = (f"{math.fsum(side) / len(both):+z.3f}" for side in zip(*both, strict=True))
    paper, here = means if both else ("-", "-")
    return str(len(both)), paper, here


def _largest(group: Sequence[ImageDelta]) -> tuple[str, str]:
    both = [one for one in group if not one.reason]
    if not both:
        return "-", "-"
    most = max(both, key=lambda one: abs(one.difference))
    return f"{abs(most.difference):.4f}", most.said.image
