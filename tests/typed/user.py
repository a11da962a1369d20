"""What a user writes: read by type checkers, not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import rdbench


class Half(rdbench.Codec):
    """Keeps the high bits of each sample."""

    name = "half"
    parameter = "step"
    ladder = (16, 4, 1)
    option_table: ClassVar[Mapping[str, rdbench.Option]] = {
        "order": rdbench.Option("C", "order of the samples", choices=("C", "F")),
    }

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        self.step = int(self.point)

    @classmethod
    def version(cls) -> str:
        return "1"

    def encode(self, image: NDArray[np.uint8]) -> bytes:
        height, width, channels = image.shape
        return bytes([height, width, channels]) + (image // self.step).tobytes()

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        samples = np.frombuffer(data[3:], np.uint8) * np.uint8(self.step)
        return samples.reshape(data[0], data[1], data[2])


class MeanError(rdbench.Metric):
    """The mean absolute difference."""

    record = rdbench.MetricRecord("mean_error", "Mean error", higher_is_better=False)

    def score(self, decoded: NDArray[np.uint8]) -> float:
        return float(np.abs(decoded.astype(int) - self.original).mean())


def progress(row: rdbench.Measurement, done: int, total: int) -> None:
    print(f"{done}/{total} {row.label} {row.size_bytes} {row.scores['psnr_db']:.2f} dB")


def main() -> None:
    outcome: rdbench.Outcome = rdbench.run(
        codecs=[Half, "jpeg:chroma=444,points=20/80"],
        datasets="photos",
        metrics=["psnr_db", "metrics.py:MeanError"],
        color="luma",
        out=Path("mine"),
        jobs=2,
        timeout_s=60,
        keep_decoded=True,
        progress=progress,
    )
    size: int | None = outcome.rows[0].size_bytes
    rdbench.run("quickstart", fresh=True)
    rdbench.score("photos", "decoded", codec="other", point=50, metrics="psnr_db")
    rdbench.rescore("mine", ["ssim"])
    joined: Path = rdbench.merge(["mine", "theirs"], "both")
    frame = rdbench.load(joined)
    print(size, frame.columns)
    table = rdbench.bd_table("mine", anchor="jpeg", metrics=["psnr_db"])
    values: list[float] = [row.value for row in table]
    print(values, table.to_frame())
    files: list[Path] = rdbench.plot_rd("mine", metrics="psnr_db", formats=["svg"])
    axes = Axes(Figure(), (0.1, 0.1, 0.8, 0.8))
    own: Axes = rdbench.plot_rd("mine", metrics="psnr_db", labels={"webp": "WebP"}, ax=axes)
    print(own is axes)
    report = rdbench.check("mine", "baseline.csv")
    if not report.fine:
        print(files, [curve.verdict for curve in report.curves])
    rate: float = rdbench.bd_rate([1, 2], [30, 35], [1.5, 2.5], [31, 36])
    print(rate, rdbench.bd_quality([1, 2], [30, 35], [1.5, 2.5], [31, 36], method="akima"))
    for result in rdbench.conformance(Half, timeout_s=10):
        print(result.check, result.status.value, result.detail)
    rdbench.reproduce("lee2019-table", published=True)
    rdbench.import_("bpg.json", dataset="kodak", images=24, out="bpg.csv")
    trained = rdbench.train("balle2018-small", steps=100, device="cpu")
    print(trained.finished, rdbench.Limits(jobs=1), rdbench.Axis("step", (1.0,)))
    try:
        with rdbench.open_weights("weights.bin") as weights:
            weights.read()
    except rdbench.errors.UsageError as error:
        raise rdbench.CodecError(str(error)) from error
