"""Codecs in another environment (:mod:`rdbench.environments`). Each is asked once for its
description; then a process there, one for each worker, does the coding. To the runner they are
codecs like others: it times them, including the transfer over pipes, counts their bytes, decodes,
verifies and scores in its own process.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import pickle
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
import numpy as np

from rdbench import environments, plugins, programs
from rdbench.codecs.base import Codec, Option
from rdbench.environments import Environment
from rdbench.environments.server import Server
from rdbench.errors import CodecError, RdbenchError, UsageError
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

SHOWN: Final = 6
"""Packages of an environment that the version names; ``run.json`` has all."""
_FIRST: Final = ("numpy", "torch", "tensorflow", "jax", "compressai")


class OptionTold(msgspec.Struct, frozen=True):
    """An option, as a worker tells it."""

    default: str | bool | int | float
    meaning: str = "as the codec's file says"
    choices: tuple[str | int | float, ...] = ()
    low: float | None = None
    high: float | None = None
    labeled: bool = False
    color: bool = False
    shown: tuple[str, ...] = ()
    path: bool = False
    silent: bool = False

    def option(self) -> Option:
        values = msgspec.structs.asdict(self)
        low, high = values.pop("low"), values.pop("high")
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        return Option(**values, low=low, high=high)


class EnvironmentTold(msgspec.Struct, frozen=True):
    """The description of its environment, from a worker."""

    python: str = ""
    packages: dict[str, str] = {}


class Told(msgspec.Struct, frozen=True):
    """The description of its codec, from a worker."""

    name: str
    parameter: str
    ladder: tuple[float, ...]
    point_range: tuple[float | None, float | None] = (None, None)
    integer_points: bool = False
    options: dict[str, OptionTold] = {}
    channels: tuple[int, ...] = (1, 3)
    longest_side: int | None = None
    longest_side_is: str = ""
    deterministic: bool = True
    lossless: bool = False
    learned: bool = False
    stream_suffix: str = ".bin"
    version: str = ""
    asked: tuple[str, ...] = ()
    """The methods beyond encoding and decoding that it has."""
    source: dict[str, str] = {}
    """SHA-256 of its files, by their names as seen from the codec's."""
    environment: EnvironmentTold = EnvironmentTold()


_told: Final[dict[str, tuple[object, Told]]] = {}
"""By target: of which state of its files, and what was told."""
_servers: Final[dict[str, Server]] = {}
"""By target: the worker of this process."""


def load(target: str) -> type[Codec]:
    """The class of a codec in an environment. Raises :class:`UsageError`, with what to change, if
    it cannot be used."""
    codec, environment = _split(target)
    known = _told.get(target)
    if known is None or known[0] not in (None, _state(codec, environment)):
        with programs.swept(), contextlib.closing(Server(environment)) as server:
            _told[target] = _state(codec, environment), _asked(server, codec)
    return _class_of(target, _told[target][1])


def told(targets: Iterable[str]) -> dict[str, bytes]:
    """What is known of the codecs among ``targets``, for :func:`adopt` in another process."""
    return {target: pickle.dumps(_told[target][1]) for target in targets if target in _told}


def adopt(target: str, data: bytes) -> None:
    """Adopt the descriptions that another process has got: a worker here with a different
    description is refused."""
    _told[target] = None, pickle.loads(data)  # noqa: S301 - of our own parent


def source(target: str) -> dict[str, str]:
    """The SHA-256 of the files that make a codec, as they are now: of a file of Python and what it
    imports from beside it, and of those of a command line. Raises :class:`OSError`."""
    codec, environment = _split(target)
    file = plugins.split(codec)
    if file and file[0].is_file():
        return environment.source() | plugins.digests(file[0])
    return environment.source() | _told[target][1].source


def _split(target: str) -> tuple[str, Environment]:
    found = environments.split(target)
    assert found
    codec, environment = found
    if environment.kind != "command":
        file = plugins.split(codec)
        if file is None:
            raise UsageError(
                f"codec {codec!r} is not of the form FILE.py:Class, which a codec in a Python "
                "environment needs"
            )
        if not file[0].is_file():
            raise UsageError(f"codec file {str(file[0])!r}: there is no such file")
    return codec, environment


def _state(codec: str, environment: Environment) -> object:
    """What must be the same for what was told to hold."""
    file = plugins.split(codec)
    here = file is not None and file[0].is_file()
    digests = plugins.digests(file[0]) if file and here else {}
    return environment.source(), digests


def _asked(server: Server, codec: str) -> Told:
    """What the worker tells of ``codec``, checked."""
    file = plugins.split(codec)
    here = f"{file[0].absolute()}:{file[1]}" if file and file[0].is_file() else codec
    answer = server.load(here)
    where = f"codec {codec!r} in environment {server.environment.text!r}"
    try:
        found = msgspec.convert(answer, Told)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: the description by its worker is wrong: {error}") from None
    if not found.name or not found.ladder:
        raise UsageError(f"{where}: it has no {'ladder' if found.name else 'name'}")
    if not set(found.channels) <= {1, 3}:
        raise UsageError(f"{where}: its channels are {found.channels}; only 1 and 3 are possible")
    return found


def _server(target: str) -> Server:
    """The worker of this process, which is started where it is not there or has ended."""
    server = _servers.get(target)
    if server is None or not server.alive:
        if server is not None:
            server.close()
        codec, environment = _split(target)
        server = Server(environment)
        try:
            found = _asked(server, codec)
            if target in _told and found != _told[target][1]:
                raise RdbenchError(
                    f"codec {codec!r} in environment {environment.text!r} has changed since the "
                    f"run began ({_difference(_told[target][1], found)}); run the same command "
                    "again"
                )
        except BaseException:
            server.close()
            raise
        _servers[target] = server
    return server


def _difference(before: Told, now: Told) -> str:
    for name in Told.__struct_fields__:
        one, other = getattr(before, name), getattr(now, name)
        if one != other:
            return one_line(f"{name}: {one} there, {other} now", 200)
    return ""


class Foreign(Codec):
    """A codec in an environment; its subclasses are made of what it tells."""

    target: ClassVar[str]
    told_of: ClassVar[Told]

    _numbers: ClassVar[Iterable[int]] = itertools.count(1)

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        self._server = _server(self.target)
        self._number = next(iter(self._numbers))
        request = {"do": "open", "point": self.point, "options": self.options}
        answer, _ = self._ask(request)
        self._device = str(answer.get("device", "cpu"))

    @classmethod
    def version(cls) -> str:
        """What the codec says, and what it runs by."""
        place = cls.told_of.environment
        names = sorted(place.packages, key=lambda name: (name not in _FIRST, name))
        shown = [place.python, *(f"{name} {place.packages[name]}" for name in names[:SHOWN])]
        return "; ".join(filter(None, (cls.told_of.version, ", ".join(filter(None, shown)))))

    @classmethod
    def provenance(
        cls,
        options: Mapping[str, Any],  # noqa: ARG003
        points: Sequence[float],  # noqa: ARG003
    ) -> dict[str, Any]:
        """Where it lives, with the versions of all packages there."""
        _, environment = _split(cls.target)
        place = msgspec.to_builtins(cls.told_of.environment)
        return {"environment": {**place, "path": environment.text}}

    def encode(self, image: Image) -> bytes:
        request = {"do": "encode", "shape": image.shape, "dtype": str(image.dtype)}
        return bytes(self._ask(request, _samples(image))[1])

    def decode(self, data: bytes) -> Image:
        answer, samples = self._ask({"do": "decode"}, data)
        try:
            found = np.frombuffer(samples, answer["dtype"]).reshape(answer["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise CodecError(
                f"its worker decoded to {len(samples)} bytes, which are not samples of shape "
                f"{answer.get('shape')} and type {answer.get('dtype')}: {error}"
            ) from None
        return found if answer.get("contiguous", True) else np.asfortranarray(found)

    def device(self) -> str:
        return self._device

    def payload_bytes(self, data: bytes) -> Any:
        return self._optional("payload_bytes", {}, data)

    def estimated_bits(self, image: Image) -> Any:
        request = {"shape": image.shape, "dtype": str(image.dtype)}
        return self._optional("estimated_bits", request, _samples(image))

    def usable(self) -> bool:
        return self._server.alive

    def accounted(self) -> bool:
        return self._server.accounted

    def close(self) -> None:
        if self._server.alive:
            self._ask({"do": "close"})

    def _optional(
        self, method: str, request: Mapping[str, Any], payload: bytes | memoryview
    ) -> Any:
        if method not in self.told_of.asked:
            return None
        return self._ask({"do": method, **request}, payload)[0].get("value")

    def _ask(
        self, request: Mapping[str, Any], payload: bytes | memoryview = b""
    ) -> tuple[dict[str, Any], bytearray]:
        return self._server.ask({**request, "instance": self._number}, payload)


def _samples(image: Image) -> memoryview:
    return np.ascontiguousarray(image).reshape(-1).data


def _class_of(target: str, told_of: Told) -> type[Foreign]:
    low, high = told_of.point_range
    attributes = {
        "target": target,
        "told_of": told_of,
        "name": told_of.name,
        "parameter": told_of.parameter,
        "ladder": told_of.ladder,
        "point_range": (-math.inf if low is None else low, math.inf if high is None else high),
        "integer_points": told_of.integer_points,
        "option_table": {name: one.option() for name, one in told_of.options.items()},
        "channels": frozenset(told_of.channels),
        "longest_side": told_of.longest_side,
        "longest_side_is": told_of.longest_side_is,
        "deterministic": told_of.deterministic,
        "lossless": told_of.lossless,
        "learned": told_of.learned,
        "stream_suffix": told_of.stream_suffix,
    }
    return type("Foreign", (Foreign,), attributes)
