"""The speed at which rdbench codes images with CompressAI's networks, compared with CompressAI.

The networks have the sizes that CompressAI has pretrained (quality 3). Their weights were not
trained but fitted to an image, so that rates are in the range of trained networks, except for the
factorized prior, which stays as wide as it starts. Both sides use the same weights, threads and
images (Kodak, uint8 arrays to bytes and back). CompressAI is called as its documentation says:
`compress` and `decompress` under `no_grad`. Each time is the best of some repeats, made in turns.
Ratios are CompressAI / rdbench, median and range over images: above 1, rdbench is faster. The last
columns are the ratio of rdbench's payload bytes to the bytes of CompressAI's strings, and the
largest difference of decoded samples.

What makes rdbench faster: transforms as in `rdbench/models/zoo/transforms.py`; tables that go to
the coder without entries that no symbol uses; for autoregressive networks, all positions of a
wavefront at once, where CompressAI goes one by one. What makes it slower: h_s and contexts in
float64.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import kodak, markdown, report, spread

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' networks

PAGE = Path(__file__).parent / "zoo.md"
SHOWN = ("torch", "compressai", "numpy")
NETWORKS: dict[str, tuple[int, ...]] = {
    "bmshj2018-factorized": (128, 192),
    "bmshj2018-hyperprior": (128, 192),
    "mbt2018-mean": (128, 192),
    "mbt2018": (192, 192),
    "cheng2020-anchor": (128,),
}
FITTED = "kodim05"


def in_turns(functions: list[Callable[[], Any]], repeats: int) -> list[tuple[float, Any]]:
    """For each function, the shortest time of calls made in turns, and the last result."""
    times: list[list[float]] = [[] for _ in functions]
    results: list[Any] = [None] * len(functions)
    for _ in range(repeats):
        for number, function in enumerate(functions):
            start = time.perf_counter()
            results[number] = function()
            times[number].append(time.perf_counter() - start)
    return [(min(taken), result) for taken, result in zip(times, results, strict=True)]


def compared(
    name: str, pictures: list[np.ndarray], fitted: np.ndarray, threads: int, repeats: int
) -> dict[str, str]:
    import torch

    from rdbench.models.compression.base import Execution
    from rdbench.models.zoo import loading
    from tests.models.zoo_networks import network, padded

    torch.set_num_threads(threads)
    theirs = network(name, *NETWORKS[name], image=fitted, spread=0.4)
    theirs.update()
    ours = loading.compressor(name, theirs.state_dict(), Execution())
    ours.prepare(1.0)

    def compress(picture: np.ndarray) -> Any:
        with torch.no_grad():
            return theirs.compress(padded(picture, ours.stride))

    def decompress(coded: Any, shape: tuple[int, ...]) -> np.ndarray:
        with torch.no_grad():
            image = theirs.decompress(coded["strings"], coded["shape"])["x_hat"]
        pixels = image[0].permute(1, 2, 0)[: shape[0], : shape[1]]
        return (pixels * 255).round().to(torch.uint8).numpy()

    encode, decode, rate, per_pixel, differences, seconds = [], [], [], [], [], []
    ours.decode(ours.encode(pictures[0])[0])
    for picture in pictures:
        (encode_s, (data, coded)), (their_encode_s, their_coded) = in_turns(
            [lambda p=picture: ours.encode(p), lambda p=picture: compress(p)], repeats
        )
        (decode_s, decoded), (their_decode_s, their_decoded) = in_turns(
            [
                lambda d=data: ours.decode(d),
                lambda c=their_coded, p=picture: decompress(c, p.shape),
            ],
            repeats,
        )
        payload = sum(map(len, coded.payloads))
        encode.append(their_encode_s / encode_s)
        decode.append(their_decode_s / decode_s)
        rate.append(payload / sum(len(strings[0]) for strings in their_coded["strings"]))
        per_pixel.append(8 * len(data) / (picture.shape[0] * picture.shape[1]))
        differences.append(int(np.abs(decoded.astype(int) - their_decoded).max()))
        seconds.append((encode_s, decode_s))
    encode_s, decode_s = (statistics.median(column) for column in zip(*seconds, strict=True))
    return {
        "network": name,
        "threads": str(threads),
        "encode [s]": f"{encode_s:.2f}",
        "decode [s]": f"{decode_s:.2f}",
        "encode, times as fast": spread(encode, 2),
        "decode, times as fast": spread(decode, 2),
        "bpp": f"{statistics.mean(per_pixel):.2f}",
        "payload ratio": spread(rate, 5),
        "decoded, ±": str(max(differences)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    from rdbench import images

    refs = images.resolve(str(kodak())).images
    fitted = next(ref.load() for ref in refs if Path(ref.name).stem == FITTED)
    pictures = [ref.load() for ref in refs[:: 24 // arguments.images]]
    rows = []
    for threads in arguments.threads:
        for name in arguments.networks:
            rows.append(compared(name, pictures, fitted, threads, arguments.repeats))
            print(markdown(rows[-1:]), flush=True)
    table = markdown(rows)
    print(f"\n{table}")
    if arguments.write:
        about = " ".join((__doc__ or "").split("\n\n", 1)[1].split())
        page = report(
            "CompressAI's networks", "benchmarks/zoo.py", SHOWN, [["Speed and rate", about, table]]
        )
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
