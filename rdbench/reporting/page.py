"""The page of a report: one file that opens from disk and asks nobody for anything."""

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import rdbench
from rdbench import gate
from rdbench.bd import Range
from rdbench.curves import Labels, read_labels
from rdbench.errors import UsageError
from rdbench.files import write_atomically
from rdbench.metrics.maps import DIFFERENCE, map_record
from rdbench.places import named
from rdbench.reporting.content import content
from rdbench.reporting.pictures import Progress, add_pictures
from rdbench.reporting.verdicts import judged
from rdbench.runner import Limits, LocalPool
from rdbench.text import all_printable, printable

REPORT: Final = "report.html"
FILES: Final = "_files"
"""What the folder of a page's pictures ends with."""
GENERATOR: Final = '<meta name="generator" content="rdbench '
"""By which a page is known."""
ASSETS: Final = Path(__file__).parent / "assets"
"""Templates, style and scripts of the pages."""
SCRIPTS: Final = (
    *("words", "state", "charts", "curves", "deltas", "images", "viewer", "costs", "failures"),
    *("measurements", "page"),
)
"""The parts of the page's script, which share one scope, in their order."""
SECTIONS: Final = {
    "verdicts": "Verdicts",
    "curves": "Curves",
    "glance": "At a glance",
    "deltas": "BD table",
    "saving": "Rate saving",
    "images": "Images",
    "viewer": "Viewer",
    "costs": "Costs",
    "failures": "Left out",
    "measurements": "Measurements",
    "run": "What was run",
}


def report(
    runs: str | Path | Sequence[str | Path],
    *,
    published: str | Sequence[str] = (),
    anchor: str = "",
    rates: Sequence[Range] = (),
    qualities: Mapping[str, Range] | None = None,
    tags: str | Path | None = None,
    labels: Labels | str | Path | None = None,
    verdicts: gate.Report | None = None,
    title: str = "",
    images: str | Sequence[str] = (),
    maps: str | Sequence[str] = (),
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
        rates: ranges of rates in bit/px, each of which can be chosen on the page: only points
            within it are compared, as with ``rates`` of :func:`rdbench.bd_table`.
        qualities: a range by the name of its metric, to choose as well (``qualities`` there).
        tags: a file of the classes of images to take in place of those that the runs tell.
        labels: what curves, datasets and metrics are called, as :func:`rdbench.plot_rd`.
        verdicts: what :func:`rdbench.check` found of the run, to show above all else.
        title: of the page; the runs' names by default.
        images: names of images to look at, or ``"all"``.
        maps: metrics whose error maps the viewer shows, beside the difference.
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
    shown = content(
        paths, names, read_labels(labels), anchor, rates=rates, qualities=qualities or {}, tags=tags
    )
    path = _place(paths, out)
    shown["verdicts"] = judged(verdicts) if verdicts else None
    shown["without"] = []
    mapped = [map_record(name) for name in ([maps] if isinstance(maps, str) else maps)]
    mapped = [one for one in mapped if one is not DIFFERENCE]  # which the viewer makes itself
    if maps and not images:
        raise UsageError("error maps are of images to look at: name these (`images`)")
    shown["maps"] = {one.name: {"label": one.label, "shows": one.map} for one in mapped}
    if wanted := [images] if isinstance(images, str) else list(images):
        with LocalPool(Limits.of_machine(jobs, timeout_s)) as pool:
            folder = path.parent / f"{path.stem}{FILES}"
            shown["without"] = add_pictures(
                shown["panels"],
                paths,
                wanted,
                folder,
                maps=mapped,
                executor=pool,
                progress=progress,
            )
    title = title or ", ".join(run["name"] for run in shown["runs"])
    write_atomically(path, _rendered(all_printable(shown), printable(title)))
    return path


def _place(paths: Sequence[str | Path], out: str | Path | None) -> Path:
    if out is not None:
        path = named(out)
        if path.is_dir():
            raise UsageError(f"`out` {str(path)!r} is a folder; name a file")
        return path
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
    there = {
        "viewer": any("pictures" in panel for panel in shown["panels"]),
        "verdicts": shown["verdicts"],
    }
    page: str = template("report.html.jinja").render(
        title=title,
        version=rdbench.__version__,
        runs=shown["runs"],
        metrics=shown["metrics"],
        marks=shown["marks"],
        sections=[place for place in SECTIONS.items() if there.get(place[0], True)],
        **there,
        data=_packed(shown),
        style=asset("report.css"),
        script=_script(),
        charts=_markup(_charts()),
    )
    return page


def _packed(shown: dict[str, Any]) -> str:
    """JSON, compressed, in base64: the tables of all choices are many and much alike."""
    text = json.dumps(shown, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _script() -> Any:
    """The parts of the script in one function, in which none of their names leaves the page."""
    parts = [(ASSETS / "script" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return _markup('"use strict";\n(async () => {\n' + "\n".join(parts) + "})();\n")


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
