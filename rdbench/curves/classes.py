"""Deltas over classes of images: those that share a tag."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

from rdbench.curves.comparison import Comparison, Settings
from rdbench.curves.curve import Curve
from rdbench.curves.pairs import compare_pairs
from rdbench.errors import UsageError
from rdbench.images.tags import UNTAGGED, Tags, not_there, read_tags, tagged

Pairs = Sequence[tuple[Curve | None, Curve]]


def with_tags(curves: Sequence[Curve], path: str | Path | None) -> list[Curve]:
    """The curves with the tags of a file instead of their own, or else with all tags that the
    curves of their dataset have. Warns (:class:`UserWarning`) of images that the file names and no
    curve has. Raises :class:`UsageError` for an invalid file
    (:func:`rdbench.images.tags.read_tags`), and if there are no tags."""
    images = {
        dataset: dict.fromkeys(
            image
            for curve in curves
            if curve.dataset == dataset
            for image in (*curve.images, *curve.left_out)
        )
        for dataset in {curve.dataset: None for curve in curves}
    }
    tags: dict[str, Tags] = {}
    if path is None:
        for curve in curves:
            own = tags.get(curve.dataset, {})
            both = {name: {*own.get(name, ()), *more} for name, more in curve.tags.items()}
            tags[curve.dataset] = {
                **own,
                **{name: tuple(sorted(found)) for name, found in both.items()},
            }
    else:
        given, where = read_tags(Path(path)), f"tags {str(path)!r}"
        lacking = [set(given)]
        for dataset, names in images.items():
            tags[dataset], unknown = tagged(names, given, where)
            lacking.append(set(unknown))
        missing = set.intersection(*lacking)
        if said := not_there([name for name in given if name in missing], where):
            warnings.warn(said, stacklevel=3)
    if not any(tags.values()):
        raise UsageError(
            "no image has a tag: put tags.csv (columns image,tags) beside the images and run "
            "again, or name such a file (`tags`)"
        )
    return [dataclasses.replace(curve, tags=tags[curve.dataset]) for curve in curves]


def of_classes(
    pairs: Pairs, settings: Settings, methods: Sequence[str] = (), name: str = ""
) -> list[Comparison]:
    """As :func:`rdbench.curves.compare_pairs`, over the images of each class separately, in
    alphabetical order, with untagged images last. An image of several classes counts in each of
    them. Datasets without tags have no rows."""
    found: list[Comparison] = []
    for dataset in dict.fromkeys(test.dataset for _, test in pairs):
        here = [pair for pair in pairs if pair[1].dataset == dataset]
        for image_class, images in classes([c for pair in here for c in pair if c]).items():
            found += _of_class(here, image_class, images, settings, methods, name)
    return found


def classes(curves: Sequence[Curve]) -> dict[str, set[str]]:
    """The images of each class of one dataset."""
    tags = curves[0].tags
    if not tags:
        return {}
    images = {image for curve in curves for image in (*curve.images, *curve.left_out)}
    found: dict[str, set[str]] = {}
    for image in images:
        for tag in tags.get(image, (UNTAGGED,)):
            found.setdefault(tag, set()).add(image)
    return {name: found[name] for name in sorted(found, key=lambda name: (name == UNTAGGED, name))}


def _of_class(
    pairs: Pairs,
    image_class: str,
    images: Collection[str],
    settings: Settings,
    methods: Sequence[str],
    name: str,
) -> list[Comparison]:
    # One object for each curve, so that what belongs to it is computed once.
    curves = {id(curve): curve for pair in pairs for curve in pair if curve}
    own_of = {key: among(curve, images) for key, curve in curves.items()}
    own = [(own_of[id(anchor)] if anchor else None, own_of[id(test)]) for anchor, test in pairs]
    means = {curve.title for curve in curves.values() if curve.mean_of}
    found = []
    for row in compare_pairs(own, settings, methods, name):
        whole = next((title for title in (row.anchor, row.test) if title in means), "")
        problem = f"{whole} is known only as means over all images" if whole else row.problem
        found.append(dataclasses.replace(row, image_class=image_class, problem=problem))
    return found


def among(curve: Curve, images: Collection[str]) -> Curve:
    """``curve`` over some images; of means, which has no images, nothing is left."""
    kept = [image in images for image in curve.images]
    rows = [place for place, keep in enumerate(kept) if keep]
    return dataclasses.replace(
        curve,
        images=tuple(itertools.compress(curve.images, kept)),
        values={column: table[rows] for column, table in curve.values.items()},
        left_out={name: why for name, why in curve.left_out.items() if name in images},
        mean_of=0,
    )
