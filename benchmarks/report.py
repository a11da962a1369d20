"""The size of the page of ``rdbench report``, how soon it is drawn, and how smoothly it scrolls.

The pages are those that ``rdbench report`` writes without pictures for two synthetic runs: 12
curves at 10 points on 24 images with 8 metrics and classes of images, and 2 curves at 10 points on
2,000 images. Each is opened from disk, offline, in a new profile of a headless Chromium. The
browser reports the first contentful paint, the page says when curves are drawn, and frames are
measured while the table of measurements scrolls by 400 px a frame.

    python benchmarks/report.py [--rounds 9] [--write]

``--write`` puts the table into benchmarks/report.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, markdown, spread

import rdbench
from rdbench.files import csv_text
from rdbench.metrics import BUILT_IN
from rdbench.schema import SCHEMA_VERSION, Measurement, header

PAGE = Path(__file__).with_suffix(".md")
# From a metric to its value at a quality in dB.
METRICS = {
    "psnr_db": lambda quality: quality,
    "psnr_y_db": lambda quality: quality + 1,
    "ssim": lambda quality: 1 - 10 ** (-quality / 20),
    "ms_ssim_db": lambda quality: quality / 2 + 2,
    "ssimulacra2": lambda quality: 100 - 300 * 10 ** (-quality / 25),
    "vif": lambda quality: 1 - 10 ** (-quality / 30),
    "nlpd": lambda quality: 4 * 10 ** (-quality / 20),
    "vmaf": lambda quality: 100 - 900 * 10 ** (-quality / 15),
}
CLASSES = ("people", "animals", "buildings", "nature")
SCROLL = """async (step) => {
    const grid = document.querySelector('.grid'), spent = [];
    let before = performance.now();
    for (let frame = 0; frame < 120; frame += 1) {
        grid.scrollTop += step;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        spent.push(now - before);
        before = now;
    }
    return spent;
}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def run_of(folder: Path, curves: int, images: int) -> Path:
    """A run directory of ``curves`` at 10 points on ``images``."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    ease = generator.normal(0, 2, images)
    rows = [
        Measurement(
            dataset="synthetic",
            image=f"image{image:04}",
            image_sha256=f"{image:064x}",
            width=768,
            height=512,
            channels=3,
            color="rgb",
            sample_format="rgb8",
            codec=f"codec{curve:02}",
            options="chroma=420;effort=4",
            label=f"codec{curve:02} 4:2:0",
            parameter="quality",
            point=float(10 * point),
            codec_version="1.0",
            identity=f"{curve:016x}",
            size_bytes=(size := round(6000 * 1.7**point * (1 + curve / 50) * (1 + noise / 50))),
            bpp=8 * size / (768 * 512),
            encode_s=0.01 * (1 + curve) * (1 + abs(noise) / 50),
            decode_s=0.004 * (1 + curve) * (1 + abs(noise) / 50),
            encode_cpu_s=0.01 * (1 + curve),
            decode_cpu_s=0.004 * (1 + curve),
            timing="isolated",
            load=1.0,
            host="host",
            device="cpu",
            stream_sha256=f"{hash((curve, point, image)) % 2**63:064x}",
            decoded_sha256=f"{hash((image, point, curve)) % 2**63:064x}",
            scores={
                name: float(value(24 + ease[image] + 2.2 * point + noise / 10))
                for name, value in METRICS.items()
            },
        )
        for curve in range(curves)
        for image in range(images)
        for point, noise in enumerate(generator.normal(0, 1, 10), 1)
    ]
    table = [header(METRICS), *(row.cells(tuple(METRICS)) for row in rows)]
    (folder / "measurements.csv").write_text(csv_text(table), encoding="utf-8")
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "experiment": {},
        "metrics": {name: BUILT_IN[name].plain() for name in METRICS},
        "tags": {
            "synthetic": {
                f"image{image:04}": [CLASSES[image % len(CLASSES)]] for image in range(images)
            }
        },
    }
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@dataclasses.dataclass
class Opened:
    """The times of an opened page, in milliseconds."""

    paint_ms: float
    drawn_ms: float
    frame_ms: float
    still_ms: float
    """A frame in which nothing scrolls: the limit of the machine."""


def opened(browser: Any, page: Path) -> Opened:
    """Open a page in a new profile and scroll its measurements."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    try:
        tab = context.new_page()
        start = time.perf_counter()
        tab.goto(page.as_uri(), wait_until="commit")
        tab.wait_for_selector("#curves[data-drawn]")
        tab.wait_for_function("!document.documentElement.dataset.drawing")
        drawn = 1e3 * (time.perf_counter() - start)
        tab.wait_for_function(f"({PAINT}) !== null")
        paint = tab.evaluate(PAINT)
        tab.locator("#measurements").scroll_into_view_if_needed()
        tab.wait_for_selector("#measurements[data-drawn]")
        tab.wait_for_function("!document.documentElement.dataset.drawing")
        still, frame = (statistics.median(tab.evaluate(SCROLL, step)) for step in (0, 400))
        return Opened(paint, drawn, frame, still)
    finally:
        context.close()


def table(rounds: int) -> list[dict[str, str]]:
    from playwright.sync_api import sync_playwright

    found = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        pages = []
        for curves, images in ((12, 24), (2, 2000)):
            run = run_of(Path(name) / f"{images}", curves, images)
            start = time.process_time()
            page = rdbench.report(run)
            pages.append((curves, images, page, time.process_time() - start))
        browser = driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        for curves, images, page, made_s in pages:
            seen = [opened(browser, page) for _ in range(rounds)]
            found.append(
                {
                    "curves": str(curves),
                    "images": f"{images:,}",
                    "rows": f"{curves * images * 10:,}",
                    "processor time to make [s]": f"{made_s:.1f}",
                    "size [MB]": f"{page.stat().st_size / 1e6:.2f}",
                    "first paint [ms]": spread([one.paint_ms for one in seen], 0),
                    "curves drawn [ms]": spread([one.drawn_ms for one in seen], 0),
                    "median frame of scrolling [ms]": spread([one.frame_ms for one in seen]),
                    "at rest [ms]": spread([one.still_ms for one in seen]),
                }
            )
        browser.close()
    return found


def _chromium() -> str:
    import shutil

    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    sys.exit("no Chromium on PATH; install the package chromium")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    text = markdown(table(arguments.rounds))
    print(text)
    if arguments.write:
        about = (
            "Written by `python benchmarks/report.py --write`: synthetic runs at 10 points with 8 "
            "metrics and 4 classes of images, opened from disk in headless Chromium; median "
            f"(minimum to maximum) of {arguments.rounds} rounds, each in a new profile. The load "
            f"of the machine was {os.getloadavg()[0]:.1f}. If it is above 1, times are longer than "
            "on an idle machine, and a frame of scrolling can only be compared with one at rest."
        )
        packages = ("vl-convert-python", "jinja2", "playwright", "numpy")
        page = f"# The page of a report\n\n{about}\n\nMachine: {machine(packages)}\n\n{text}\n"
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
