"""What mkdocs is told beside its configuration: pages that are made, or lie elsewhere.

The README is the front page; pages of ``reports/``, ``benchmarks/`` and ``baselines/`` are those
that lie there, with their pictures. Links between them are those of a reader of the files, and are
turned here into those of the site.
"""

from __future__ import annotations

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
}
"""Pages of the repository by their path, and where they are on the site."""
_LINK: Final = re.compile(r"(!?\[[^\]]*\])\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")
_FILE: Final = re.compile(r"^(\s*```\w+) file=(\S+)$", re.MULTILINE)


def pages() -> dict[str, str]:
    """Pages of the repository outside of ``docs``, by their path in it; values are where they are
    on the site."""
    found = dict(NAMED)
    for path in sorted(ROOT.glob("reports/**/*.md")):
        place = path.relative_to(ROOT / "reports")
        found[f"reports/{place.as_posix()}"] = (
            "results/index.md" if str(place) == "README.md" else f"results/{place.parent}/index.md"
        )
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
    return markdown if page.file.generated_by else rendered(markdown, f"docs/{source}", source)


def picture(source: str) -> str:
    """Where a picture of the repository is on the site."""
    return source.replace("reports/", "results/", 1)


def rendered(text: str, source: str, target: str) -> str:
    """``text`` of the file ``source`` as the page ``target`` has it: with its links, and with the
    names of the files that its examples are."""
    return _FILE.sub(r'\1 title="\2"', relinked(text, source, target))


def relinked(text: str, source: str, target: str) -> str:
    """``text`` of the file ``source`` with its links as they are on the page ``target``.

    A link to a file that is no page of the site becomes its path in the repository, as code.
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
        return f"{name}({posixpath.relpath(to, str(PurePosixPath(target).parent))}{anchor})"

    return _LINK.sub(turned, text)
