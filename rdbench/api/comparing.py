"""``compare``: what codecs made of one image, side by side."""

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
    """Draw an image and what codecs made of it at one rate or quality; ``rdbench compare``.

    Of each codec the point is shown that is nearest to what is asked for. Its decoded image is what
    the run kept; else the kept stream is decoded, or the codec is run again, and what comes out
    must be the image that was measured, by its SHA-256. With ``exact`` the very codecs that were
    measured code the image anew, at the setting that is searched for as for points by target
    (:mod:`rdbench.goals`); the run stays as it is.

    Args:
        run: the run directory.
        image: its name, which may begin with that of its dataset: ``kodak/kodim21``.
        at: ``{"bpp": 0.15}``, or the value of a metric.
        codecs: labels of curves, or codecs; all of the run by default.
        exact: whether to reach what is asked for, and not to take the nearest point.
        tolerance: how nearly, as of :func:`rdbench.run`.
        crop: left, top, width and height in pixels, or ``"worst"`` for the square of 160 px in
            which two of the decoded images differ most; None for the whole image.
        metrics: whose values stand below; those of the run by default. Others are computed.
        error_map: what is drawn below each image: ``"difference"``, or a metric that has an error
            map.
        title: what stands above; the image and what was asked for by default, ``""`` for nothing.
        out: the folder of the figures; ``plots`` in the run directory by default.
        formats: of ``"png"``, ``"pdf"`` and ``"svg"``.
        jobs: worker processes, as :func:`rdbench.run`.
        timeout_s: the time that one decoding, or coding, may take.

    Returns:
        The paths of the files.

    Raises:
        UsageError: for names that are unknown, where nothing was measured of an image, and with
            ``exact`` for a codec that is lossless, has no parameter that can be searched, or is
            another one than was measured.
        RdbenchError: where a decoded image cannot be had again, or a target not be reached.
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
