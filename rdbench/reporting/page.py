"""The page of a report: one file that opens from disk and asks nobody for anything."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import rdbench
from rdbench.curves import Labels, read_labels
from rdbench.errors import UsageError
from rdbench.files import write_atomically
from rdbench.places import named
from rdbench.reporting.content import content
from rdbench.reporting.pictures import Progress, add_pictures
from rdbench.runner import Limits, LocalPool
from rdbench.text import all_printable, printable

REPORT: Final = "report.html"
ASSETS: Final = Path(__file__).parent / "assets"
"""Templates, style and script of the pages."""


def report(
    runs: str | Path | Sequence[str | Path],
    *,
    published: str | Sequence[str] = (),
    anchor: str = "",
    labels: Labels | str | Path | None = None,
    title: str = "",
    images: str | Sequence[str] = (),
    out: str | Path | None = None,
    jobs: int | None = None,
    timeout_s: float = 600.0,
    progress: Progress = lambda _done, _all: None,
) -> Path:
    """Write a page with all that runs have: curves, deltas, costs, images and measurements;
    ``rdbench report``.

    The page is one file, and needs no network. With ``images`` it has a viewer, whose pictures are
    in a folder beside it (``report_files``) and are loaded when they are looked at: what the run
    kept; else kept streams are decoded, or the codecs are run again, and what comes out must be the
    image that was measured, by its SHA-256.

    Args:
        runs: run directories or CSV files.
        published: names of published curves, shown as a layer of their own.
        anchor: the curve that others are held against at first: a label or a codec. By default the
            first one.
        labels: what curves, datasets and metrics are called, as :func:`rdbench.plot_rd`.
        title: of the page; the runs' names by default.
        images: names of images to look at, or ``"all"``.
        out: the file; ``report.html`` in the folder of a single run by default.
        jobs: worker processes that decode, as :func:`rdbench.run`.
        timeout_s: the time that one decoding, or coding, may take.
        progress: called with how many pictures are there, and how many there will be.

    Returns:
        The path of the page.

    Raises:
        UsageError: for unknown names, and where there is nothing to show.
    """
    paths = [runs] if isinstance(runs, str | Path) else list(runs)
    names = [published] if isinstance(published, str) else list(published)
    shown = content(paths, names, read_labels(labels), anchor)
    path = _place(paths, out)
    shown["without"] = []
    if wanted := [images] if isinstance(images, str) else list(images):
        with LocalPool(Limits.of_machine(jobs, timeout_s)) as pool:
            folder = path.parent / f"{path.stem}_files"
            shown["without"] = add_pictures(
                shown["panels"], paths, wanted, folder, executor=pool, progress=progress
            )
    title = title or ", ".join(run["name"] for run in shown["runs"])
    write_atomically(path, _rendered(all_printable(shown), printable(title)))
    return path


def _place(paths: Sequence[str | Path], out: str | Path | None) -> Path:
    if out is not None:
        return named(out)
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        raise UsageError("name the file of the report with `out`")
    return Path(paths[0]) / REPORT


def template(name: str) -> Any:
    """A template of :data:`ASSETS`, in which names and messages are text and no markup."""
    import jinja2

    folder = jinja2.FileSystemLoader(ASSETS)
    undefined = jinja2.StrictUndefined
    return jinja2.Environment(loader=folder, autoescape=True, undefined=undefined).get_template(
        name
    )


def asset(name: str) -> Any:
    """The style sheet or the script of a name, as it stands in a page."""
    return _markup((ASSETS / name).read_text(encoding="utf-8"))


def _rendered(shown: dict[str, Any], title: str) -> str:
    page: str = template("report.html.jinja").render(
        title=title,
        version=rdbench.__version__,
        runs=shown["runs"],
        panels=shown["panels"],
        metrics=shown["metrics"],
        viewer=any("pictures" in panel for panel in shown["panels"]),
        data=_markup(_json(shown)),
        style=asset("report.css"),
        script=asset("report.js"),
        charts=_markup(_charts()),
    )
    return page


def _json(shown: dict[str, Any]) -> str:
    """JSON within a script element: no name or message in it can end that."""
    return json.dumps(shown, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


@functools.cache
def _charts() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).replace(
        "</script", "<\\/script"
    )


def _markup(text: str) -> Any:
    """Text that stands in the page as it is: a style sheet, or a script that nothing in it ends."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704
