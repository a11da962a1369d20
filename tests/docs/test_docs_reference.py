"""The reference has everything that there is: commands, options, columns, metrics, codecs, keys."""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from typer.main import get_command

import rdbench
from rdbench.cli import app
from rdbench.codecs import registry
from rdbench.metrics.registry import names
from rdbench.schema import COLUMNS
from rdbench.tables import code
from tests.docs.pages import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_site"))
reference = pytest.importorskip("reference", reason="needs rdbench's extra docs")


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    for sub, child in children.items():
        yield from _commands(child, f"{name} {sub}")
    if not children:
        yield name, command


COMMANDS = dict(_commands(get_command(app), "rdbench"))


@functools.cache
def _command_line() -> str:
    return reference.command_line()


def _section(page: str, name: str) -> str:
    """What stands under the heading ``name``."""
    _, _, rest = page.partition(f"\n## {name}\n")
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_options(name):
    section = _section(_command_line(), name)
    assert section, "no section of its own"
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            assert all(
                f"`{option}" in section or f" {option}" in section for option in parameter.opts
            )
            assert parameter.help, f"{name} {parameter.opts[0]} says nothing of itself"
        elif parameter.name != "help":
            shown = code(parameter.metavar or parameter.name)
            assert shown in section


def test_every_column_stands_there():
    page = reference.columns()
    for column in COLUMNS:
        assert f"| `{column.name}` |" in page


def test_every_metric_and_every_codec_stands_there():
    page = reference.metrics_()
    assert all(_section(page, name) for name in names())
    page = reference.codecs()
    assert all(_section(page, name) for name in registry.entries())


def test_bounds_are_words_and_signs():
    assert reference._bounds(-math.inf, math.inf) == "any number"
    assert reference._bounds(0, math.inf) == "from 0"
    assert reference._bounds(-math.inf, 9) == "up to 9"
    assert reference._bounds(1, 63) == "from 1 to 63"
    assert not re.search(r"\binf\b", reference.codecs())
    assert reference._marked("0.0; 0<=x<=100") == "0.0; `0<=x<=100`"


def test_every_key_stands_there():
    page = reference.forms()
    for _, tables in reference.FORMS.values():
        for form, _ in tables:
            for field in msgspec.structs.fields(form):
                assert f"| `{field.encode_name}` |" in page


FORMS = [
    pytest.param(form, id=f"{title} {place}".strip())
    for title, (_, tables) in reference.FORMS.items()
    for form, place in tables
]


@pytest.mark.parametrize("form", FORMS)
def test_every_key_says_what_it_is(form):
    silent = [key for key, _, _, meaning in reference._keys(form) if not meaning]
    assert not silent, f"a docstring is missing in {form.__module__}.{form.__name__}"


def test_every_public_name_stands_there():
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    for name in set(rdbench.__all__) - {"__version__", "errors"}:
        assert f"::: rdbench.{name}\n" in page
