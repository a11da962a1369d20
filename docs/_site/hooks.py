"""What mkdocs is told beside its configuration: pages that are made, or lie elsewhere.

The README is the front page; pages of ``reports/``, ``benchmarks/`` and ``baselines/`` are those
that lie there, with their pictures. Links between them are those of a reader of the files, and are
turned here into those of the site.
"""

from __future__ import annotations

import functools
import posixpath
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import reference  # type: ignore[import-not-found]

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = (".png", ".svg")
NAMED: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "baselines/README.md": "results/published.md",
    "baselines/weights/README.md": "results/weights.md",
    "results/README.md": "results/measurements.md",
    "reports/walkthrough/README.md": "explanation/walkthrough.md",
}
"""Pages of the repository by their path, and where they are on the site."""
_LINK: Final = re.compile(r"(!?\[[^\]]*\])\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")
_IMAGE: Final = re.compile(r'(?<!">)(<img\b[^>]*?\bsrc="([^"]+)"[^>]*>)')
_CELL: Final = re.compile(r"<td\b.*?</td>", re.DOTALL)
_SPAN: Final = re.compile(r"<code>[^<]*</code>")
_RANGE: Final = re.compile(r"\(?-?\d[\d.,]* to -?\d[\d.,]*\)?")
_OPTION: Final = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_MAKER: Final = re.compile(r"Written by `[^`]*`[:;] (?:what was tried .*)?", re.DOTALL)
_NO_PROSE: Final = re.compile(r"[#!<|-]|Machine: |`[^`]*`$")
LEAST, MOST = 9, 200
"""Spaces that the description of a page has at least, and characters at most behind those."""
_FILE: Final = re.compile(r"^(\s*```\w+) file=(\S+)$", re.MULTILINE)
_SECTION: Final = re.compile(
    r'aria-labelledby="__nav_\d+_label"([^>]*>\s*<label class="md-nav__title"[^>]*>\s*<span[^>]*>'
    r"\s*</span>\s*)([^<]*?)(\s*</label>)"
)


def pages() -> dict[str, str]:
    """Pages of the repository outside of ``docs``, by their path in it; values are where they are
    on the site."""
    found = dict(NAMED)
    for path in sorted(ROOT.glob("reports/**/*.md")):
        place = path.relative_to(ROOT / "reports")
        target = "index.md" if str(place) == "README.md" else f"{place.parent}/index.md"
        found.setdefault(f"reports/{place.as_posix()}", f"results/{target}")
    for path in sorted(ROOT.glob("benchmarks/*.md")):
        name = "index" if path.stem == "README" else path.stem
        found[f"benchmarks/{path.name}"] = f"benchmarks/{name}.md"
    return found


def on_files(files: Files, config: Any) -> Files:
    """Adds what does not lie in ``docs``."""
    for name, make in reference.PAGES.items():
        files.append(File.generated(config, name, content=make()))
    sites = pages()
    for source, target in sites.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=rendered(text, source, target)))
    for folder in ("reports", "baselines"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in PICTURES:
                source = path.relative_to(ROOT).as_posix()
                target = picture(source)
                files.append(File.generated(config, target, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns the pages in ``docs``, which are for a reader of the files, into those of the site."""
    source = page.file.src_uri
    if text := description(markdown):
        page.meta.setdefault("description", text)
    return markdown if page.file.generated_by else rendered(markdown, f"docs/{source}", source)


def on_page_content(html: str, **_: Any) -> str:
    """Gives pictures a link to themselves, since a phone shows them too small to be read, and keeps
    on one line options of commands, which a browser breaks behind their hyphens, and in cells of
    tables the ranges of numbers.

    In a cell, a bar within code is escaped for GitHub; the site would show the escape."""
    whole = r'<span class="whole">\g<0></span>'

    def told(cell: re.Match[str]) -> str:
        return _RANGE.sub(whole, _SPAN.sub(lambda code: code[0].replace("\\|", "|"), cell[0]))

    html = _CELL.sub(told, html)
    html = _IMAGE.sub(r'<a class="picture" href="\2">\1</a>', html)
    return _SPAN.sub(lambda found: _OPTION.sub(whole, found[0]), html)


def on_post_page(output: str, **_: Any) -> str:
    """Names each part of the navigation by its title: where its heading is a page, the theme names
    it by a label that is an icon alone."""
    return _SECTION.sub(r'aria-label="\2"\1\2\3', output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The same for the page that a wrong address shows."""
    return on_post_page(output_content)


def description(markdown: str) -> str:
    """The title of a page and its first whole sentences, as a search engine shows them; empty for a
    page without a title."""
    head = re.search(r"^# (.+)$", markdown, re.MULTILINE)
    if not head:
        return ""
    text = f"{head[1]}."
    blocks = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE).split("\n\n")
    for block in map(str.strip, blocks):
        if not block or _NO_PROSE.match(block):
            continue
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", _MAKER.sub("", block))
        plain = " ".join(re.sub(r"[`*]", "", plain).split())
        plain = plain[:1].upper() + plain[1:] if _MAKER.match(block) else plain
        for sentence in re.split(r"(?<=[.:]) (?=[A-Z])", plain):
            if sentence[-1:] not in (".", ":", "?", "!"):
                continue  # begins a list
            if text.count(" ") > LEAST and len(text) + len(sentence) > MOST:
                return text
            text += " " + re.sub(":$", ".", sentence)
    return text


def picture(source: str) -> str:
    """Where a picture of the repository is on the site."""
    return source.replace("reports/", "results/", 1)


def rendered(text: str, source: str, target: str) -> str:
    """``text`` of the file ``source`` as the page ``target`` has it: with its links, and with the
    names of the files that its examples are."""
    return _FILE.sub(r'\1 title="\2"', relinked(text, source, target))


def relinked(text: str, source: str, target: str) -> str:
    """``text`` of the file ``source`` with its links as they are on the page ``target``.

    A link to a file that is no page of the site becomes its path in the repository, as code; a link
    that is named by the path of a page takes the title of it.
    """
    known = pages()

    def turned(found: re.Match[str]) -> str:
        name, path, anchor = found[1], found[2], found[3] or ""
        linked = posixpath.normpath(str(PurePosixPath(source).parent / path))
        if linked.startswith("docs/"):
            to = linked.removeprefix("docs/")
        elif linked in known:
            to = known[linked]
        elif linked.endswith(PICTURES):
            to = picture(linked)
        else:
            return f"`{linked}`"
        if linked in known and name.removesuffix("]").endswith(PurePosixPath(linked).name):
            name = f"[{title(linked)}]"
        return f"{name}({posixpath.relpath(to, str(PurePosixPath(target).parent))}{anchor})"

    return _LINK.sub(turned, text)


@functools.cache
def title(source: str) -> str:
    """The heading of a page of the repository."""
    found = re.search(r"^# (.+)$", (ROOT / source).read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else source
