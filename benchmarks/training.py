"""The overhead of `rdbench train`, and its speed.

A training on 256×256 crops in batches of 8, as `rdbench train` carries it out: images are decoded
and kept, crops are drawn, the weights are averaged, and a log is written. After each row of the log
(20 steps), a bare loop takes as many steps with the same network, loss and optimizers, but with one
fixed batch in memory, no average and no log. The ratio is that of the two times, round by round.
Waiting is the part of a step in which the training waits for images.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from common import kodak, markdown, report, spread

PAGE = Path(__file__).parent / "training.md"
SHOWN = ("numpy", "torch")
NETWORKS = {
    "dumas2018, 128 maps, luma": ("dumas2018", "case = 2\nmaps = 128", 10000.0, "luma"),
    "balle2018, N = 128, M = 192": ("balle2018", "hidden = 128\nlatents = 192", 0.0067, "rgb"),
}
CONFIGURATION = """
architecture = "{architecture}"
lambdas = [{rate}]
[network]
{network}
[data]
train = ["{images}"]
validation = "{images}"
color = "{color}"
crop = 256
batch = 8
[optimizer]
steps = {steps}
warm_up = 0.0
[run]
device = "{device}"
validate_every = 0
validate_images = 1
"""


def measure(title: str, rounds: int, device: str, threads: int) -> dict[str, str]:
    import torch

    from rdbench.models import architectures
    from rdbench.training import configuration_file, family, trainers
    from rdbench.training.data import Crops, Pictures
    from rdbench.training.stretch import LOG_EVERY, Status

    architecture, network, rate, color = NETWORKS[title]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.toml"
        text = CONFIGURATION.format(
            architecture=architecture,
            rate=rate,
            network=network,
            images=kodak(),
            color=color,
            steps=(rounds + 1) * LOG_EVERY,
            device=device,
        )
        path.write_text(text, encoding="utf-8")
        configuration = configuration_file.read(path)
        data, member = configuration.data, configuration.members[0]
        bare: Any = architectures.build(configuration.card(member))
        bare = bare.to(device, memory_format=torch.channels_last).train()
        trainer = trainers.of(architecture)(
            bare, rate, "mse", configuration.optimizer, scratch=True
        )
        pictures = Pictures(data.train, color=color, side=256, memory_mib=data.memory_mib)
        crops = Crops(pictures, data, (0, 0)).batch(0).to(device).float() * (bare.peak / 255)
        generator = torch.Generator(device).manual_seed(0)
        rows: list[dict[str, float]] = []

        def alternate(status: Status) -> None:
            start = time.perf_counter()
            for _ in range(LOG_EVERY):
                measured = trainer.step(crops, generator, 0.5)
            measured.loss.item()  # waits for the device
            bare_s = (time.perf_counter() - start) / LOG_EVERY
            rows.append({**status.values, "bare_s": bare_s})

        family.train(configuration, Path(folder) / "out", threads=threads, report=alternate)
    rows = rows[1:]
    return {
        "network": title,
        "step [ms]": spread([1000 * row["step_s"] for row in rows], 0),
        "images/s": spread([row["images_per_s"] for row in rows]),
        "waiting [%]": spread([100 * row["data_s"] / row["step_s"] for row in rows], 2),
        "bare step [ms]": spread([1000 * row["bare_s"] for row in rows], 0),
        "ratio": spread([row["step_s"] / row["bare_s"] for row in rows], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    about = " ".join(__doc__.split("\n\n")[1].split())
    table = markdown(
        [measure(name, arguments.rounds, arguments.device, arguments.threads) for name in NETWORKS]
    )
    print(table, flush=True)
    if arguments.write:
        where = f"{about} On {arguments.device}, {arguments.threads} threads."
        sections = [["Training", where, table]]
        PAGE.write_text(
            report("Training", "benchmarks/training.py", SHOWN, sections), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
