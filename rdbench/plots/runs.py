"""``plot_rd``: from runs and published curves to the files of figures."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from rdbench import places
from rdbench.bd import Range
from rdbench.curves import (
    NO_LABELS,
    PREFIX,
    Comparison,
    Curve,
    Labels,
    Settings,
    averaging_of,
    check_ranges,
    compare_pairs,
    dataset_title,
    find_anchor,
    find_curves,
    gather,
    read_labels,
    resolve_all,
)
from rdbench.errors import UsageError, unknown
from rdbench.metrics import MetricRecord
from rdbench.plots.draw import FORMATS, all_notes, draw_into, save, write_notes
from rdbench.plots.efforts import EffortsPlot, efforts_plot
from rdbench.plots.figures import Look, Plot, rate_distortion, rate_saving, scene
from rdbench.plots.forest import Forest, forest
from rdbench.plots.images import ImagesPlot, images_plot
from rdbench.plots.tradeoff import Tradeoff, tradeoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_IN = 100.0
"""Of a side of a figure, in inches."""

Drawing: TypeAlias = Plot | Forest | ImagesPlot | Tradeoff | EffortsPlot


@overload
def plot_rd(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    metrics: str | Sequence[str] = ...,
    published: str | Sequence[str] = ...,
    anchor: str | None = ...,
    averaging: str = ...,
    rates: Range | None = ...,
    qualities: Range | None = ...,
    out: str | Path | None = ...,
    formats: str | Sequence[str] = ...,
    x_limits: tuple[float, float] | None = ...,
    y_limits: tuple[float, float] | None = ...,
    log_rate: bool = ...,
    title: str | None = ...,
    size: tuple[float, float] | None = ...,
    labels: Labels | str | Path | None = ...,
    order: str | Sequence[str] = ...,
    highlight: str | Sequence[str] = ...,
    notes: bool = ...,
    ax: None = None,
) -> list[Path]: ...


@overload
def plot_rd(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    metrics: str | Sequence[str] = ...,
    published: str | Sequence[str] = ...,
    averaging: str = ...,
    x_limits: tuple[float, float] | None = ...,
    y_limits: tuple[float, float] | None = ...,
    log_rate: bool = ...,
    title: str | None = ...,
    labels: Labels | str | Path | None = ...,
    order: str | Sequence[str] = ...,
    highlight: str | Sequence[str] = ...,
    ax: Axes,
) -> Axes: ...


def plot_rd(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    metrics: str | Sequence[str] = ("psnr_db", "ms_ssim_db"),
    published: str | Sequence[str] = (),
    anchor: str | None = None,
    averaging: str = "mean",
    rates: Range | None = None,
    qualities: Range | None = None,
    out: str | Path | None = None,
    formats: str | Sequence[str] = ("png",),
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    log_rate: bool = False,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    labels: Labels | str | Path | None = None,
    order: str | Sequence[str] = (),
    highlight: str | Sequence[str] = (),
    notes: bool = True,
    ax: Axes | None = None,
) -> list[Path] | Axes:
    """Draw quality over rate, one figure for each dataset and metric; ``rdbench plot``.

    Warns (:class:`UserWarning`) of anything that cannot be drawn.

    Args:
        runs: run directories or CSV files.
        metrics: as :func:`rdbench.bd_table`. A metric that no curve of the runs has gets no figure.
        published: names of published curves, with the runs or alone.
        anchor: a label, a codec, or ``published:NAME``; with it four more figures show the rate
            saved over quality, the BD-rates with their intervals, those of single images, and the
            BD-rates over times and memory; if a codec was measured at several efforts, a fifth
            shows the BD-rates at equal encoding time.
        averaging: as :func:`rdbench.bd_table`.
        rates: the range in which curves are compared with ``anchor``, as :func:`rdbench.bd_table`.
        qualities: the same.
        out: the folder of the figures; ``plots`` in the folder of a single run by default.
        formats: of ``"png"``, ``"pdf"`` and ``"svg"``.
        x_limits: range of the rate in bit/px in the rate-distortion figures.
        y_limits: range of the quality in them, for a single metric.
        log_rate: whether their rate axis is logarithmic.
        title: title of the figures instead of the dataset; ``""`` for none, in which case the
            subtitle becomes the first note.
        size: width and height of the figures in inches; by default as needed.
        labels: names for curves and datasets, as a mapping or a TOML file (``"label" = "name"``;
            ``"published:LABEL"`` for a published curve).
        order: curves to put first in legends and rows, in this order: labels, codecs or
            ``published:NAME``. By default, a legend follows the order of the lines in the figure.
        highlight: curves that are drawn with a wider line and a bold name.
        notes: whether the notes go below the figures, or into a text file beside each.
        ax: the axes to draw one rate-distortion figure into, in their own style; nothing is
            written, and the notes become warnings.

    Returns:
        The paths of the files; ``ax`` if it is given.

    Raises:
        UsageError: for unknown names, if nothing can be drawn, and if ``size`` is too small for the
            texts.
    """
    kinds = [str(kind) for kind in _listed(formats)]
    for kind in kinds or [""]:
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS)
    if size and not all(0 < side <= LARGEST_IN for side in size):
        raise UsageError(f"a size of {size[0]:g},{size[1]:g} inches: give 1 to {LARGEST_IN:g} each")
    paths = _listed(runs)
    if ax is None and out is None and (len(paths) != 1 or not Path(paths[0]).is_dir()):
        raise UsageError("name the folder of the figures with `out`")
    if ax is not None and (anchor or out is not None or size or not notes):
        raise UsageError(
            "`ax` takes one rate-distortion figure as it is: leave out `anchor`, `out`, `size` "
            "and `notes`"
        )
    named = read_labels(labels)
    curves, anchors = _cast(paths, [str(name) for name in _listed(published)], anchor, named)
    records = resolve_all(metrics, curves)
    if y_limits and len(records) > 1:
        raise UsageError(
            "a range of the quality (`y_limits`) needs a single metric; name it (`metrics`)"
        )
    check_ranges(rates, qualities, records)
    if (rates or qualities) and anchor is None:
        raise UsageError(
            "`rates` and `qualities` limit the comparison with an anchor: name `anchor`"
        )
    compared = Settings(rates=rates, qualities=qualities)
    look = Look(
        size=size,
        order=_titles(curves, order, "curve to order"),
        highlighted=frozenset(_titles(curves, highlight, "curve to highlight")),
        notes=notes,
    )
    limits = {"log_rate": log_rate, "x_limits": x_limits, "y_limits": y_limits}
    figures = [
        _dressed(figure, named.get(dataset, dataset), dataset, title, look)
        for stem, dataset, shown in panels(curves)
        for record in records
        for figure in _figures(
            shown, stem, dataset, record, averaging, anchors.get(dataset), compared, limits
        )
    ]
    if not figures:
        names = " or ".join(record.name for record in records)
        raise UsageError(f"nothing to draw: no curve has {names}")
    if ax is not None:
        return _into(ax, figures)
    folder = places.named(out) if out is not None else Path(paths[0]) / "plots"
    drawn: list[Path] = []
    for figure in figures:
        try:
            drawn += save(figure, folder, kinds)
        except UsageError as error:  # its size; the others may have room
            warnings.warn(f"{figure.name}: {error}", stacklevel=2)
            continue
        if not notes:
            drawn.append(write_notes(figure, folder))
    if not drawn:
        raise UsageError("no figure fits into the requested `size`")
    return drawn


def _figures(
    curves: Sequence[Curve],
    stem: str,
    dataset: str,
    record: MetricRecord,
    averaging: str,
    anchor: Curve | None,
    compared: Settings,
    limits: dict[str, Any],
) -> Iterator[Drawing]:
    """The figures of one dataset and metric; ``stem`` is what their files begin with."""
    averaging = averaging_of(record, averaging)
    settings = dataclasses.replace(compared, metric=record, averaging=averaging)
    view = scene(curves, dataset, record, averaging)
    if view is None:
        warnings.warn(f"no curve of {dataset!r} has {record.name}", stacklevel=4)
        return
    view = dataclasses.replace(view, stem=stem)
    yield rate_distortion(view, **limits)
    if anchor is not None and anchor in curves:
        if anchor in view.curves:
            yield rate_saving(view, anchor, settings)
        rows = _against(anchor, curves, settings)
        yield from filter(
            None, (forest(rows), images_plot(rows), tradeoff(rows), efforts_plot(rows))
        )


def _dressed(figure: Drawing, name: str, dataset: str, title: str | None, look: Look) -> Drawing:
    """``figure`` with the title and the look that are wanted; ``name`` is that of the dataset."""
    if title is None:
        shown = dataset_title(dataset)
        title = (shown if name == dataset else name) + figure.title.removeprefix(shown)
    notes = figure.notes if title else (figure.subtitle, *figure.notes)
    subtitle = figure.subtitle if title else ""
    return dataclasses.replace(figure, title=title, subtitle=subtitle, notes=notes, look=look)


def _into(axes: Axes, figures: Sequence[Drawing]) -> Axes:
    if len(figures) > 1:
        listed = ", ".join(figure.name for figure in figures)
        raise UsageError(f"`ax` takes one figure, and here are {listed}: name one metric, one run")
    (plot,) = figures
    assert isinstance(plot, Plot)
    for note in all_notes(plot):
        warnings.warn(note, stacklevel=3)
    draw_into(axes, plot)
    return axes


def _titles(curves: Sequence[Curve], names: str | Sequence[str], what: str) -> tuple[str, ...]:
    found = find_curves(curves, [str(name) for name in _listed(names)], what)
    return tuple(dict.fromkeys(curve.title for curve in found))


def _cast(
    runs: Sequence[str | Path],
    names: Sequence[str],
    anchor: str | None,
    labels: Labels = NO_LABELS,
) -> tuple[list[Curve], dict[str, Curve]]:
    """The curves to draw, and the anchor of each dataset; a published anchor is drawn as well."""
    if anchor and anchor.startswith(PREFIX):
        names = [*names, anchor.removeprefix(PREFIX)]
    curves = gather(runs, names, labels)
    return curves, find_anchor(curves, anchor) if anchor else {}


def panels(curves: Sequence[Curve]) -> Iterator[tuple[str, str, list[Curve]]]:
    """What figures of their own show: each dataset, and of one of which luma was measured and RGB
    as well each of them, with published curves beside. The stem of their files, the dataset and
    the curves."""
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        here = [curve for curve in curves if curve.dataset == dataset]
        measured = [curve for curve in here if curve.source == "measured"]
        # A curve without an ok row does not tell its color.
        told = [curve.color for curve in measured or here if curve.color]
        colors = dict.fromkeys(told or [""])
        for color in colors:
            shown = [c for c in here if c.color in (color, "") or (measured and c not in measured)]
            yield f"{dataset}-{color}" if len(colors) > 1 else dataset, dataset, shown


def _against(anchor: Curve, curves: Sequence[Curve], settings: Settings) -> list[Comparison]:
    tests = [c for c in curves if c.dataset == anchor.dataset and c is not anchor]
    return compare_pairs([(anchor, test) for test in tests], settings)


def _listed(value: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [value] if isinstance(value, str | Path) else list(value)
