"""Labels of curves that are shown together: every label has the options that differ."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from rdbench.curves.curve import Curve


def with_what_differs(curves: Iterable[Curve]) -> list[Curve]:
    """The curves, with the options that distinguish the curves of one codec in all of their labels.
    A codec's own label holds only options that are not the default: beside ``webp method=6``, the
    default curve would be plain ``webp``. Here it is ``webp method=4``, and can still be named
    ``webp`` (:attr:`Curve.row_label`). Labels given by the user stay as they are.
    """
    found = list(curves)
    for codec in dict.fromkeys(curve.codec for curve in found):
        places = {
            place: options
            for place, curve in enumerate(found)
            if curve.codec == codec
            and curve.source == "measured"
            and own_label(curve.label, codec, options := curve.options_by_name)
        }
        told = {
            name
            for place, options in places.items()
            for name in options
            if f" {name}=" in found[place].label
            and len({other.get(name, "") for other in places.values()}) > 1
        }
        for place, options in places.items():
            label = found[place].label
            words = [
                f" {name}={value}"
                for name, value in options.items()
                if name in told and value and f" {name}=" not in label
            ]
            if words:
                found[place] = dataclasses.replace(
                    found[place], label=label + "".join(words), row_label=label
                )
    return found


def own_label(label: str, codec: str, options: Mapping[str, str]) -> bool:
    """Whether a label is of the form that a codec gives itself under these options: its name,
    and then options by name and value, by value alone, or by a value as people write it (``4:2:0``
    for 420)."""
    if not label.startswith(codec):
        return False
    rest = label[len(codec) :]
    forms = {
        f" {form}"
        for name, value in options.items()
        for text in (value, PurePath(value).name)
        for form in (f"{name}={text}", text)
        if form
    }
    bare = {_bare(value) for value in options.values()}
    while rest:
        form = max(
            (form for form in forms if f"{rest} ".startswith(f"{form} ")), key=len, default=""
        )
        if not form:
            word = re.match(" [^ ]+", rest)
            if word is None or _bare(word[0]) not in bare:
                return False
            form = word[0]
        rest = rest[len(form) :]
    return True


def _bare(text: str) -> str:
    """Letters and digits alone, lower case."""
    return re.sub(r"[\W_]", "", text).lower()
