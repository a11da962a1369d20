"""Draws what :mod:`rdbench.plots` computes with Matplotlib, with the same bytes every time.

Matplotlib's objects are used directly: pyplot would add half a second and global state.
"""

from __future__ import annotations

import functools
import itertools
import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from rdbench.errors import RdbenchError
from rdbench.files import write_atomically
from rdbench.plots.figures import Line, Look, Plot
from rdbench.plots.fonts import FAMILY, fonts_for, wrapped
from rdbench.plots.legends import make_room, put_legend
from rdbench.plots.styles import Style, styles
from rdbench.text import all_printable, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from rdbench.sample_format import Image

FORMATS: Final = ("png", "pdf", "svg")
DPI: Final = 300
WIDTH, HEIGHT = 6.0, 4.3
"""Inches of a figure without notes whose legend is inside."""
TALL: Final = 16
"""A figure with more entries grows, so that its legend fits."""

MOST_LINES: Final = 10
"""Of notes below a figure, of so many characters each."""
LINE_CHARACTERS: Final = 100
NOTE_PT: Final = 6.5
HIGHLIGHT: Final = 2.0
"""How much wider the line of a highlighted curve is."""
GRAY: Final = "#555555"
SETTINGS: Final[dict[str, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FAMILY],
    "text.parse_math": False,  # a dollar in a label is a dollar
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.edgecolor": GRAY,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "grid.color": "#E2E2E2",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "legend.handlelength": 3.2,
    "legend.labelspacing": 0.35,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "rdbench",
}
# Dates and versions would make equal figures unequal files.
METADATA: Final[dict[str, dict[str, None]]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


class Figured(Protocol):
    """Plain data that :func:`draw` knows how to draw."""

    @property
    def name(self) -> str:
        """Stem of the file name."""


@runtime_checkable
class Noted(Figured, Protocol):
    """Plain data of a figure that has notes and a look chosen by the user."""

    @property
    def title(self) -> str:
        """What stands above it."""

    @property
    def subtitle(self) -> str:
        """What stands below that."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Its notes."""

    @property
    def look(self) -> Look:
        """How it is wanted."""


def save(plot: Figured, folder: str | Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw ``plot`` into ``folder``, one file per format (png, pdf, svg), and return their paths.

    Notes that do not fit below the figure go into an additional text file. PNG has 300 dpi, PDF
    embeds its fonts as TrueType, and SVG keeps text as text. Characters that no installed font has
    become boxes, with a note in the figure. Raises :class:`rdbench.errors.RdbenchError` if the
    folder cannot be written.
    """
    import matplotlib as mpl

    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RdbenchError(f"cannot write {str(folder)!r}: {error.strerror}") from None
    plot = all_printable(plot)
    families, _ = fonts_for(repr(plot))
    with mpl.rc_context({**SETTINGS, "font.sans-serif": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", module=".*")
        files = _write(draw(plot), folder, plot.name, formats)
    if isinstance(plot, Noted) and plot.look.notes and notes_below(plot) != all_notes(plot):
        files.append(write_notes(plot, folder))
    return files


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures, while they are drawn and written."""
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        yield


def save_figure(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write a figure that is drawn already, as :func:`save`, into a folder that exists."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(printable(text.get_text(), keep="\n"))
    with style():
        return _write(figure, folder, name, formats)


def _write(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for path, kind in zip(paths, formats, strict=True):
        try:
            figure.savefig(path, format=kind, dpi=DPI, metadata=METADATA[kind])
        except OSError as error:
            raise RdbenchError(f"cannot write {str(path)!r}: {error.strerror}") from None
    return paths


@functools.singledispatch
def draw(plot: Figured) -> Figure:
    """``plot`` as a matplotlib figure."""
    raise TypeError(f"{type(plot).__name__} is not a figure's data")


@draw.register(Plot)
def _draw_plot(plot: Plot) -> Figure:
    size = plot.look.size
    more = 0.17 * max(0, len(plot.lines) - TALL)
    notes = shown_notes(plot, size[0] if size else WIDTH)
    figure = canvas(*(size or (WIDTH, HEIGHT + 0.12 * len(notes) + more)))
    axes = figure.add_subplot()
    entries = _fill(axes, plot)
    put_notes(figure, notes)
    bold = plot.look.highlighted
    inside = not plot.lines or put_legend(axes, *entries, first=plot.free_corner, bold=bold)
    if size:
        make_room(figure, None if inside else axes.get_legend(), *entries, bold=bold)
    elif not inside:
        width = WIDTH + 0.5 + 0.075 * max(map(len, entries[1]))
        notes = shown_notes(plot, width)
        figure.set_size_inches(width, HEIGHT + 0.12 * len(notes) + more)
        put_notes(figure, notes)
    return figure


def draw_into(axes: Axes, plot: Plot) -> None:
    """Draw ``plot`` without its notes into the caller's ``axes``, in their style."""
    plot = all_printable(plot)
    entries = _fill(axes, plot)
    if plot.lines:
        put_legend(axes, *entries, first=plot.free_corner, bold=plot.look.highlighted)


def _fill(axes: Axes, plot: Plot) -> tuple[list[Line2D], list[str]]:
    """Draw all of ``plot`` but legend and notes into ``axes``; return its lines and their titles
    in the order of the legend."""
    looks = styles((*plot.cast, *(line.member for line in plot.lines)))
    handles = [
        _draw_line(axes, line, looks[line.member], line.title in plot.look.highlighted)
        for line in plot.lines
    ]
    _dress(axes, plot)
    titles = [line.title for line in plot.lines]
    order = plot.look.arranged(titles)
    handles, titles = [handles[row] for row in order], [titles[row] for row in order]
    if plot.baseline:
        handles.append(axes.axhline(0, color=GRAY, linewidth=1.0, zorder=1.5))
        titles.append(plot.baseline)
    # Titles are given, as matplotlib leaves out lines whose own label begins with "_".
    return handles, titles


def canvas(width: float, height: float, title: str = "", subtitle: str = "") -> Figure:
    """An empty figure of this size in inches, with its title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    above = 0.48 / height if title else 0.0
    figure = Figure(
        figsize=(width, height), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - above))
    )
    FigureCanvasAgg(figure)
    put_head(figure, title, subtitle)
    return figure


@contextmanager
def dressed(size: tuple[float, float], title: str, subtitle: str) -> Iterator[Figure]:
    """A figure of ``size`` inches to draw into, in the house's style, with what stands above it."""
    with style():
        yield canvas(*size, title, subtitle)


def show(axes: Axes, pixels: Image | None) -> None:
    """Axes without ticks, with ``pixels``, (height, width, channels), where there are any."""
    if pixels is not None:
        gray = pixels.shape[2] == 1
        axes.imshow(pixels[:, :, 0] if gray else pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def put_head(figure: Figure, title: str, subtitle: str) -> None:
    """What stands above all axes of a figure, where there is a title."""
    height = figure.get_figheight()
    if title:
        figure.text(0.01, 1 - 0.07 / height, title, fontsize=11, fontweight="bold", va="top")
        figure.text(0.01, 1 - 0.29 / height, subtitle, fontsize=8, color=GRAY, va="top")


def missing_glyphs(plot: Figured) -> tuple[str, ...]:
    """The note on characters that no installed font has, if there are any."""
    _, missing = fonts_for(repr(plot))
    if not missing:
        return ()
    codes = ", ".join(f"U+{ord(c):04X}" for c in missing[:6]) + (", ..." if missing[6:] else "")
    return (f"no font here has the characters {codes}, drawn as boxes; SVG keeps them as text",)


def all_notes(plot: Noted) -> tuple[str, ...]:
    """The notes of a figure, with that on its characters."""
    return (*plot.notes, *missing_glyphs(plot))


def notes_below(plot: Noted) -> tuple[str, ...]:
    """Those of the notes that stand below the figure: as many as take :data:`MOST_LINES` lines
    there, and where there are more, where the others are (:func:`save` writes them)."""
    notes = all_notes(plot) if plot.look.notes else ()
    taken = list(itertools.accumulate(math.ceil(len(note) / LINE_CHARACTERS) for note in notes))
    if not taken or taken[-1] <= MOST_LINES:
        return notes
    kept = sum(lines < MOST_LINES for lines in taken)
    return (*notes[:kept], f"{len(notes) - kept} more notes are in {plot.name}.txt")


def shown_notes(plot: Noted, width: float) -> list[str]:
    """The notes below a figure of ``width`` inches, as lines that fit there."""
    return [line for note in notes_below(plot) for line in wrapped(note, width - 0.15, NOTE_PT)]


def write_notes(plot: Noted, folder: Path) -> Path:
    """Write the notes on a figure, for its caption, to a text file beside it."""
    path = folder / f"{plot.name}.txt"
    lines = (plot.title, plot.subtitle, *all_notes(plot))
    write_atomically(path, "".join(f"{printable(line)}\n" for line in lines if line))
    return path


def folded(label: str, length: float) -> str:
    """The label of an axis in lines that fit beside so many inches of figure."""
    return textwrap.fill(label, max(1, int(9.5 * length)), break_long_words=False)


def put_notes(figure: Figure, lines: Sequence[str]) -> None:
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=NOTE_PT, color=GRAY)


def head(axes: Axes, title: str, subtitle: str, length: float = WIDTH) -> None:
    """What stands above the axes, the subtitle in lines of so many inches."""
    lines = wrapped(subtitle, length, 8)
    looks: tuple[dict[str, Any], ...] = (
        {"fontsize": 11, "fontweight": "bold"},
        {"fontsize": 8, "color": GRAY},
    )
    above = 5 + 12 * len(lines), 5
    for text, height, look in zip((title, "\n".join(lines)), above, looks, strict=True):
        axes.annotate(
            text,
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, height),
            textcoords="offset points",
            **look,
        )


def log_axis(axes: Axes, ticks: Sequence[int] = (1, 2, 5)) -> None:
    """A logarithmic x axis with plain numbers, at ``ticks`` times a power of ten."""
    axes.set_xscale("log")
    _plain(axes.xaxis, ticks)


def log_y(axes: Axes) -> None:
    """A logarithmic y axis with plain numbers, at powers of ten."""
    axes.set_yscale("log")
    _plain(axes.yaxis, (1,))


def _plain(axis: Axis, ticks: Sequence[int]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _draw_line(axes: Axes, line: Line, style: Style, highlighted: bool) -> Line2D:
    thin = 1.1 if line.published else 1.5
    (drawn,) = axes.plot(
        line.x,
        line.y,
        label=line.title,
        linestyle=style.dashes,
        linewidth=HIGHLIGHT * thin if highlighted else thin,
        markevery=None if line.measured is None else list(line.measured),
        zorder=4 if highlighted else 2 if line.published else 3,
        **style.marks(7 if highlighted else 5.5),
    )
    return drawn


def _dress(axes: Axes, plot: Plot) -> None:
    axes.set_xlabel(plot.x_label)
    width, height = plot.look.size or (WIDTH, HEIGHT)
    axes.set_ylabel(folded(plot.y_label, height))
    axes.grid(True)
    if plot.log_x:
        log_axis(axes)
    if plot.x_limits:
        axes.set_xlim(*plot.x_limits)
    if plot.y_limits:
        axes.set_ylim(*plot.y_limits)
    head(axes, plot.title, plot.subtitle, width - 0.8)
