"""Which curves are compared, and with which anchor."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rdbench.curves.curve import Curve
from rdbench.curves.joining import load_curves
from rdbench.curves.published import PREFIX, published
from rdbench.errors import UsageError, unknown
from rdbench.toml import read_toml

Labels = Mapping[str, str]
"""What curves, datasets and metrics are called in figures and tables, by what they are called
here. The name of a curve's label is also that of a published one, which then says that
it is published; ``published:LABEL`` names it wholly."""
NO_LABELS: Final[Labels] = MappingProxyType({})


def read_labels(labels: Labels | str | Path | None) -> Labels:
    """Labels as a mapping, or from a TOML file of lines ``"label" = "name"``.

    Raises :class:`rdbench.errors.UsageError` for a file that cannot be read, and for a name that
    is not text or is empty.
    """
    if labels is None or isinstance(labels, Mapping):
        return labels or NO_LABELS
    table = read_toml(Path(labels), "labels")
    for key, name in table.values.items():
        if isinstance(name, dict):
            raise table.error(key, "is a table; a label with a dot in it is written in quotes")
        if not isinstance(name, str) or not name.strip():
            raise table.error(key, f"{name!r} is not a name; write text in quotes")
    return table.values


def named(curve: Curve, labels: Labels) -> Curve:
    """``curve`` with the name that ``labels`` have for it, or for what its rows call it, if any."""
    name = labels.get(curve.label) or labels.get(curve.row_label, "")
    if curve.source == "published":
        name = labels.get(PREFIX + curve.label) or (name and f"{name} (published)")
    return dataclasses.replace(curve, given_name=name) if name else curve


def gather(
    runs: Sequence[str | Path], names: Sequence[str] = (), labels: Labels = NO_LABELS
) -> list[Curve]:
    """The curves of runs (directories or CSV files), and published ones beside them or alone, with
    their names of ``labels``.

    Raises :class:`rdbench.errors.UsageError` where there are none, for a published curve of a
    dataset that the runs are not of, and for two curves of one dataset and title.
    """
    if not runs and not names:
        raise UsageError("there are no curves; name a run, or published ones (`published`)")
    curves = load_curves(runs)
    curves += [published_beside(name, curves) for name in dict.fromkeys(names)]
    curves = [named(curve, labels) for curve in curves]
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


def find_curves(curves: Sequence[Curve], names: Sequence[str], what: str) -> list[Curve]:
    """Those of ``curves`` that ``names`` name, in their order: a label, or that of the rows, a
    codec, which may be of several curves, ``published:LABEL``, or a name that was given.

    Raises :class:`rdbench.errors.UsageError` for a name that none has, with those near it; it is
    called a ``what``.
    """
    found: dict[int, Curve] = {}
    for name in names:
        bare = name.removeprefix(PREFIX)
        chosen = (
            [
                curve
                for curve in curves
                if (curve.source == "published" and curve.label == bare)
                or (bare == name and name in (curve.label, curve.given_name))
            ]
            or [curve for curve in curves if curve.row_label == name]
            or [curve for curve in curves if curve.codec == name]
        )
        if not chosen:
            known = {text for c in curves for text in (c.label, c.codec, c.given_name) if text}
            raise unknown(what, name, known)
        found |= {id(curve): curve for curve in chosen}
    return list(found.values())


def find_anchor(curves: Sequence[Curve], name: str, labels: Labels = NO_LABELS) -> dict[str, Curve]:
    """The anchor of each dataset that has it; a published one that is not among ``curves`` has its
    name of ``labels``.

    ``name`` is ``published:NAME``, or the label or the codec of one curve: of a measured curve
    before that of a published one, its label before that of its rows, and both before its codec.
    Raises
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
        return {found.dataset: found if found in curves else named(found, labels)}
    anchors: dict[str, Curve] = {}
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        here = [curve for curve in curves if curve.dataset == dataset]
        meant = _meant(here, name)
        if len(meant) > 1:
            listed = ", ".join(repr(_name_of(curve)) for curve in meant)
            raise UsageError(
                f"the anchor {name!r} is ambiguous on {dataset!r}; name one of {listed}"
            )
        if meant:
            anchors[dataset] = meant[0]
    if not anchors:
        known = {curve.label for curve in curves} | {curve.codec for curve in curves}
        raise unknown("anchor", name, known, hint=f"or {PREFIX}NAME for a published curve")
    return anchors


def _meant(curves: Sequence[Curve], name: str) -> list[Curve]:
    for attribute in ("label", "row_label", "codec"):
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
