"""``rdbench published``: the curves that rdbench ships."""

from __future__ import annotations

from typing import Annotated

import typer

from rdbench.cli.console import say


def published(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="List only curves whose label contains this.")
    ] = "",
) -> None:
    """List the published curves that rdbench ships: what each of them is, and its known issues.
    Name a curve as published:LABEL for an anchor, and as LABEL with --published.
    """
    from rdbench.curves.published import caveats, published_curves
    from rdbench.errors import unknown

    curves = published_curves()
    chosen = [curve for curve in curves if text in curve.label]
    if not chosen:
        raise unknown("published curve", text, [curve.label for curve in curves])
    headings = [
        f"{curve.dataset}, {' and '.join({1: 'luma', 3: 'RGB'}[n] for n in curve.channels)}: "
        f"{curve.origin}"
        for curve in chosen
    ]
    for place, (heading, curve) in enumerate(zip(headings, chosen, strict=True)):
        if heading not in headings[:place]:
            if place:
                say("")
            say(heading)
        what = curve.description or " ".join(filter(None, (curve.codec, curve.options)))
        say(
            f"  {curve.label}: {what}; {len(curve.points)} points of {curve.parameter}, "
            f"{curve.image_count} images, {' '.join(curve.scores)}"
        )
        for doubt in caveats(curve):
            say(f"    ! {doubt}")
