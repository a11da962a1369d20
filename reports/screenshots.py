"""The pictures of the report page in README.md, from the run of ``make bench``.

    python reports/screenshots.py [--run results/runs/quickstart]

Needs Chromium. They are written into reports/quickstart, in few colors, so that they are small.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

import rdbench

OUT = Path(__file__).parent / "quickstart"
WIDTH, HEIGHT = 1280, 800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", default="results/runs/quickstart")
    arguments = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium on PATH; install the package chromium")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page = rdbench.report(
            arguments.run,
            anchor="jpeg",
            images="coffee",
            title="Seven codecs, luma",
            out=Path(folder) / "report.html",
        )
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shoot(browser, page, "report", "curves", "light", "")
        compared = "picture=coffee&by=bpp&value=0.25&mode=beside&place=2,300,220,0.5"
        shoot(browser, page, "viewer", "viewer", "dark", compared)
        browser.close()


def shoot(browser: Any, page: Path, name: str, section: str, scheme: str, choices: str) -> None:
    """Write what is in sight of a section."""
    size = {"width": WIDTH, "height": HEIGHT}
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
    tab = context.new_page()
    at = "" if section == "curves" else f"at={section}"
    tab.goto(f"{page.as_uri()}#{'&'.join(filter(None, (choices, at)))}")
    tab.wait_for_selector(f"#{section}[data-drawn]")
    tab.wait_for_function(
        "!document.documentElement.dataset.drawing"
        " && [...document.images].every(image => image.complete && image.naturalWidth)"
    )
    if at:
        tab.locator(f"#{section}").evaluate("one => one.scrollIntoView()")
    seen = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    path = OUT / f"page_{name}.png"
    seen.quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)
    context.close()


if __name__ == "__main__":
    main()
