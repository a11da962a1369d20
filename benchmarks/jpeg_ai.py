"""Speed of JPEG AI's seven metrics on Kodak: `rdbench score` with two workers, beside their
libraries called pair by pair in one process with two threads.

    RDBENCH_DATA=... python benchmarks/jpeg_ai.py [--images 24] [--rounds 3] [--write]

Each image was coded as JPEG at four qualities. Both ways read the same PNG files; start-up is
included. The other way is pytorch-msssim, piq's VIF, FSIM and IW-SSIM, FFmpeg's libvmaf on the PNG
files, and NLPD and PSNR-HVS-M of rdbench, for which no package is available, with both sides
computed each time. Processor times are those of all processes together; on a busy machine, only
their ratio can be compared.

The cost of one decoded image in rdbench, in milliseconds of processor time on the machine of
metrics.md under other load, and in parentheses the time of piq for the pair on one thread: VIF 14
(170), FSIM 31 (160), IW-SSIM 25 (260), NLPD 9, PSNR-HVS-M 11, VMAF 43, of which starting FFmpeg is
11. What made the difference:

- IW-SSIM: the logarithm is taken of the product of the factors of two eigenvalues, half as often
  and still in the range of float32; the inverse covariance and the scale of the mixture depend on
  the original alone, and are kept (50 to 130 for each image).
- FSIM: phase congruency of the original is kept, which halves it.
- VMAF: one call for all metrics of libvmaf: VMAF, NEG and CAMBI take 60 together, 130 apart.

On that machine, under load, 4 images took 25.2 s of processor time with the libraries and 8.2 s
with rdbench, including start-up. Torch had one thread there, since two threads that wait for each
other measure nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import ENVIRONMENT, JOBS, kodak, machine, markdown, spread

PAGE = Path(__file__).with_suffix(".md")
PACKAGES = ("numpy", "opencv-python-headless", "torch", "piq", "pytorch-msssim", "imageio-ffmpeg")
QUALITIES = (20, 40, 60, 80)
METRICS = (*("ms_ssim_y:matrix=709", "vif", "fsim", "nlpd", "iw_ssim", "vmaf", "psnr_hvs_m_db"),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--plainly", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plainly:
        plainly(arguments.plainly)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        material(folder, arguments.images)
        ours, theirs = [], []
        for number in range(arguments.rounds):
            ours.append(used(rdbench(folder, number)))
            theirs.append(used([sys.executable, __file__, "--plainly", str(folder)]))
    text = markdown(
        [
            row("libraries, pair by pair, two threads", theirs, theirs),
            row(f"`rdbench score --jobs {JOBS}`", ours, theirs),
        ]
    )
    print(text)
    if arguments.write:
        about = (
            "Written by `RDBENCH_DATA=... python benchmarks/jpeg_ai.py --write`: "
            f"{arguments.images} Kodak images, JPEG at qualities "
            f"{', '.join(map(str, QUALITIES))}, MS-SSIM, VIF, NLPD, IW-SSIM, VMAF and PSNR-HVS-M "
            "on BT.709 luma and FSIM on RGB; whole processes with start-up; median (minimum to "
            f"maximum) of {arguments.rounds} rounds, in which the ways take turns. The load of the "
            f"machine was {os.getloadavg()[0]:.1f}. If other work runs at the same time, only the "
            "ratio of processor times can be compared."
        )
        page = f"# JPEG AI's metrics\n\n{about}\n\nMachine: {machine(PACKAGES)}\n\n{text}\n"
        PAGE.write_text(page, encoding="utf-8")


def material(folder: Path, images: int) -> None:
    """Write ``originals/`` and what JPEG makes of them, in a folder for each quality."""
    import io

    from PIL import Image

    (folder / "originals").mkdir()
    for path in sorted(kodak().glob("*.png"))[:images]:
        original = Image.open(path).convert("RGB")
        original.save(folder / "originals" / path.name)
        for quality in QUALITIES:
            place = folder / "decoded" / f"q{quality}"
            place.mkdir(parents=True, exist_ok=True)
            stream = io.BytesIO()
            original.save(stream, "JPEG", quality=quality)
            Image.open(stream).save(place / path.name)


def rdbench(folder: Path, number: int) -> list[str]:
    out = folder / f"run{number}"
    return [
        *(sys.executable, "-m", "rdbench", "score", str(folder / "originals")),
        *(str(folder / "decoded"), "--metrics", ",".join(METRICS), "--jobs", str(JOBS)),
        *("--out", str(out)),
    ]


def used(command: list[str]) -> tuple[float, float]:
    """Wall time and processor time in seconds of a command, including all that it starts."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(command, capture_output=True, env=ENVIRONMENT, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        sys.exit(ended.stdout + ended.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(way: str, times: list[tuple[float, float]], others: list[tuple[float, float]]) -> dict:
    ratios = [
        [other[kind] / own[kind] for own, other in zip(times, others, strict=True)]
        for kind in (0, 1)
    ]
    return {
        "way": way,
        "wall [s]": spread([wall for wall, _ in times]),
        "processor [s]": spread([processor for _, processor in times]),
        "times faster in wall time": spread(ratios[0]),
        "times faster in processor time": spread(ratios[1]),
    }


def plainly(folder: Path) -> None:
    """Score all pairs with the libraries, in this process."""
    import cv2
    import numpy as np
    import piq
    import torch
    from imageio_ffmpeg import get_ffmpeg_exe
    from PIL import Image
    from pytorch_msssim import ms_ssim

    from rdbench.metrics import Reference, find
    from rdbench.metrics.luma import plane

    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    own = [find(name) for name in ("nlpd", "psnr_hvs_m_db")]
    program = get_ffmpeg_exe()

    def tensor(samples: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(samples.reshape(1, -1, *samples.shape[-2:]).astype(np.float32))

    on_luma: list[Callable[..., torch.Tensor]] = [
        ms_ssim,
        piq.vif_p,
        piq.information_weighted_ssim,
    ]
    for decoded_path in sorted((folder / "decoded").glob("*/*.png")):
        paths = decoded_path, folder / "originals" / decoded_path.name
        decoded, original = (np.asarray(Image.open(path).convert("RGB")) for path in paths)
        lumas = [tensor(plane(image, "709")) for image in (decoded, original)]
        with torch.inference_mode():
            values = [float(function(*lumas, data_range=255)) for function in on_luma]
            colors = (tensor(image.transpose(2, 0, 1)) for image in (decoded, original))
            values.append(float(piq.fsim(*colors, data_range=255)))
        values += Reference(original, own).score(decoded).values.values()
        told = subprocess.run(
            [
                *(program, "-i", paths[0], "-i", paths[1]),
                *("-lavfi", "libvmaf=n_threads=2", "-f", "null", "-"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        found = re.search(r"VMAF score: ([0-9.]+)", told)
        assert found
        print(decoded_path.name, *values, float(found.group(1)))


if __name__ == "__main__":
    main()
