"""The contract of a codec: an image in, bytes out; bytes in, an image out.

The harness alone times, counts bytes, decodes, verifies and scores. A codec cannot report its
own numbers.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from rdbench.errors import UsageError, unknown
from rdbench.pixel_limit import MOST_PIXELS, check_size
from rdbench.sample_format import SampleFormat
from rdbench.schema import point_text
from rdbench.text import quoted

if TYPE_CHECKING:
    from rdbench.network_cost import NetworkCost
    from rdbench.sample_format import Image


@dataclass(frozen=True)
class Option:
    """One option of a codec.

    ``default`` fixes the type: values given as text are converted to it. ``choices`` lists what is
    allowed, or ``low`` and ``high`` bound it. ``labeled`` options appear in the label of the curve
    even at their default; ``color`` options have no meaning for one-channel images and are left out
    of the label there.
    """

    default: str | int | float | bool
    meaning: str
    choices: tuple[str | int | float, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    labeled: bool = False
    color: bool = False
    shown: tuple[str, ...] = ()
    """How each of ``choices`` appears in a label, if not as the value."""
    path: bool = False
    """Whether a value is the path of a file or folder. The label then has only its name, and in an
    experiment file it is relative to that file's folder."""
    silent: bool = False
    """Whether its default is left out of the ``options`` column, for example because the option was
    added after rows without it."""
    effort: bool = False
    """Whether it trades encoding time for rate, like a speed or a preset: curves that differ only
    in it are one codec at several efforts."""

    def text(self, value: str | int | float | bool) -> str:
        """``value`` as it appears in a label."""
        if self.path:
            return PurePath(str(value)).name
        return dict(zip(self.choices, self.shown, strict=False)).get(value, str(value))

    def convert(self, codec: str, name: str, value: Any) -> str | int | float | bool:
        """``value`` (text or already typed) as a valid value, or :class:`UsageError`."""
        kind = type(self.default)
        where = f"codec {codec!r}, option {name!r}"
        if kind is bool:
            table = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if (key := str(value).lower()) not in table:
                raise UsageError(f"{where}: {quoted(value)} is neither true nor false")
            return table[key]
        try:
            converted = kind(value)
            if kind is int and float(value) != converted:
                raise ValueError
        except (OverflowError, TypeError, ValueError):
            raise UsageError(f"{where}: {quoted(value)} is not of type {kind.__name__}") from None
        if self.choices and converted not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise UsageError(f"{where}: {quoted(value)} is not one of {allowed}")
        if isinstance(converted, (int, float)) and not self.low <= converted <= self.high:
            raise UsageError(
                f"{where}: {quoted(value)} is not within {point_text(self.low)} to "
                f"{point_text(self.high)}"
            )
        return converted


def chroma_option(default: str) -> Option:
    """The chroma format of a codec that offers 4:2:0 and 4:4:4; "420" or "444" as a value."""
    return Option(
        default,
        "chroma format: 4:2:0 halves both sides of the chroma planes, 4:4:4 keeps them",
        choices=("420", "444"),
        shown=("4:2:0", "4:4:4"),
        labeled=True,
        color=True,
    )


def threads_option() -> Option:
    """The number of threads of an encoder and decoder, which must not change the stream."""
    return Option(1, "threads of the encoder and the decoder", low=1, high=64)


@dataclass(frozen=True)
class Axis:
    """The rate parameter of a codec with given options: its name, its default points in increasing
    rate, the range of its values, whether they are whole numbers, and whether only the default
    points exist."""

    parameter: str
    ladder: tuple[float, ...]
    low: float = -math.inf
    high: float = math.inf
    integer: bool = False
    closed: bool = False

    def check(self, codec: str, point: Any) -> float:
        """``point`` (text or number) as a valid value, or :class:`UsageError`."""
        where = f"codec {codec!r}: {self.parameter}"
        try:
            value = float(point)
        except (OverflowError, TypeError, ValueError):
            raise UsageError(f"{where} {quoted(point)} is not a number") from None
        if not self.low <= value <= self.high:
            raise UsageError(
                f"{where} {point_text(value)} is not within {point_text(self.low)} to "
                f"{point_text(self.high)}"
            )
        if self.integer and value != int(value):
            raise UsageError(f"{where} {point_text(value)} is not a whole number")
        if self.closed and value not in self.ladder:
            known = ", ".join(point_text(point) for point in self.ladder)
            raise UsageError(f"{where} {point_text(value)} is not one of {known}")
        return value


class Codec(abc.ABC):
    """One codec at one point of its ladder.

    Building an instance may be slow (it may load weights) and is never timed. Decoding uses another
    instance than encoding, perhaps in another process. The stream is self-contained: shape, padding
    and anything else that the decoder needs are in it, and counted. A codec of your own sets
    ``name``, ``parameter`` and ``ladder`` and defines :meth:`encode` and :meth:`decode`; everything
    else has a default.
    """

    name: ClassVar[str]
    """Name on the command line and in the CSV."""
    parameter: ClassVar[str]
    """The rate parameter: ``"quality"``, ``"qp"``, ``"ratio"``, ``"lambda"``, ``"beta"``."""
    ladder: ClassVar[tuple[float, ...]]
    """Default points, in increasing rate."""
    point_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """Smallest and largest value of a point."""
    integer_points: ClassVar[bool] = False
    """Whether points are whole numbers."""
    option_table: ClassVar[Mapping[str, Option]] = {}
    """Everything else that defines the codec (chroma format, transform, preset, ...)."""
    channels: ClassVar[frozenset[int]] = frozenset({1, 3})
    """Numbers of 8-bit channels that it takes without conversion."""
    longest_side: ClassVar[int | None] = None
    """Longest side in pixels that it takes; None for no known limit."""
    longest_side_is: ClassVar[str] = ""
    """The origin of that limit, for the message on a larger image."""
    deterministic: ClassVar[bool] = True
    """Whether the same image gives the same bytes again."""
    lossless: ClassVar[bool] = False
    """Whether the decoded image is always the original."""
    learned: ClassVar[bool] = False
    """Whether its transforms were trained, so that even its best point may be far from the
    original."""
    stream_suffix: ClassVar[str] = ".bin"
    """File name suffix of a kept stream."""

    max_pixels: int = MOST_PIXELS
    """Limit on the picture that :meth:`decode` makes: a stream that declares a larger one is
    refused before it costs memory and time (:meth:`check_size`). It can be set on an instance; the
    harness sets it to the number of pixels of the original."""

    def __init__(self, point: float, **options: Any) -> None:
        self.options: dict[str, Any] = self.resolve_options(options)
        self.point: float = self.axis(self.options).check(self.name, point)

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:  # noqa: ARG003
        """The rate parameter under ``options`` (all of them, resolved)."""
        return Axis(cls.parameter, cls.ladder, *cls.point_range, integer=cls.integer_points)

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options with their values: ``options`` checked and converted, the rest at their
        defaults. Raises :class:`UsageError` for an unknown option (with similar names) or an
        invalid value (with valid ones).
        """
        for name in options:
            if name not in cls.option_table:
                raise unknown(f"option of codec {cls.name!r}", name, cls.option_table)
        return {
            name: option.convert(cls.name, name, options.get(name, option.default))
            for name, option in cls.option_table.items()
        }

    @classmethod
    def effort(cls) -> str:
        """The name of the option that trades encoding time for rate; empty if there is none."""
        return next((name for name, option in cls.option_table.items() if option.effort), "")

    @classmethod
    def told(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """``options`` for the column: without silent ones at their default."""
        table = cls.option_table
        return {
            name: value
            for name, value in options.items()
            if not (table[name].silent and value == table[name].default)
        }

    @classmethod
    def configured(cls, options: Mapping[str, Any]) -> type[Codec]:  # noqa: ARG003
        """The class that represents the codec with ``options``, for class methods that do not take
        them, such as its version. Raises :class:`UsageError`."""
        return cls

    @classmethod
    def label(cls, options: Mapping[str, Any], *, color: bool = True) -> str:
        """Name of the curve: the codec's name with its labeled and its non-default options."""
        words = [cls.name]
        for name, option in cls.option_table.items():
            value = options[name]
            if option.color and not color:
                continue
            if option.labeled:
                words.append(option.text(value))
            elif value != option.default:
                words.append(f"{name}={option.text(value)}")
        return " ".join(words)

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:  # noqa: ARG003
        """Raise :class:`rdbench.errors.MissingBackendError`, which says what to install, if
        something that the codec needs with ``options`` is missing. It is called once, before a
        run."""
        return

    @classmethod
    def takes(cls, options: Mapping[str, Any]) -> frozenset[SampleFormat]:  # noqa: ARG003
        """The sample formats that it takes without conversion with ``options``."""
        return frozenset(map(SampleFormat, cls.channels))

    @classmethod
    def version(cls) -> str:
        """Library and encoder with their versions, as precisely as possible."""
        return ""

    @classmethod
    def provenance(
        cls,
        options: Mapping[str, Any],  # noqa: ARG003
        points: Sequence[float],  # noqa: ARG003
    ) -> dict[str, Any]:
        """Everything else that decides the bytes, as plain data for ``run.json``: programs with
        path, version, SHA-256 and command lines; weights. A run continues only if it is
        unchanged."""
        return {}

    @abc.abstractmethod
    def encode(self, image: Image) -> bytes:
        """The stream of ``image``: uint8, (height, width, channels), 1 or 3 channels, sRGB or
        luma. The array must be left as it is. Raises :class:`rdbench.CodecError`."""

    @abc.abstractmethod
    def decode(self, data: bytes) -> Image:
        """The image of a stream, from its bytes alone: uint8, the shape of the original. Raises
        :class:`rdbench.errors.BitstreamError` for bytes that are not a stream of this codec."""

    def check_size(self, width: int, height: int) -> None:
        """Raise :class:`rdbench.errors.BitstreamError` for a declared size of more than
        :attr:`max_pixels`: to be called in :meth:`decode` as soon as the size is known."""
        check_size(width, height, self.max_pixels)

    def device(self) -> str:
        """Where it computes: ``"cpu"``, or the name of a GPU."""
        return "cpu"

    def payload_bytes(self, data: bytes) -> int | None:  # noqa: ARG002
        """Length of the entropy-coded part of a stream, if the codec knows it."""
        return None

    def estimated_bits(self, image: Image) -> float | None:  # noqa: ARG002
        """The model's own estimate of the rate of ``image`` in bits, if it has one."""
        return None

    def network_cost(self, channels: int) -> NetworkCost | None:  # noqa: ARG002
        """The cost of its networks for images with this number of channels, if it has networks."""
        return None

    def converted(self, image: Image) -> Image | None:  # noqa: ARG002
        """``image`` after only the color and format conversions of the codec, there and back, if
        rdbench makes them. Its PSNR is the ceiling of the codec."""
        return None

    def usable(self) -> bool:
        """Whether it can be called again. If its process has ended, another instance is built."""
        return True

    def accounted(self) -> bool:
        """Whether it works in the calling process or a child of it, so that its processor time and
        memory are known. Otherwise these columns are empty."""
        return True

    def close(self) -> None:
        """Release what the instance holds."""
        return


@dataclass(frozen=True)
class CodecEntry:
    """The location of a codec, before anything of it is imported."""

    name: str
    target: str
    """``module:Class``"""
    summary: str = ""
    install: str = ""
    """What to install when its backend is missing, such as ``pip install pillow-heif``."""
