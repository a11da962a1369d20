"""Which curves are compared, and with which anchor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from rdbench.curves.curve import Curve
from rdbench.curves.joining import load_curves
from rdbench.curves.published import PREFIX, published
from rdbench.errors import UsageError, unknown


def gather(runs: Sequence[str | Path], names: Sequence[str] = ()) -> list[Curve]:
    """The curves of runs (directories or CSV files), and published ones beside them or alone.

    Raises :class:`rdbench.errors.UsageError` where there are none, for a published curve of a
    dataset that the runs are not of, and for two curves of one dataset and title.
    """
    if not runs and not names:
        raise UsageError("there are no curves; name a run, or published ones (`published`)")
    curves = load_curves(runs)
    curves += [published_beside(name, curves) for name in dict.fromkeys(names)]
    for one, other in itertools.combinations(curves, 2):
        if (one.dataset, one.title) == (other.dataset, other.title):
            raise UsageError(f"two curves of {one.dataset!r} are called {one.title!r}; rename one")
    return curves


def published_beside(name: str, curves: Sequence[Curve]) -> Curve:
    """The published curve ``name``, of a dataset that some of the measured ``curves`` are of,
    where any are measured. One that is among ``curves`` is that one."""
    found = published(name)
    for curve in curves:
        if curve.source == "published" and _identity(curve) == _identity(found):
            return curve
    datasets = sorted({curve.dataset for curve in curves if curve.source == "measured"})
    if datasets and found.dataset not in datasets:
        raise UsageError(
            f"the published curve {name!r} is of the dataset {found.dataset!r}, the runs are of "
            f"{', '.join(datasets)}"
        )
    return found


def find_anchor(curves: Sequence[Curve], name: str) -> dict[str, Curve]:
    """The anchor of each dataset that has it.

    ``name`` is ``published:NAME``, or the label or the codec of one curve: of a measured curve
    before that of a published one, its label before its codec. Raises
    :class:`rdbench.errors.UsageError` for a name that no dataset has, with those near it, and for
    one that several curves of a dataset have.
    """
    if name.startswith(PREFIX):
        found = published_beside(name.removeprefix(PREFIX), curves)
        if found.dataset not in {curve.dataset for curve in curves}:
            raise UsageError(
                f"the anchor {name!r} is of the dataset {found.dataset!r}, the curves are of "
                f"{', '.join(sorted({curve.dataset for curve in curves}))}"
            )
        return {found.dataset: found}
    anchors: dict[str, Curve] = {}
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        here = [curve for curve in curves if curve.dataset == dataset]
        named = _named(here, name)
        if len(named) > 1:
            labels = ", ".join(repr(_name_of(curve)) for curve in named)
            raise UsageError(
                f"the anchor {name!r} is ambiguous on {dataset!r}; name one of {labels}"
            )
        if named:
            anchors[dataset] = named[0]
    if not anchors:
        known = {curve.label for curve in curves} | {curve.codec for curve in curves}
        raise unknown("anchor", name, known, hint=f"or {PREFIX}NAME for a published curve")
    return anchors


def _named(curves: Sequence[Curve], name: str) -> list[Curve]:
    for attribute in ("label", "codec"):
        for source in ("measured", "published"):
            found = [
                curve
                for curve in curves
                if curve.source == source and getattr(curve, attribute) == name
            ]
            if found:
                return found
    return []


def _name_of(curve: Curve) -> str:
    """What names ``curve`` as an anchor."""
    return PREFIX + curve.label if curve.source == "published" else curve.label


def _identity(curve: Curve) -> tuple[str, str, str, str]:
    return curve.dataset, curve.label, curve.codec, curve.origin
