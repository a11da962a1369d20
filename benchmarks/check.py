"""The time that ``rdbench check`` takes for 10,000 rows.

The curves are synthetic: 50 codecs at 8 points on 25 images, with every metric and hash that a run
writes. There are three cases: the same rows again; another version of every codec, so that every
BD-rate is computed; and codecs that are not deterministic, so that every interval is computed.

    python benchmarks/check.py [--rounds N]
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, markdown, spread, wall_s

from rdbench.files import csv_text
from rdbench.schema import Measurement, header

CODECS, POINTS, IMAGES = 50, 8, 25


def rows(repeats: int = 1) -> list[Measurement]:
    """Rows of curves that gain 7 dB per factor of 4 in rate and differ from image to image."""
    generator = np.random.default_rng(0)
    ease = generator.normal(0, 2, IMAGES)
    return [
        Measurement(
            dataset="synthetic",
            image=f"image{image:02}",
            image_sha256=hashlib.sha256(bytes([image])).hexdigest(),
            width=768,
            height=512,
            channels=3,
            codec=f"codec{codec:02}",
            options="chroma=420;effort=4",
            label=f"codec{codec:02} 4:2:0",
            parameter="quality",
            point=float(10 * point),
            codec_version="1.0",
            repeat=repeat,
            timing="isolated",
            **sizes(round(6000 * 1.7**point * (1 + codec / 100))),
            scores=scores(ease[image] + 3.5 * point),
            encode_s=0.0123456789,
            decode_s=0.00456789012,
            **hashes(codec, point, image, repeat),
        )
        for codec in range(CODECS)
        for point in range(1, POINTS + 1)
        for image in range(IMAGES)
        for repeat in range(repeats)
    ]


def sizes(size: int) -> dict[str, Any]:
    return {"size_bytes": size, "bpp": 8 * size / (768 * 512)}


def scores(ease: float) -> dict[str, float]:
    psnr = 24.123456789012345 + ease
    ms_ssim_db = 6.123456789012345 + ease / 2
    return {
        "mse": 255**2 / 10 ** (psnr / 10),
        "psnr_db": psnr,
        "psnr_y_db": psnr + 1,
        "ssim": 1 - 10 ** (-psnr / 20),
        "ms_ssim": 1 - 10 ** (-ms_ssim_db / 10),
        "ms_ssim_db": ms_ssim_db,
    }


def hashes(*parts: int) -> dict[str, str]:
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    return {"stream_sha256": digest, "decoded_sha256": digest[::-1]}


def altered(row: Measurement, generator: np.random.Generator) -> Measurement:
    size = round(row.size_bytes * generator.normal(1, 0.001))
    return dataclasses.replace(
        row,
        codec_version="1.1",
        **sizes(size),
        scores={**row.scores, "psnr_db": row.scores["psnr_db"] + generator.normal(0, 0.01)},
        decoded_sha256=row.stream_sha256,
    )


def write(path: Path, table: list[Measurement]) -> str:
    metrics = tuple(table[0].scores)
    rows = [header(metrics), *(row.cells(metrics) for row in table)]
    path.write_text(csv_text(rows), encoding="utf-8")
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, generator = Path(name), np.random.default_rng(1)
        plain, twice = rows(), rows(repeats=2)
        files = {
            "plain": write(folder / "plain.csv", plain),
            "other": write(folder / "other.csv", [altered(row, generator) for row in plain]),
            "random": write(folder / "random.csv", twice),
            "noise": write(folder / "noise.csv", [altered(row, generator) for row in twice]),
        }
        (folder / "again.csv").write_bytes((folder / "plain.csv").read_bytes())
        cases = [
            ("the same again", files["plain"], str(folder / "again.csv")),
            ("another version", files["other"], files["plain"]),
            ("not deterministic, 2 repeats", files["noise"], files["random"]),
        ]
        table = []
        for case, run, baseline in cases:
            command = [sys.executable, "-m", "rdbench", "check", run, "--baseline", baseline]
            command += ["--max-bd-rate", "5"]
            # Bytecode is kept, as in an installation; the first round only writes it.
            kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "cache")}
            times = [wall_s(command, **kept) for _ in range(arguments.rounds + 1)][1:]
            count = len(twice) if run == files["noise"] else len(plain)
            table.append({"case": case, "rows": f"{count:,}", "wall time [s]": spread(times, 2)})
    print(machine(["numpy", "scipy"]))
    print(f"Whole process, median (minimum to maximum) of {arguments.rounds} rounds.\n")
    print(markdown(table))


if __name__ == "__main__":
    main()
