"""A real browser, and pages of runs really measured."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rdbench
from rdbench.metrics import BUILT_IN
from rdbench.schema import Measurement
from tests.curves.encoded import encoded_rows
from tests.test_metrics_everywhere import run_of


@dataclasses.dataclass
class Visit:
    """A page that is open in the browser, with what it said and what it asked for."""

    page: Any
    said: list[str]
    asked: list[str]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and requests that are not for the page itself."""
        return [
            *self.said,
            *(url for url in self.asked if not self._own(url)),
        ]

    def _own(self, url: str) -> bool:
        """Whether what was asked for is the page, or a picture of its viewer."""
        page = self.page.url.partition("#")[0]
        pictures = page.removesuffix(".html") + "_files/"
        return url.partition("#")[0] == page or url.startswith((pictures, "data:", "blob:"))

    def settle(self) -> None:
        """Wait until charts are drawn and pictures are there, or known to be missing."""
        self.page.wait_for_function(
            "!document.documentElement.dataset.drawing"
            " && [...document.images].every(image => image.complete)"
        )

    def see(self, section: str) -> Any:
        """A section, scrolled into sight and drawn."""
        found = self.page.locator(f"#{section}")
        found.scroll_into_view_if_needed()
        if section != "run":  # which is there from the beginning
            self.page.wait_for_selector(f"#{section}[data-drawn]")
        self.settle()
        return found

    def choose(self, **choices: str) -> None:
        for name, value in choices.items():
            self.page.select_option(f"select[name={name}]", label=value)
        self.settle()


def data_of(page: Path) -> dict[str, Any]:
    """What a page knows."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return data


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a page from disk, offline."""
    contexts = []

    def open_page(
        path: Path, fragment: str = "", width: int = 1280, scheme: str = "light"
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        visit = Visit(page, [], [])
        page.on("console", lambda said: visit.said.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: visit.said.append(f"error: {error}"))
        page.on("request", lambda request: visit.asked.append(request.url))
        page.goto(path.absolute().as_uri() + (f"#{fragment}" if fragment else ""))
        page.wait_for_selector("section[data-drawn]")
        visit.settle()
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four codecs on six crops, one of the codecs without a loss."""
    return run_of(tmp_path_factory.mktemp("report") / "run", encoded_rows(6))


@pytest.fixture(scope="session")
def page(coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rdbench.report(coded, anchor="jpeg", out=tmp_path_factory.mktemp("page") / "a.html")


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[[Sequence[Measurement]], Path]:
    """The page of some rows."""

    def make(rows: Sequence[Measurement], **options: Any) -> Path:
        run = run_of(tmp_path / f"run{len(list(tmp_path.iterdir()))}", rows, *BUILT_IN.values())
        return rdbench.report(run, **options)

    return make
