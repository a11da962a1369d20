"""What filters for 4:2:0 lose: the ceiling of the conversion, and what a lost siting costs.

The 24 images of Kodak are converted from RGB to 4:2:0 Y'CbCr (BT.709, full range) of 8 or 10 bits
and back, without a codec; the result is the mean of their PSNR over R, G and B. Each filter is made
here from its kernel. For downsampling, the kernel is stretched over two samples; for upsampling, it
is used as it is. Weights add up to 1, and the last row or column is repeated at the edges.

The Lanczos kernel of three lobes has the highest ceiling everywhere. It is the one in
``rdbench/formats/resampling.py``, the last row of the first table. The last table shows the earlier
method of rdbench: means of 2x2 samples, and bilinear interpolation back.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import kodak, markdown, report
from numpy.typing import NDArray
from PIL import Image

from rdbench.formats import Layout, round_trip
from rdbench.metrics import psnr

PAGE = Path(__file__).parent / "chroma.md"
SHOWN = ("numpy", "opencv-python-headless")
KR, KB = 0.2126, 0.0722
PLACES = {"center": (0.5, 0.5), "left": (0.5, 0.0), "topleft": (0.0, 0.0)}
"""Rows and columns of luma from the first luma sample to the first chroma sample."""

Floats = NDArray[np.float64]


def cubic(x: Floats) -> Floats:
    """Keys's kernel with a = -1/2, the Catmull-Rom kernel."""
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def lanczos(lobes: int) -> Callable[[Floats], Floats]:
    return lambda x: np.where(x < lobes, np.sinc(x) * np.sinc(x / lobes), 0)


KERNELS: dict[str, Callable[[Floats], Floats]] = {
    "box": lambda x: np.where(x < 0.5, 1.0, np.where(x == 0.5, 0.5, 0)),
    "triangle": lambda x: np.maximum(0, 1 - x),
    "bicubic (Catmull-Rom)": cubic,
    "Lanczos, 2 lobes": lanczos(2),
    "Lanczos, 3 lobes": lanczos(3),
}


@functools.cache
def resampler(kernel: str, count: int, place: float, *, down: bool) -> Floats:
    """The matrix from ``count`` samples on the grid of luma to those of chroma, or back."""
    luma, chroma = np.arange(count), 2 * np.arange(-(-count // 2)) + place
    given, made, stretch = (luma, chroma, 2) if down else (chroma, luma, 2)
    step = 1 if down else 2
    margin = 16
    beyond = np.arange(1, margin + 1) * step
    places = np.concatenate((given[0] - beyond[::-1], given, given[-1] + beyond))
    weights = KERNELS[kernel](np.abs(places - made[:, np.newaxis]) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = weights[:, margin:-margin].copy()
    matrix[:, 0] += weights[:, :margin].sum(axis=1)
    matrix[:, -1] += weights[:, -margin:].sum(axis=1)
    return matrix


def resampled(
    plane: Floats, kernel: str, siting: str, size: tuple[int, int], *, down: bool
) -> Floats:
    rows, columns = (
        resampler(kernel, count, place, down=down)
        for count, place in zip(size, PLACES[siting], strict=True)
    )
    return rows @ plane @ columns.T


class Photo:
    def __init__(self, path: Path) -> None:
        self.image = np.asarray(Image.open(path).convert("RGB"))
        red, green, blue = (self.image[:, :, channel] / 255 for channel in range(3))
        self.luma = KR * red + (1 - KR - KB) * green + KB * blue
        self.chroma = (blue - self.luma) / (2 - 2 * KB), (red - self.luma) / (2 - 2 * KR)

    def ceiling_db(self, depth: int, down: str, made: str, up: str, shown: str) -> float:
        peak, middle, size = 2**depth - 1, 2 ** (depth - 1), self.luma.shape
        luma = np.rint(peak * self.luma) / peak
        halves = []
        for plane in self.chroma:
            small = np.rint(peak * resampled(plane, down, made, size, down=True) + middle)
            centered = (small.clip(0, peak) - middle) / peak
            halves.append(resampled(centered, up, shown, size, down=False))
        blue, red = luma + (2 - 2 * KB) * halves[0], luma + (2 - 2 * KR) * halves[1]
        green = (luma - KR * red - KB * blue) / (1 - KR - KB)
        back = np.rint(255 * np.dstack((red, green, blue))).clip(0, 255).astype(np.uint8)
        return psnr(self.image, back)


def mean(photos: list[Photo], ceiling_db: Callable[[Photo], float]) -> str:
    return f"{np.mean([ceiling_db(photo) for photo in photos]):.2f}"


def same(photos: list[Photo]) -> Iterator[dict[str, str]]:
    cases = [(siting, depth) for siting in ("center", "left") for depth in (8, 10)]
    for kernel in KERNELS:
        yield {"kernel": kernel} | {
            f"{siting}, {depth} bits": mean(
                photos,
                lambda photo, k=kernel, s=siting, d=depth: photo.ceiling_db(d, k, s, k, s),
            )
            for siting, depth in cases
        }
    own = {}
    for siting, depth in cases:
        layout = Layout("420", depth, "bt709", "full", siting)
        own[f"{siting}, {depth} bits"] = mean(
            photos, lambda photo, to=layout: psnr(photo.image, round_trip(photo.image, to))
        )
    yield {"kernel": "rdbench"} | own


def grid(
    corner: str,
    names: Iterable[str],
    photos: list[Photo],
    ceiling: Callable[[Photo, str, str], float],
) -> Iterator[dict[str, str]]:
    """The mean ceiling for each name on the way there, in rows, and on the way back, in columns."""
    for there in names:
        yield {corner: there} | {
            back: mean(photos, lambda photo, one=there, other=back: ceiling(photo, one, other))
            for back in names
        }


def pairs(photos: list[Photo], siting: str, depth: int) -> Iterator[dict[str, str]]:
    def ceiling(photo: Photo, down: str, up: str) -> float:
        return photo.ceiling_db(depth, down, siting, up, siting)

    return grid("down / up", KERNELS, photos, ceiling)


def shifted(photos: list[Photo], kernel: str, depth: int) -> Iterator[dict[str, str]]:
    def ceiling(photo: Photo, made: str, shown: str) -> float:
        return photo.ceiling_db(depth, kernel, made, kernel, shown)

    return grid("made for / shown as", PLACES, photos, ceiling)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--every", type=int, default=1, help="use only every N-th image")
    arguments: Any = parser.parse_args()
    photos = [Photo(path) for path in sorted(kodak().glob("*.png"))[:: arguments.every]]
    page = report(
        "Filters for 4:2:0",
        "benchmarks/chroma.py",
        SHOWN,
        [
            [
                "The same kernel both ways",
                f"Mean PSNR [dB] over R, G and B of {len(photos)} images of Kodak after "
                "conversion to 4:2:0 (BT.709, full range) and back, without a codec.",
                markdown([*same(photos)]),
            ],
            [
                "Different kernels down and up",
                "The same for chroma that is sited left, 10 bits.",
                markdown([*pairs(photos, "left", 10)]),
            ],
            [
                "A lost siting",
                "The same with the Lanczos kernel of 3 lobes, 10 bits, where chroma is made for "
                "one siting and shown with another.",
                markdown([*shifted(photos, "Lanczos, 3 lobes", 10)]),
            ],
            [
                "Means of 2x2 samples",
                "The same for means of 2x2 samples that are interpolated bilinearly, 10 bits: "
                "shown as centered, which they are, and as left, which an HEVC stream without a "
                "siting implies.",
                markdown(
                    [
                        {
                            f"shown {shown}": mean(
                                photos,
                                lambda photo, s=shown: photo.ceiling_db(
                                    10, "box", "center", "triangle", s
                                ),
                            )
                            for shown in ("center", "left")
                        }
                    ]
                ),
            ],
        ],
    )
    if arguments.write:
        PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
