"""Pages, help and docstrings are written in the field's idiom; the rules are in prose.toml."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import GUIDES, README, ROOT

BLANK = r"(?:[^\S\n]+|[^\S\n]*\n[^\S\n]*)"
"""Between words: also the end of a line, but not that of a paragraph."""
FILE = tomllib.loads((Path(__file__).parent / "prose.toml").read_text())
RULES = [
    (re.compile(rule["pattern"].replace(" ", BLANK)), rule["instead"]) for rule in FILE["rules"]
]
SPELLING = re.compile(FILE["spelling"]["pattern"])
KEPT = {one["file"]: set(one["words"]) for one in FILE["spelling"]["exceptions"]}
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    *GUIDES,
    *(ROOT / "reports").rglob("*.md"),
    *(ROOT / "baselines").rglob("README.md"),
    *(ROOT / "benchmarks").glob("*.md"),
    ROOT / "results" / "README.md",
]
MODULES = sorted((ROOT / "rdbench").rglob("*.py"))
SOURCES = [
    *(
        path
        for kind in ("py", "toml", "md", "jinja")
        for path in (ROOT / "rdbench").rglob(f"*.{kind}")
    ),
    *(ROOT / "rdbench" / "reporting" / "assets" / "script").rglob("*.js"),
    *(ROOT / "docs" / "_site").rglob("*.py"),
    *(ROOT / "baselines").rglob("*.toml"),
    *PAGES,
]


def _blank(found: re.Match[str]) -> str:
    """What stands for code: a mark, and as many lines."""
    return "¤" + "\n" * found[0].count("\n")


def _hits(text: str, place: Path, first: int = 1) -> Iterator[str]:
    """What a text has against the rules, also where it goes over the end of a line."""
    plain = re.sub(r"`+[^`]+`+", _blank, text)
    for pattern, instead in RULES:
        for hit in pattern.finditer(plain):
            line = first + plain.count("\n", 0, hit.start())
            found = " ".join(hit[0].split())
            yield f"{place.relative_to(ROOT)}:{line}: {found!r}; better: {instead}"


def _strings(module: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module: docstrings, messages and help."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_keeps_to_the_rules(page):
    assert not list(_hits(page.read_text(encoding="utf-8"), page))


def test_texts_of_the_package_keep_to_the_rules():
    assert not [
        hit
        for module in MODULES
        for line, text in _strings(module)
        for hit in _hits(text, module, line)
    ]


def test_spelling_is_american_in_identifiers_and_keys_too():
    """What others call so is in the list of exceptions, where nothing is that does not occur."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for hit in SPELLING.finditer(path.read_text(encoding="utf-8")):
            found.setdefault(str(path.relative_to(ROOT)), set()).add(hit[0])
    assert found == KEPT, FILE["spelling"]["instead"]


def test_a_rule_finds_what_it_is_for_over_the_end_of_a_line():
    text = "All of them, but\nthat the decoder `comes along`, and goes forth\n    and back."
    hits = [hit.split("; ")[0] for hit in _hits(text, README)]
    assert hits == ["README.md:2: 'forth and back'", "README.md:1: ', but that'"]


def test_the_changelog_says_nothing_twice():
    """Two branches that reword an entry leave both in it when they are merged."""
    for part in re.split(r"(?m)^### ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")):
        entries = [" ".join(entry.split())[:30] for entry in re.split(r"(?m)^- ", part)[1:]]
        assert not [entry for entry in set(entries) if entries.count(entry) > 1]
