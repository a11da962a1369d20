"""The site: built strictly without a network, and looked at in a real browser."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.docs.pages import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_site"))

MKDOCS = (ROOT / "mkdocs.yml").read_text()
NAVIGATION = re.findall(r"(?m)^ +- (?:.+: )?(\S+)\.md$", MKDOCS)
PAGES = [*(re.sub(r"(^|(?<=/))index/$", "", f"{name}/") for name in NAVIGATION), "404.html"]
WIDTHS = {"light": (375, 1440), "dark": (1440, 375)}
"""Widths of the window [px] in each scheme; axe sees the last one."""
WIDTH_AT_REST = """
    Promise.allSettled(document.getAnimations().map(one => one.finished))
        .then(() => document.documentElement.scrollWidth)
"""
"""The width of the page [px] once what moves when a window gets another one has arrived."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built where no network and no image data are to be had."""
    pytest.importorskip("mkdocs", reason="needs rdbench's extra docs")
    folder = tmp_path_factory.mktemp("site")
    environment = {key: value for key, value in os.environ.items() if key != "RDBENCH_DATA"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    offline = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") and not subprocess.call([*offline, "true"]):
        command = [*offline, *command]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    """Where the site is served."""
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass


def test_examples_are_code_with_the_names_of_their_files(site):
    """What the site does not take for the beginning of an example stands in it as text."""
    for page in sorted(site.rglob("*.html")):
        assert "```" not in page.read_text(), page
    assert '<span class="filename">half.py</span>' in (site / "index.html").read_text()


def test_pages_say_what_they_are_about(site):
    found = {}
    for page in sorted(site.rglob("index.html")):
        text = re.search(r'<meta name="description" content="([^"]*)"', page.read_text())
        assert text, page
        assert len(text[1].split()) >= 5, page
        assert found.setdefault(text[1], page) == page, found[text[1]]


def test_the_site_shows_no_escapes_of_markdown(site):
    """GitHub wants a bar in the code of a cell escaped; Python-Markdown shows the escape."""
    for page in sorted(site.rglob("index.html")):
        for cell in re.findall(r"<td\b.*?</td>", page.read_text(), re.DOTALL):
            assert not re.search(r"\\[|<>]", cell), (page, cell)
    assert "pchip|akima" in (site / "reference" / "cli" / "index.html").read_text()


def test_a_description_is_the_title_and_whole_sentences():
    hooks = pytest.importorskip("hooks", reason="needs rdbench's extra docs")
    page = (
        "# Title\n\n`rdbench bd`\n\n```sh\nno\n\nthis\n```\n\nWhat [it](a.md) *says*:\n\n- a point"
    )
    assert hooks.description(page) == "Title. What it says."
    assert hooks.description("no title") == ""


def test_pictures_can_be_opened_and_options_stay_on_a_line():
    hooks = pytest.importorskip("hooks", reason="needs rdbench's extra docs")
    picture = '<p><img alt="a" src="a.png" /></p>'
    html = '<p><a class="picture" href="a.png"><img alt="a" src="a.png" /></a></p>'
    assert hooks.on_page_content(picture) == html
    assert hooks.on_page_content(html) == html
    option = '<code>bd <span class="whole">--per-image</span> X</code>'
    assert hooks.on_page_content("<code>bd --per-image X</code>") == option
    assert hooks.on_page_content(r"<td><code>a\|b</code></td>") == "<td><code>a|b</code></td>"
    cell = '<td>4.9 <span class="whole">(3 to 5.2)</span></td><td>5 (one)</td>'
    assert hooks.on_page_content("<td>4.9 (3 to 5.2)</td><td>5 (one)</td>") == cell


def test_parts_of_the_navigation_have_the_names_of_their_headings(site):
    for page in ("index.html", "404.html"):
        names = re.findall(
            r'<nav class="md-nav" [^>]*aria-label="([^"]+)"', (site / page).read_text()
        )
        assert names == re.findall(r"(?m)^  - (\w+):$", MKDOCS.partition("\nnav:\n")[2])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_pages_of_the_site_are_in_its_navigation(site):
    built = {page.parent.relative_to(site).as_posix() for page in site.rglob("index.html")}
    assert built == {page.rstrip("/") or "." for page in PAGES if page != "404.html"}
    assert (site / "404.html").is_file()


@pytest.fixture(scope="module")
def views(browser) -> Iterator[dict[str, Any]]:
    """A window of the browser for each scheme, in which one page is opened after the other."""
    contexts = {scheme: browser.new_context(color_scheme=scheme) for scheme in WIDTHS}
    yield {scheme: context.new_page() for scheme, context in contexts.items()}
    for context in contexts.values():
        context.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_pages_ask_nobody_fit_and_are_accessible(address, views, page, scheme):
    """A fault is named with the page, the scheme and the width that have it.

    The sidebars are made alike on all pages and cost axe half of its time; the front page has both.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    view = views[scheme]
    asked: list[str] = []
    said: list[str] = []
    listeners = {
        "request": lambda request: asked.append(request.url),
        "console": lambda message: said.append(message.text),
    }
    for event, listener in listeners.items():
        view.on(event, listener)
    try:
        view.goto(address + page, wait_until="load")
        for width in WIDTHS[scheme]:
            view.set_viewport_size({"width": width, "height": 900})
            wide = view.evaluate(WIDTH_AT_REST)
            assert wide <= width, f"{page}, {scheme}, {width} px: {wide} px wide"
        place = f"{page}, {scheme}, {width} px"
        part = {"exclude": [[".md-sidebar"]]} if page else None
        rules = axe.Axe().run(view, context=part).response["violations"]
        found = [(rule["impact"], rule["id"], rule["nodes"][0]["html"]) for rule in rules]
        assert not found, (place, found)
        assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))], place
        assert not said, (place, said)
    finally:
        for event, listener in listeners.items():
            view.remove_listener(event, listener)
