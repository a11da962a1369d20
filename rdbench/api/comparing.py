"""``compare``: one image as several codecs decode it, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rdbench.errors import unknown
from rdbench.galleries import gallery
from rdbench.places import named
from rdbench.plots.draw import FORMATS, save
from rdbench.plots.pictures import Crop
from rdbench.results import measurements_path


def compare(
    run: str | Path,
    image: str,
    *,
    at: Mapping[str, float],
    codecs: Sequence[str] = (),
    exact: bool = False,
    tolerance: str | float | None = None,
    crop: Crop | str | None = None,
    metrics: Sequence[str] = (),
    error_map: str = "",
    title: str | None = None,
    out: str | Path | None = None,
    formats: Sequence[str] = ("png",),
    jobs: int | None = None,
    timeout_s: float = 600.0,
) -> list[Path]:
    """Draw an image and its decoded versions at one rate or quality; ``rdbench compare``. Each
    codec is shown at the point nearest to the requested value. Decoded images are those that the
    run kept; otherwise the kept stream is decoded, or the codec is run again, and the result must
    be the image that was measured, by its SHA-256. With ``exact``, the codecs of the run code the
    image again, at a setting found as for points by target (:mod:`rdbench.goals`); the run stays as
    it is.

    Args:
        run: the run directory.
        image: the name of the image, optionally with its dataset: ``kodak/kodim21``.
        at: ``{"bpp": 0.15}``, or a value of a metric.
        codecs: labels of curves, or codecs; all of the run by default.
        exact: whether to reach the requested value instead of taking the nearest point.
        tolerance: how closely, as for :func:`rdbench.run`.
        crop: left, top, width and height in pixels, or ``"worst"`` for the square of 160 px in
            which two of the decoded images differ most; None for the whole image.
        metrics: metrics to print below; by default those of the run. Others are computed.
        error_map: the map below each image: ``"difference"``, or a metric that has an error map.
        title: the title; by default the image and the requested value, ``""`` for none.
        out: the folder of the figures; ``plots`` in the run directory by default.
        formats: of ``"png"``, ``"pdf"`` and ``"svg"``.
        jobs: worker processes, as :func:`rdbench.run`.
        timeout_s: limit on the time of one decoding or coding.

    Returns:
        The paths of the files.

    Raises:
        UsageError: for unknown names, if nothing was measured for an image, and with ``exact`` for
            a codec that is lossless, has no parameter to search, or has changed since.
        RdbenchError: if a decoded image cannot be reproduced, or a target cannot be reached.
    """
    for kind in formats or [""]:
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS)
    path = measurements_path(run).parent
    figure = gallery(
        path,
        image,
        at=at,
        codecs=codecs,
        exact=exact,
        tolerance=tolerance,
        crop=crop,
        metrics=metrics,
        error_map=error_map,
        title=title,
        jobs=jobs,
        timeout_s=timeout_s,
    )
    return save(figure, named(out) if out is not None else path / "plots", formats)
