"""Rate against cross-entropy, time, memory and throughput of the learned codecs.

Rate: every file of weights in tests/models/trained (real ones with few channels), nine betas, the
24 images of Kodak, luma for the networks of luma. The bytes of each stream are compared with the
cross-entropy of its symbols under the model's own densities, computed in float64 without tables and
coder. The limit is 1 % and 64 bytes for each image, in either direction; the last columns show the
largest difference beyond 1 % of the cross-entropy, and its limit. Symbols beyond 5.25 scales of
their Gaussian are counted at the cost of an escape; the Gaussian alone would ask for more.

Time: on two threads in one process, the median over images of Kodak of the best of three. The
networks have the papers' sizes; their weights are drawn at random and scaled so that latents spread
over a few steps (hyperprior and context networks then predict a scale of about 1, which makes
longer streams than those of trained networks). mbt2018 is CompressAI's
autoregressive network with its own compress and decompress, N = M = 192 (qualities 1 to 4), in the
same run.

Workers: `rdbench run` on ten images of Kodak with the same weights. The throughput of two is the
wall time with one worker over that with two, each with one thread, both minus the start-up (a run
with one 64×64 image). The memory is the largest resident memory of a worker in the run's table.

Large: the largest resident memory of a worker that codes a photograph of 6000×4000 (Kodak's kodim05
enlarged).

What was tried for the time of Lee's context model (Kodak, one core): positions one by one, as in
CompressAI's mbt2018, take 1536 calls and about 4 s; wavefronts of 2·l + k, with windows taken by
unfold and the mask multiplied in at each step, 0.5 s; the 14 known positions gathered as rows of a
table, and one matrix product, 0.38 s. The last layer of a synthesis as a convolution to 4 or 16
phases and a shuffle takes 6 ms, the transposed convolution 38 ms (Dumas, 9×9 with stride 4).

What was tried for the memory: normalization in place during inference saves two tensors of the size
of the largest layer, from 1650 to 1485 MiB for a worker with lee2019-hybrid (N = 320).
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import JOBS, kodak, markdown, report, spread, wall_s

PAGE = Path(__file__).parent / "learned.md"
TRAINED = Path(__file__).parents[1] / "tests" / "models" / "trained"
SHOWN = ("numpy", "torch", "constriction", "compressai")
BETAS = (1, 1.25, 1.5, 2, 3, 4, 6, 8, 10)
TIMED = 4


def rate() -> list[dict[str, str]]:
    from rdbench import images
    from rdbench.models import architectures

    rows = []
    for path in sorted(TRAINED.glob("*.safetensors")):
        model = architectures.load(path, "benchmark")
        color = "luma" if model.channels == 1 else "rgb"
        pictures = [ref.load() for ref in images.resolve(str(kodak()), color=color).images]
        over, beyond, bpp = [], [], []
        for beta in BETAS:
            for picture in pictures:
                data, coded = model.encode(picture, beta)
                _, decoded = model.parse(data)
                for kind, symbols in coded.symbols.items():
                    assert (decoded.symbols[kind] == symbols).all()
                bits = model.information(coded, beta)
                expected = sum(part.sum() for part in bits.values()) / 8
                over.append(100 * (len(data) / expected - 1))
                beyond.append(abs(len(data) - expected) - 0.01 * expected)
                bpp.append(8 * len(data) / picture[:, :, 0].size)
        rows.append(
            {
                "weights": path.stem,
                "streams": str(len(over)),
                "bpp": f"{min(bpp):.3f} to {max(bpp):.3f}",
                "over or under the cross-entropy [%]": f"{min(over):.2f} to {max(over):.2f}",
                "largest difference beyond 1 % [bytes]": f"{max(beyond):.0f}",
                "limit [bytes]": "64",
            }
        )
    return rows


NETWORKS = {
    "dumas2018-case2": ("dumas2018", {"case": 2, "maps": 128, "channels": 1}),
    "balle2017": ("balle2017", {"hidden": 128, "latents": 192}),
    "balle2018": ("balle2018", {"hidden": 128, "latents": 192}),
    "lee2019": ("lee2019", {"hidden": 128, "context": 192}),
    "lee2019-hybrid": ("lee2019", {"hidden": 320, "context": 192, "plain": 228}),
}
"""Of the papers' sizes."""


def random_weights(folder: Path) -> dict[str, Path]:
    """The files of weights, by name."""
    from rdbench.models import untrained

    files = {name: folder / name / f"{name}.safetensors" for name in NETWORKS}
    for name, (architecture, configuration) in NETWORKS.items():
        untrained.write(files[name], architecture, configuration)
    return files


def best_s(rounds: int, action: Callable[..., Any], *arguments: Any) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def mbt2018() -> Any:
    """CompressAI's autoregressive network with random weights, whose scales are about 1, too."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from compressai.models import JointAutoregressiveHierarchicalPriors
    torch.manual_seed(1)
    network = JointAutoregressiveHierarchicalPriors(192, 192).eval()
    with torch.no_grad():
        network.g_a[-1].weight.mul_(40)
        network.h_a[-1].weight.mul_(20)
        network.entropy_parameters[-1].bias[:192] = 1.0  # scales come first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.update(force=True)
    return network


def timed(files: dict[str, Path]) -> list[dict[str, str]]:
    import torch

    from rdbench import images
    from rdbench.models import architectures

    torch.set_num_threads(JOBS)
    pictures = {
        color: [ref.load() for ref in images.resolve(str(kodak()), color=color).images[:TIMED]]
        for color in ("rgb", "luma")
    }
    found: dict[str, tuple[float, float, float]] = {}
    for name, path in files.items():
        model = architectures.load(path, name)
        results = []
        for picture in pictures["luma" if model.channels == 1 else "rgb"]:
            data, _ = model.encode(picture)
            model.decode(data)
            results.append(
                (
                    best_s(3, model.encode, picture),
                    best_s(3, model.decode, data),
                    8 * len(data) / picture[:, :, 0].size,
                )
            )
        found[name] = tuple(map(statistics.median, zip(*results, strict=True)))  # type: ignore[assignment]

    network = mbt2018()
    results = []
    with torch.inference_mode():
        for picture in pictures["rgb"]:
            samples = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
            out = network.compress(samples)
            size = sum(len(strings[0]) for strings in out["strings"])
            results.append(
                (
                    best_s(1, network.compress, samples),
                    best_s(1, network.decompress, out["strings"], out["shape"]),
                    8 * size / picture[:, :, 0].size,
                )
            )
    name = "CompressAI's mbt2018"
    found[name] = tuple(map(statistics.median, zip(*results, strict=True)))  # type: ignore[assignment]
    slow = found[name]
    return [
        {
            "codec": codec,
            "bpp": f"{bpp:.2f}",
            "encode [s]": f"{encode_s:.3f}",
            "decode [s]": f"{decode_s:.3f}",
            "times faster than mbt2018 to encode": f"{slow[0] / encode_s:.1f}",
            "to decode": f"{slow[1] / decode_s:.1f}",
        }
        for codec, (encode_s, decode_s, bpp) in found.items()
    ]


def rdbench_run(
    out: Path, path: Path, name: str, jobs: int, dataset: str, points: str = "1/2"
) -> float:
    program = str(Path(sys.executable).with_name("rdbench"))
    color = "luma" if name.startswith("dumas") else "rgb"
    codec = name.partition("-hybrid")[0]
    extra = "" if codec.startswith("dumas") else ",sweep=beta"
    command = [program, "run", "--codec", f"{codec}:checkpoint={path}{extra},points={points}"]
    command += ["--dataset", dataset, "--color", color, "--metrics", "psnr_db"]
    return wall_s([*command, "--jobs", str(jobs), "--out", str(out)])


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "measurements.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def workers(files: dict[str, Path], rounds: int) -> list[dict[str, str]]:
    rows = []
    pictures = str(kodak() / "kodim1*.png")
    with tempfile.TemporaryDirectory() as scratch:
        from PIL import Image

        tiny = str(Path(scratch) / "tiny.png")
        Image.new("RGB", (64, 64)).save(tiny)
        for name, path in files.items():
            walls: dict[int, list[float]] = {1: [], JOBS: []}
            memory = 0.0
            for number in range(rounds):
                for jobs, times in walls.items():
                    start = Path(scratch) / f"{name}-{number}-{jobs}-start"
                    out = Path(scratch) / f"{name}-{number}-{jobs}"
                    startup_s = rdbench_run(start, path, name, jobs, tiny)
                    times.append(rdbench_run(out, path, name, jobs, pictures) - startup_s)
                    memory = max(memory, *(float(row["peak_rss_mb"]) for row in rows_of(out)))
            rows.append(
                {
                    "codec": name,
                    "one worker [s]": spread(walls[1]),
                    "two workers [s]": spread(walls[JOBS]),
                    "throughput of two": spread(
                        [a / b for a, b in zip(*walls.values(), strict=True)], 2
                    ),
                    "peak memory of a worker [MiB]": f"{memory:.0f}",
                }
            )
    return rows


def large(files: dict[str, Path]) -> list[dict[str, str]]:
    from PIL import Image

    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        picture = str(Path(scratch) / "large.png")
        with Image.open(kodak() / "kodim05.png") as original:
            original.resize((6000, 4000), Image.Resampling.BICUBIC).save(picture)
        for name, path in files.items():
            out = Path(scratch) / name
            rdbench_run(out, path, name, 1, picture, points="2")
            row = rows_of(out)[0]
            rows.append(
                {
                    "codec": name,
                    "status": row["status"],
                    "peak memory [MiB]": f"{float(row['peak_rss_mb']):.0f}",
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=("rate", "time", "workers", "large"))
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    kodak()
    about = (__doc__ or "").split("\n\n")
    with tempfile.TemporaryDirectory() as folder:
        files = random_weights(Path(folder))
        sections = []
        for title, text, measure in (
            ("Rate", about[1], rate),
            ("Time", about[2], lambda: timed(files)),
            ("Workers", about[3], lambda: workers(files, arguments.rounds)),
            ("Large", about[4], lambda: large(files)),
        ):
            if arguments.only in (None, title.lower()):
                table = markdown(measure())
                print(f"{title}\n\n{table}\n", flush=True)
                sections.append([title, " ".join(text.split()), table])
    if arguments.write:
        page = report("Learned codecs", "benchmarks/learned.py", SHOWN, sections)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
