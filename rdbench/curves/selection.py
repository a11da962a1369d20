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
"""Names for curves, datasets and metrics in figures and tables, by their labels. The name for a
label also applies to a published curve of that label, with a remark that it is published;
``published:LABEL`` sets the whole name."""
NO_LABELS: Final[Labels] = MappingProxyType({})


def read_labels(labels: Labels | str | Path | None) -> Labels:
    """Labels as a mapping, or from a TOML file of lines ``"label" = "name"``.

    Raises :class:`rdbench.errors.UsageError` for a file that cannot be read, and for a name that is
    empty or not text.
    """
    if labels is None or isinstance(labels, Mapping):
        return labels or NO_LABELS
    table = read_toml(Path(labels), "labels")
    for key, name in table.values.items():
        if isinstance(name, dict):
            raise table.error(key, "is a table; write a label that contains a dot in quotes")
        if not isinstance(name, str) or not name.strip():
            raise table.error(key, f"{name!r} is not a name; write it as text in quotes")
    return table.values


def named(curve: Curve, labels: Labels) -> Curve:
    """``curve`` with the name that ``labels`` give its label, or the label of its rows, if any."""
    name = labels.get(curve.label) or labels.get(curve.row_label, "")
    if curve.source == "published":
        name = labels.get(PREFIX + curve.label) or (name and f"{name} (published)")
    return dataclasses.replace(curve, given_name=name) if name else curve


def gather(
    runs: Sequence[str | Path], names: Sequence[str] = (), labels: Labels = NO_LABELS
) -> list[Curve]:
    """The curves of runs (directories or CSV files), and published ones with them or alone, named
    by ``labels``. Raises :class:`rdbench.errors.UsageError` if there are none, for a published
    curve of a dataset that the runs do not have, and for two curves of one dataset and title.
    """
    if not runs and not names:
        raise UsageError("there are no curves; name a run, or published curves (`published`)")
    curves = load_curves(runs)
    curves += [published_beside(name, curves) for name in dict.fromkeys(names)]
    curves = [named(curve, labels) for curve in curves]
    for one, other in itertools.combinations(curves, 2):
        if (one.dataset, one.title) == (other.dataset, other.title):
            raise UsageError(f"two curves of {one.dataset!r} are called {one.title!r}; rename one")
    return curves


def published_beside(name: str, curves: Sequence[Curve]) -> Curve:
    """The published curve ``name``, whose dataset must be one of the measured ``curves``, if there
    are any. A curve that is already among ``curves`` is returned itself."""
    found = published(name)
    for curve in curves:
        if curve.source == "published" and _identity(curve) == _identity(found):
            return curve
    datasets = sorted({curve.dataset for curve in curves if curve.source == "measured"})
    if datasets and found.dataset not in datasets:
        raise UsageError(
            f"the published curve {name!r} has the dataset {found.dataset!r}, but the runs have "
            f"{', '.join(datasets)}"
        )
    return found


def find_curves(curves: Sequence[Curve], names: Sequence[str], what: str) -> list[Curve]:
    """The ``curves`` that ``names`` name, in that order: by label, by the label of the rows, by
    codec (possibly several curves), as ``published:LABEL``, or by a given name. Raises
    :class:`rdbench.errors.UsageError` for an unknown name, with similar ones; the message calls it
    a ``what``.
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
    """The anchor of each dataset that has it. A published one that is not among ``curves`` is named
    by ``labels``. ``name`` is ``published:NAME``, or the label or the codec of one curve. Measured
    curves take precedence over published ones, and the label over that of the rows and over the
    codec. Raises :class:`rdbench.errors.UsageError` for a name that no dataset has, with similar
    ones, and for a name that several curves of a dataset share.
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
