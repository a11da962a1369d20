"""Requests for codecs on a command line or in a file, with their points and options."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from rdbench import environments
from rdbench.codecs import registry
from rdbench.codecs.base import Axis, Option
from rdbench.environments import KINDS, Environment
from rdbench.errors import UsageError
from rdbench.schema import point_text

_N: Final = r"(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_RANGE: Final = re.compile(rf"{_N}\.\.{_N}(?::{_N})?", re.IGNORECASE)
_SEVERAL: Final = re.compile(rf"{_N}(?:[,;\s]+{_N})+", re.IGNORECASE)
_FROM_TO: Final = re.compile(rf"{_N}\s*(?:-|–|:|\.{{3}}|to)\s*{_N}", re.IGNORECASE)
_MOST: Final = 1000  # values of a range
_ITEM: Final = r"(?:[^:/]+\.\.[^:/]+:[^:/]+|[^:/]*)"
_BY_TARGET: Final = re.compile(
    rf"(?!{_N})(?P<goal>.+?):(?P<points>{_ITEM}(?:/{_ITEM})*)", re.IGNORECASE
)


@dataclass(frozen=True)
class CodecRequest:
    """A request for a codec; nothing is looked up or checked yet."""

    target: str
    """A codec's name, ``path/to/file.py:Class``, or ``path/to/file.toml``; optionally with its
    environment (:func:`rdbench.environments.joined`)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Their values; a list of them, such as ``2/4/8``, or a range of numbers, such as ``2..8``,
    gives a curve for each."""
    points: tuple[Any, ...] = ()
    """Values of the rate parameter, or ranges of them, such as ``10..90:10``; empty for the codec's
    ladder."""
    label: str = ""
    goal: str = ""
    """The quantity whose values are the ``points``, if they are targets: ``bpp``, or a metric."""
    tolerance: str | float | None = None
    """How far results may be from them (:class:`rdbench.goals.Tolerance`)."""


def parse_codec(text: str) -> CodecRequest:
    """``NAME``, or ``NAME:option=value,points=a/b/c,label=...``, as the command line has it.

    NAME may be ``path/to/file.py:Class``, and points by target are ``points=bpp:a/b/c``, perhaps
    with ``tolerance=1%``. One of ``python=PATH``, ``conda=NAME`` and ``command=WORDS`` names the
    environment of a codec that is not in this one (:mod:`rdbench.environments`). Raises
    :class:`UsageError` for a part that is not ``option=value``.
    """
    head, _, tail = text.partition(":")
    if head.endswith(".py"):
        class_name, tail = (*re.split("[:,]", tail, maxsplit=1), "")[:2]
        head = f"{head}:{class_name}"
    if not head:
        raise UsageError(f"codec {text!r} has no name; write NAME:option=value,points=a/b/c")
    options: dict[str, str] = {}
    for part in filter(None, tail.split(",")):
        name, equals, value = part.partition("=")
        if not (name and equals):
            listed = "/".join(filter(None, (options.get("points"), part)))
            hint = f"; write points as points={listed}" if re.fullmatch(_N, part) else ""
            raise UsageError(f"codec {text!r}: {part!r} is not of the form option=value{hint}")
        if name in options:
            raise UsageError(f"codec {text!r}: option {name!r} is given twice")
        options[name] = value
    for kind in KINDS:
        if options.get(kind) == "":
            raise UsageError(f"codec {head!r}: `{kind}=` names no environment; name one after it")
    places = [Environment(kind, options.pop(kind)) for kind in KINDS if options.get(kind)]
    goal, points = split_points(options.pop("points", ""))
    label, tolerance = options.pop("label", ""), options.pop("tolerance", None)
    return CodecRequest(within(head, places), options, points, label, goal, tolerance)


def within(codec: str, places: Sequence[Environment]) -> str:
    """The target of ``codec`` in the environment that is named, if any. Raises :class:`UsageError`
    for several environments."""
    if len(places) > 1:
        named = " and ".join(place.text for place in places)
        raise UsageError(f"codec {codec!r}: {named} are two environments; name one")
    return environments.joined(codec, places[0]) if places else codec


def split_points(text: str) -> tuple[str, tuple[str, ...]]:
    """Points in the form ``a/b/c`` or ``TARGET:a/b/c``, split into the target (empty for settings)
    and the values. TARGET is everything before the last ``:`` that is not part of a range."""
    found = _BY_TARGET.fullmatch(text)
    goal, listed = found.group("goal", "points") if found else ("", text)
    return goal, tuple(listed.split("/")) if listed or goal else ()


def spread(request: CodecRequest) -> Iterator[CodecRequest]:
    """A request for each value of options that are lists (``2/4/8``) or ranges (``2..8``); given
    labels are extended by the values. Raises :class:`UsageError` as :func:`values`."""
    for name, value in request.options.items():
        several = isinstance(value, str) and re.search(r"/|\.\.", value)
        if not (several or isinstance(value, list)):
            continue
        option = registry.load(request.target).option_table.get(name)
        texts = _each(option, value, f"codec {request.target!r}: {name}") if option else [value]
        if texts == [value]:
            continue
        for text in texts:
            label = f"{request.label} {name}={text}" if request.label else ""
            yield from spread(
                dataclasses.replace(request, options={**request.options, name: text}, label=label)
            )
        return
    yield request


def _each(option: Option, value: str | list[Any], where: str) -> list[Any]:
    """The values that one of an option stands for: itself, or those of a list or range. Text that
    is free, or is itself a choice (``5/3``), is no list."""
    if isinstance(value, list):
        if not value:
            raise UsageError(f"{where}: the list has no values; give some, or leave it out")
        return value
    if isinstance(option.default, str):
        parts = value.split("/")
        listed = value not in option.choices and all(part in option.choices for part in parts)
        return parts if listed else [value]
    return [text for part in value.split("/") for text in values(part, where)]


def points_of(request: CodecRequest, axis: Axis) -> tuple[float, ...]:
    """The points of a request, checked, or the ladder. Raises :class:`UsageError` for an invalid
    point, with the correct form, and for points by target."""
    where = f"codec {request.target!r}: {axis.parameter}"
    if request.goal:
        raise UsageError(
            f"{where}: points by target ({request.goal}) work only in runs; give values of the "
            "parameter"
        )
    return tuple(
        axis.check(request.target, value)
        for point in request.points or axis.ladder
        for value in (values(point, where) if isinstance(point, str) else [point])
    )


def values(text: str, where: str) -> list[str]:
    """The numbers of a range ``a..b`` or ``a..b:step``, including both ends; other texts are
    returned as they are. Raises :class:`UsageError`, with ``where``, for malformed lists and
    ranges, and for a range without a step between numbers that are not whole."""
    if _SEVERAL.fullmatch(text):
        form = "/".join(re.findall(_N, text))
        raise UsageError(f"{where} {text!r}: separate several values by '/', as in {form}")
    if span := _FROM_TO.fullmatch(text):
        low, high = map(Decimal, span.groups())
        step = max(Decimal(1), abs(high - low) // 8)
        raise UsageError(
            f"{where} {text!r}: write the step of a range after it, as in {low}..{high}:{step}"
        )
    if not (span := _RANGE.fullmatch(text)):
        return [text]
    first, last, step = (Decimal(part) if part else Decimal(0) for part in span.groups())
    if span[3] is None and first == int(first) and last == int(last):
        step = Decimal(1)
    if step <= 0:
        raise UsageError(f"{where} {text!r} needs a step above 0, as in {first}..{last}:STEP")
    count = int(abs(last - first) // step)
    if count >= _MOST:
        raise UsageError(f"{where} {text!r} has {count + 1} values, but only {_MOST} are allowed")
    sign = 1 if last >= first else -1
    return [f"{(first + sign * place * step).normalize():f}" for place in range(count + 1)]


def with_points(
    requests: Sequence[CodecRequest], points: str | Sequence[Any]
) -> list[CodecRequest]:
    """The requests, with these points (values, or a text for :func:`split_points`) for those that
    have none. Raises :class:`UsageError`, naming both codecs, if the points are valid for one of
    them but not for another.
    """
    goal, common = split_points(points) if isinstance(points, str) else ("", tuple(points))
    shared = [
        one if one.points else dataclasses.replace(one, points=common, goal=goal)
        for one in requests
    ]
    if goal:
        return shared
    fitting: list[str] = []
    others: list[tuple[str, str]] = []
    for request, asked in zip(shared, requests, strict=True):
        if asked.points:
            continue
        try:
            codec = registry.load(request.target)
            options = codec.resolve_options(next(spread(request)).options)
            axis = codec.configured(options).axis(options)
        except UsageError:
            continue  # what is wrong with it is said when the run is planned
        scale = f"{axis.parameter} of {request.target!r} is {_scale(axis)}"
        try:
            points_of(request, axis)
            fitting.append(scale)
        except UsageError as error:
            others.append((scale, str(error)))
    if fitting and others:
        scale, reason = others[0]
        raise UsageError(
            f"{reason}; {fitting[0]} and {scale}: `points` needs codecs of one scale; give each "
            "its own, as in NAME:points=A/B"
        )
    return shared


def with_tolerance(requests: Sequence[CodecRequest], tolerance: str | float) -> list[CodecRequest]:
    """The requests, with this tolerance for points by target that have none. Raises
    :class:`UsageError` if there are no such points."""
    if not any(request.goal for request in requests):
        raise UsageError(
            "`tolerance` needs points by target, such as `points='bpp:0.25'`; give some, or "
            "leave it out"
        )
    return [
        dataclasses.replace(one, tolerance=tolerance) if one.goal and one.tolerance is None else one
        for one in requests
    ]


def _scale(axis: Axis) -> str:
    if axis.closed:
        return " or ".join(map(point_text, axis.ladder))
    return f"{point_text(axis.low)} to {point_text(axis.high)}"
