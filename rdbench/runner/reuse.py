"""Which measurements of other runs equal those that this run would make. A wrong answer here is a
wrong number that nobody notices. A row is therefore reused only if everything that it may depend on
is the same; in case of doubt, it is measured. It depends on (:class:`Fingerprint`,
:meth:`Reuse._key`):

- the samples of the image, their shape and their format;
- the codec, where its class is, all of its options, its point and what its points are;
- its identity (:func:`rdbench.provenance.identity`): version, programs, command lines, weights,
  source, files that options name, the search for a target; and the files that it opened, which are
  checked again when an entry is found;
- the libraries that programs are linked with, the definition of a program codec;
- every metric's revision, version, source and programs;
- rdbench's own source as far as it takes part in measuring, all installed packages, Python, the
  processor, and the environment variables except those of a session.

Some rows are neither taken nor stored: those of codecs whose code cannot be identified
(:func:`refusal`), of a GPU, of other machines, repetitions, rows that failed or carry a message,
and rows that lack the value of a metric.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from rdbench import metrics, plugins, programs, provenance
from rdbench.codecs import handed, registry
from rdbench.errors import RdbenchError
from rdbench.experiment import CodecPlan, Task
from rdbench.files import sha256
from rdbench.host import processor
from rdbench.images import ImageRef, pixel_sha256
from rdbench.manifest import DECISIVE
from rdbench.metrics import MetricRecord
from rdbench.network_cost import NetworkCost
from rdbench.provenance import decisive
from rdbench.runner.cache import Cache, Entry
from rdbench.runner.identities import Identities
from rdbench.runner.rows import Job, Measured, base, stays
from rdbench.sample_format import SampleFormat
from rdbench.schema import OK, PINNED, TIMINGS, Measurement, header

APART: Final = (
    *("api", "bd", "cli", "conforming", "curves", "gate", "importing", "inspection", "plots"),
    *("galleries.py", "reporting", "reproducing", "training"),
)
"""Parts of rdbench that take no part in measuring."""
SESSION: Final = re.compile(
    r"(COLORTERM|COLUMNS|DBUS_.*|DISPLAY|EDITOR|HIST.*|HOSTNAME|LESS.*|LINES|LOGNAME|LS_COLORS"
    r"|MAIL|OLDPWD|PAGER|PATH|PROMPT.*|PS\d|PWD|PYTEST_.*|SHELL|SHLVL|SSH_.*|TERM.*|TMPDIR|TMUX.*|USER"
    r"|VIRTUAL_ENV.*|VISUAL|WINDOWID|XDG_RUNTIME_.*|XDG_SESSION_.*|XDG_SEAT|XDG_VTNR|_|CI|CI_.*|GITHUB_.*|RUNNER_.*|RDBENCH_DATA)"
)
"""Environment variables that change from shell to shell and decide no bytes."""
_IMAGE: Final = {
    "sha256": "image_sha256",
    "width": "width",
    "height": "height",
    "channels": "channels",
    "sample_format": "sample_format",
}
"""What a row says of its image; the shape is no part of the digest."""
_ELF: Final = b"\x7fELF"
_STATIC: Final = "not a dynamic executable"
_PACKAGES: Final = ("/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/lib/apk/db/installed")
_LIBRARY: Final = re.compile(r"(?:=>\s+|^\s*)(/\S+)\s+\(0x", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Taken:
    """A row from the cache, with what a run stores with it."""

    row: Measurement
    opened: Mapping[str, str]
    notes: tuple[str, ...]
    cost: NetworkCost | None


class Reuse:
    """A run's access to a cache. ``times``: whether rows are taken with their times, which are
    otherwise left empty; ``timing``: whether times must come from ``--timing`` on this machine.
    ``run`` is the run's directory, which entries name.
    """

    def __init__(
        self,
        cache: Cache,
        records: Sequence[MetricRecord],
        identities: Identities,
        run: Path,
        *,
        times: bool,
        timing: bool,
    ) -> None:
        self._cache, self._identities, self._run = cache, identities, run
        self._times, self._timing = times, timing
        self._metrics = {record.name: metric_digest(record) for record in records}
        self._common = fingerprint()
        self._images: dict[ImageRef, dict[str, Any] | None] = {}
        self._codecs: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, str] = {}
        """Curves of which nothing is taken or kept, with why."""
        unknown = [record.name for record in records if metric_refusal(record)]
        self._all_refused = (
            f"metric {unknown[0]!r} has code that cannot be identified" if unknown else ""
        )

    @property
    def folder(self) -> Path:
        """That of the cache."""
        return self._cache.folder.absolute()

    @property
    def notes(self) -> list[str]:
        """Notes: what the cache could not do, and which curves do not use it."""
        refused = [f"{label}: not cached: {why}" for label, why in self.refused.items() if why]
        return [*self._cache.said, *refused]

    def taken(self, job: Job) -> Taken | None:
        """The row of a job as another run has measured it; None if it must be measured."""
        if job.there is not None or not self._cache.filled:
            return None
        image = self._image(job.task.image)
        key = self._key(job.task, image) if image else None
        entry = self._cache.get(key) if key else None
        if entry is None:
            return None
        found = self._checked(job, entry)
        if found is None or not self._timing:
            return found
        # Without `times`, a row that is taken has none.
        pinned_here = found.row.timing == PINNED and found.row.host == platform.node()
        return found if pinned_here else None

    def keep(self, job: Job, row: Measurement, found: Measured) -> None:
        """Keep a row that was measured now, for other runs."""
        image = {name: getattr(row, column) for name, column in _IMAGE.items()}
        image["color"] = job.task.image.color
        if (
            row.status != OK
            or row.message
            or row.unscored
            or row.device != "cpu"
            or row.host != platform.node()
            or row.repeat
            or row.reused
            or stays(job, found)
            or not {*self._metrics} <= {*row.scores}
            or (key := self._key(job.task, image)) is None
        ):
            return
        scores = dict(row.scores)
        digests = {name: self._metrics.get(name, "") for name in scores}
        there = self._cache.get(key)
        if there is not None and there["core"]["decoded_sha256"] == row.decoded_sha256:
            scores = {**there["scores"], **scores}
            digests = {**there["metrics"], **digests}
        core = dict(zip(header(), row.cells(), strict=True))
        for column in ("stream_file", "decoded_file"):
            core[column] = ""
        self._cache.put(
            key,
            {
                "core": core,
                "scores": {name: repr(float(score)) for name, score in scores.items()},
                "metrics": digests,
                "opened": dict(found.opened),
                "notes": list(found.notes),
                "cost": found.cost.plain() if found.cost else None,
                "run": str(self._run),
                "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            },
        )

    def _checked(self, job: Job, entry: Entry) -> Taken | None:
        """The row of an entry, if it is what its key says and has all that is asked for."""
        task = job.task
        names = tuple(self._metrics)
        if any(entry["metrics"].get(name) != self._metrics[name] for name in names):
            return None
        opened = dict(entry["opened"])
        if provenance.opened(opened) != opened:
            return None
        scores = {name: float(entry["scores"][name]) for name in names}
        row = Measurement.from_cells(entry["core"])
        image = self._image(task.image)
        told = base(task)
        identity = row.identity
        if image is None or any(
            getattr(row, column) != wanted
            for column, wanted in {
                **{name: told[name] for name in ("codec", "options", "parameter", "point")},
                **{column: image[name] for name, column in _IMAGE.items()},
                "status": OK,
            }.items()
        ):
            return None
        origin = f"{entry['run']} at {entry['when']}"
        changes: dict[str, Any] = {**told, "scores": scores, "reused": origin}
        if not self._times:
            changes |= dict.fromkeys(TIMINGS) | {"timing": ""}
        row = dataclasses.replace(row, **changes)
        if self._identities.stamped(row, opened)[0].identity != identity:
            return None
        cost = NetworkCost.of(entry["cost"]) if entry["cost"] else None
        return Taken(row, opened, tuple(entry["notes"]), cost)

    def _key(self, task: Task, image: Mapping[str, Any]) -> str | None:
        """The digest of everything that decides a row; None if that is unknown."""
        plan = task.codec
        if task.repeat or self._all_refused:
            return None
        record = self._identities.now[plan.name, plan.options_text, task.point]
        codec = self._codec(plan)
        if self.refused.get(plan.label):
            return None
        if record.get("version", "").startswith("not told: "):
            return None
        return digest(
            {
                "common": self._common,
                "image": dict(image),
                "codec": codec,
                "point": task.point,
                "identity": record,
            }
        )

    def _codec(self, plan: CodecPlan) -> dict[str, Any]:
        if plan.label not in self._codecs:
            self.refused[plan.label] = self._all_refused or refusal(plan)
            codec = plan.codec()
            definition = getattr(codec, "definition", None)
            users = plugins.split(plan.target) is not None or plan.target.endswith(".toml")
            self._codecs[plan.label] = {
                "name": plan.name,
                "class": f"{codec.__module__}:{codec.__qualname__}",
                "options": {name: str(value) for name, value in plan.resolved().items()},
                "written": plan.options_text,
                "parameter": plan.parameter,
                "goal": plan.goal.decides() if plan.goal else None,
                # What a user's code reads may be named from where it is, or from where it runs.
                "place": [registry.place(plan.target), str(Path.cwd())] if users else "",
                "definition": sha256(definition.path) if definition else "",
                "libraries": [libraries(program["path"]) for program in self._programs(plan)],
            }
        return self._codecs[plan.label]

    def _programs(self, plan: CodecPlan) -> list[dict[str, Any]]:
        told = self._identities.provenance.get(plan.label, {}).get("programs", {})
        return list(told.values())

    def _image(self, ref: ImageRef) -> dict[str, Any] | None:
        """What an image is; None if it cannot be read."""
        if ref not in self._images:
            try:
                pixels = ref.load()
            except RdbenchError:
                self._images[ref] = None
            else:
                height, width, channels = pixels.shape
                self._images[ref] = {
                    "sha256": pixel_sha256(pixels),
                    "width": width,
                    "height": height,
                    "channels": channels,
                    "sample_format": SampleFormat.of(pixels).text,
                    "color": ref.color,
                }
        return self._images[ref]


def refusal(plan: CodecPlan) -> str:
    """Why rows of a codec are never taken from other runs; empty if they may be."""
    if handed.find(plan.target):
        return "it was given as a class, and what else the class refers to cannot be identified"
    codec = plan.codec()
    if any(base.__module__ == "rdbench.codecs.foreign" for base in codec.__mro__):
        return "it runs in its own environment, whose packages cannot be identified"
    others = [
        base
        for base in codec.__mro__
        # The class of a program codec is made of its definition.
        if not base.__module__.startswith(("rdbench.", "abc", "builtins"))
        and "definition" not in vars(base)
    ]
    if others and not plugins.split(plan.target):
        return "it belongs to another package, whose code cannot be identified"
    told = codec.provenance(plan.resolved(), plan.settings[:1]).get("programs", {})
    for program in told.values():
        if libraries(program["path"]) is None:
            return f"{program['path']} is a script, or its libraries cannot be identified"
    return ""


def metric_refusal(record: MetricRecord) -> str:
    """Why rows with a metric are never taken from other runs; empty if they may be."""
    told = metrics.provenance(record)
    if "missing" in told:
        return "it is not installed"
    own = record.target.startswith("rdbench.") or told["source"] or told["programs"]
    return "" if own else "it belongs to another package"


def metric_digest(record: MetricRecord) -> str:
    """What decides the numbers of a metric."""
    told = metrics.provenance(record)
    linked = [libraries(program["path"]) for program in told["programs"].values()]
    return digest(
        {
            **{key: decisive(told[key]) for key in DECISIVE},
            "plain": record.plain(),
            "libraries": linked,
        }
    )


def fingerprint() -> str:
    """The digest of what all measurements of this process depend on."""
    packages = sorted(
        {f"{found.name}=={found.version}" for found in metadata.distributions() if found.name}
    )
    environment = {
        name: os.fsdecode(value)
        for key, value in programs.users_environment().items()
        if not SESSION.fullmatch(name := os.fsdecode(key))
    }
    return digest(
        {
            "rdbench": source_digest(),
            "packages": packages,
            "python": sys.version,
            "machine": [platform.machine(), platform.system(), processor(), *platform.libc_ver()],
            "environment": environment,
        }
    )


def source_digest() -> str:
    """The digest of rdbench's own files, but for :data:`APART`."""
    root = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root)
        if path.is_file() and place.parts[0] not in APART and "__pycache__" not in place.parts:
            found.update(f"{place.as_posix()}\0{sha256(path)}\n".encode())
    return found.hexdigest()


def libraries(program: str) -> list[tuple[str, str]] | None:
    """Path and SHA-256 of the shared libraries that a program is linked with (ldd(1)), and of the
    tables of installed packages, as programs load others by themselves; None if they cannot be
    identified, as for a script."""
    ldd = shutil.which("ldd")
    try:
        with Path(program).open("rb") as file:
            if ldd is None or file.read(4) != _ELF:
                return None
        ran = subprocess.run(
            [ldd, program], capture_output=True, text=True, timeout=30, check=False
        )
        if "not found" in ran.stdout or (ran.returncode and _STATIC not in ran.stdout + ran.stderr):
            return None
        paths = {os.path.realpath(path) for path in _LIBRARY.findall(ran.stdout)}
        paths |= {path for path in _PACKAGES if Path(path).exists()}
        return [(path, sha256(Path(path))) for path in sorted(paths)]
    except (OSError, subprocess.SubprocessError):
        return None


def digest(plain: Any) -> str:
    """The SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
