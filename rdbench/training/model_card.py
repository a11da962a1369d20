"""The model card of trained weights, as Markdown for people."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rdbench.models.weights import read_card
from rdbench.schema import point_text
from rdbench.tables import code, escaped, grid
from rdbench.training.configuration import BLOCK_TRANSFORM, FINISH_SPEED, NEIGHBOR

_STARTS = {
    "": "random weights",
    NEIGHBOR: "the network before it in its family",
    BLOCK_TRANSFORM: "a block transform (`rdbench.training.block_transform`)",
}


def model_card(path: Path, figure: str) -> str:
    """What there is to know of the weights in the file ``path``, made by ``rdbench train``, with a
    link to the ``figure`` of its losses."""
    name, card = path.stem, read_card(path)
    told = card.training
    arguments = escaped(", ".join(f"{key} {value}" for key, value in card.configuration.items()))
    held_out = told["validation"]
    parameters = f"{arguments}; {told['parameters']:,} parameters"
    hardware = escaped(told["hardware"])
    rows = {
        "architecture": f"{code(card.architecture)}: {parameters}",
        "trained for": f"{escaped(told['optimized'])}, lambda {point_text(told['lambda'])}",
        "data": _data(told),
        "started from": _STARTS.get(told["start"], code(told["start"])),
        **({"trained": "the entropy model alone, on cached latents"} if told.get("frozen") else {}),
        "steps": _steps(told),
        **{key: escaped(f"{value}") for key, value in told.get("trainer", {}).items()},
        "schedule": _schedule(told["optimizer"], told["speed"]),
        "precision": _precision(told),
        "time": f"{datetime.timedelta(seconds=round(told['seconds']))} (h:mm:ss) of steps",
        "hardware": f"{hardware}, {told['threads']} thread(s); torch {told['torch']}",
        "seed": str(told["seed"]),
        f"real streams of {escaped(told['validated_on'])}": (
            f"{held_out['bpp']:.4f} bit/px (estimated {held_out['estimated_bpp']:.4f}), "
            f"{held_out['psnr_db']:.3f} dB"
        ),
    }
    return "\n\n".join(
        [
            f"# {escaped(name)}",
            grid(("", ""), rows.items(), text_columns=2),
            f"![Loss of {escaped(name)} over its steps]({figure})\n",
        ]
    )


def _data(told: Mapping[str, Any]) -> str:
    parts = [f"{told['images']} images of {escaped(', '.join(told['data']))}"]
    parts.append(f"random crops of {told['crop']}×{told['crop']}")
    if told["smallest_scale"] < 1:
        parts.append(f"reduced by factors from {told['smallest_scale']:g} to 1")
    if told["flips"]:
        parts.append("half of them mirrored")
    # Cards of the first trainings do not have these.
    if told.get("vertical_flips"):
        parts.append("half of them turned upside down")
    if told.get("transposes"):
        parts.append("half of them transposed")
    if told.get("permute_colors"):
        parts.append("their colors shuffled")
    return ", ".join(parts)


def _steps(told: Mapping[str, Any]) -> str:
    text = f"{told['steps']:,} of {told['batch']} crops"
    if finish := told["optimizer"].get("finish_steps"):
        text += f", the last {finish:,} in float32 with {FINISH_SPEED:.0%} of the rates"
    return text


def _schedule(optimizer: Mapping[str, Any], speed: float) -> str:
    adam = f"Adam {speed * optimizer['rate']:g}"
    if optimizer["method"] == "muon":
        adam = f"Muon {speed * optimizer['kernel_rate']:g} for kernels, {adam} for the rest"
    parts = [adam]
    if (factor := optimizer.get("density_rate", 1.0)) != 1:
        delay = optimizer.get("density_delay", 0.0)
        after = f" after {delay:.0%} of the steps" if delay else ""
        parts.append(f"{factor:g} times that for densities{after}")
    parts.append(f"warm-up {optimizer['warm_up']:.0%} of the steps")
    if optimizer["schedule"] == "steps":
        drops = ", ".join(f"{drop:.0%}" for drop in optimizer["drops"])
        parts.append(f"times {optimizer['factor']:g} at {drops} of the steps")
    else:
        parts.append("then a cosine to a hundredth")
    if optimizer["average"]:
        parts.append(f"moving average of the weights ({optimizer['average']:g})")
    return ", ".join(parts)


def _precision(told: Mapping[str, Any]) -> str:
    if "float16_costs_db" not in told:
        return f"{told['precision']}; stored as float32"
    costs = told["float16_costs_db"]
    return f"{told['precision']}; stored as float16, which costs {costs:.4f} dB"
