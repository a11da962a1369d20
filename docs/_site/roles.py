"""Docstrings as Markdown: roles become links or code, ``::`` before an example a colon."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe

import rdbench

ROLE: Final = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?([\w.]+)`")
_LITERAL: Final = re.compile(r"(?<=[\w`)])::$", re.MULTILINE)


class Roles(griffe.Extension):
    """Turns what Sphinx would read in a docstring into Markdown."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = _LITERAL.sub(":", obj.docstring.value)
            obj.docstring.value = ROLE.sub(_link, text)


def _link(found: re.Match[str]) -> str:
    name = found[1].removeprefix("rdbench.")
    public = name in rdbench.__all__ and name != "errors"
    return f"[`{name}`][rdbench.{name}]" if public else f"`{found[1]}`"
