"""``plot_rd``: from runs and published curves to the files of figures."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from rdbench.curves import (
    PREFIX,
    Comparison,
    Curve,
    Settings,
    compare_pairs,
    find_anchor,
    gather,
    published_beside,
    resolve_all,
)
from rdbench.errors import UsageError, unknown
from rdbench.plots.draw import FORMATS, Figured, save
from rdbench.plots.figures import rate_distortion, rate_saving, scene
from rdbench.plots.forest import forest
from rdbench.plots.tradeoff import tradeoff


def plot_rd(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    metrics: str | Sequence[str] = ("psnr_db", "ms_ssim_db"),
    published: str | Sequence[str] = (),
    anchor: str | None = None,
    averaging: str = "mean",
    out: str | Path | None = None,
    formats: str | Sequence[str] = ("png",),
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    log_rate: bool = False,
) -> list[Path]:
    """Draw quality over rate, one figure for each dataset and metric; ``rdbench plot``.

    Warns (:class:`UserWarning`) of what cannot be drawn.

    Args:
        runs: run directories or CSV files.
        metrics: as :func:`rdbench.bd_table`.
        published: names of published curves, beside the runs or alone.
        anchor: a label, a codec, or ``published:NAME``; with it three more figures show the rate
            saved over quality, the BD-rates with their intervals, and the BD-rates over times and
            memory.
        averaging: as :func:`rdbench.bd_table`.
        out: the folder of the figures; ``plots`` in the folder of a single run by default.
        formats: of ``"png"``, ``"pdf"`` and ``"svg"``.
        x_limits: range of the rate in bit/px in the rate-distortion figures.
        y_limits: range of the quality in them, for a single metric.
        log_rate: whether their rate axis is logarithmic.

    Returns:
        The paths of the files.

    Raises:
        UsageError: for unknown names, and where nothing can be drawn.
    """
    for kind in _listed(formats):
        if kind not in FORMATS:
            raise unknown("format", str(kind), FORMATS)
    paths = _listed(runs)
    if out is None and (len(paths) != 1 or not Path(paths[0]).is_dir()):
        raise UsageError("name the folder of the figures with `out`")
    folder = Path(out) if out is not None else Path(paths[0]) / "plots"
    curves, anchors = _cast(paths, [str(name) for name in _listed(published)], anchor)
    records = resolve_all(metrics, curves)
    if y_limits and len(records) > 1:
        raise UsageError(
            "a range of the quality (`y_limits`) is for one metric; name it (`metrics`)"
        )
    drawn = []
    for stem, dataset, shown in _panels(curves):
        for record in records:
            view = scene(shown, dataset, record, averaging)
            if view is None:
                warnings.warn(f"no curve of {dataset!r} has {record.name}", stacklevel=2)
                continue
            view = dataclasses.replace(view, stem=stem)
            figures: list[Figured] = [
                rate_distortion(view, log_rate=log_rate, x_limits=x_limits, y_limits=y_limits)
            ]
            reference = anchors.get(dataset)
            if reference and (reference in shown or len(shown) == len(curves)):
                if reference in view.curves:
                    figures.append(rate_saving(view, reference))
                rows = _against(reference, shown, Settings(record, averaging))
                figures += [figure for figure in (forest(rows), tradeoff(rows)) if figure]
            for figure in figures:
                drawn += save(figure, folder, [str(kind) for kind in _listed(formats)])
    if not drawn:
        names = " or ".join(record.name for record in records)
        raise UsageError(f"nothing to draw: no curve has {names}")
    return drawn


def _cast(
    runs: Sequence[str | Path], names: Sequence[str], anchor: str | None
) -> tuple[list[Curve], dict[str, Curve]]:
    """The curves to draw, and the anchor of each dataset; a published anchor is drawn as well."""
    curves = gather(runs, names)
    if anchor and anchor.startswith(PREFIX):
        reference = published_beside(anchor.removeprefix(PREFIX), curves)
        if reference not in curves:
            curves.append(reference)
    return curves, find_anchor(curves, anchor) if anchor else {}


def _panels(curves: Sequence[Curve]) -> Iterator[tuple[str, str, list[Curve]]]:
    """What figures of their own show: each dataset, and of one of which luma was measured and RGB
    as well each of them, with published curves beside. The stem of their files, the dataset and
    the curves."""
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        here = [curve for curve in curves if curve.dataset == dataset]
        measured = [curve for curve in here if curve.source == "measured"]
        colors = dict.fromkeys(curve.color for curve in measured or here)
        for color in colors:
            shown = [c for c in here if c.color == color or (measured and c not in measured)]
            yield f"{dataset}-{color}" if len(colors) > 1 else dataset, dataset, shown


def _against(anchor: Curve, curves: Sequence[Curve], settings: Settings) -> list[Comparison]:
    tests = [c for c in curves if c.dataset == anchor.dataset and c is not anchor]
    return compare_pairs([(anchor, test) for test in tests], settings)


def _listed(value: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [value] if isinstance(value, str | Path) else list(value)
