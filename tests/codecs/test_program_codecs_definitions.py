"""Every program codec, with the real programs: definitions, sizes and options."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rdbench import metrics
from rdbench.codecs import registry
from rdbench.codecs.base import Codec
from rdbench.conforming.material import photograph
from tests.codecs.programs import NAMES, codec, load

Image = NDArray[np.uint8]

SLOW = {"hm", "vtm", "vvenc"}
"""Encoders that are far from finished after a second."""
SAME = [("kvazaar", "preset", "placebo")]
"""Choices that differ from the default in how they code other frames than intra."""


def each(*names: str) -> list[Any]:
    slow = [pytest.mark.slow, pytest.mark.timeout(900)]
    return [pytest.param(name, marks=slow if name in SLOW else []) for name in names]


def chroma_formats(name: str) -> list[dict[str, str]]:
    option = load(name).option_table.get("chroma")
    return [{"chroma": str(choice)} for choice in option.choices] if option else [{}]


def single_changes(name: str) -> list[tuple[str, Any]]:
    """Each other value of each option, of those with bounds the bounds."""
    found = []
    for key, option in load(name).option_table.items():
        if option.path:
            continue  # another program, not another value
        if isinstance(option.default, bool):
            values: tuple[Any, ...] = (False, True)
        else:
            values = option.choices or (int(option.low), int(option.high))
        found += [(key, value) for value in values if value != option.default]
    return found


def encoded(one: Codec, image: Image) -> tuple[bytes, float]:
    """The stream, and the PSNR of what it is decoded to."""
    stream = one.encode(image)
    decoded = one.decode(stream)
    assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)
    assert decoded.flags.c_contiguous
    return stream, metrics.psnr(image, decoded)


@pytest.mark.parametrize("name", NAMES)
def test_definition_is_listed(name: str) -> None:
    table = tomllib.loads((registry.PROGRAMS / f"{name}.toml").read_text(encoding="utf-8"))
    entry = registry.entries()[name]
    assert table["name"] == load(name).name == entry.name == name
    assert (entry.summary, entry.install) == (table["summary"], table["install"])
    assert re.match("build .* from|apt-get install ", entry.install)
    assert not entry.summary.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_version_names_each_program(name: str) -> None:
    point = load(name).ladder[0]
    version = codec(name, point).version()
    for part in version.split(", "):
        assert re.search(r"\d+\.\d+", part), version
    definition = load(name).definition
    for command in (*definition.encode, *definition.decode):
        assert command.program.name in version


@pytest.mark.parametrize("name", each(*NAMES))
def test_both_ends_of_the_ladder(name: str) -> None:
    """Rate and PSNR are what they should be, and the same bytes come out again."""
    for channels in sorted(load(name).channels):
        image = photograph(channels)
        low, high = (codec(name, load(name).ladder[end]) for end in (0, -1))
        (short, worse), (long, better) = encoded(low, image), encoded(high, image)
        assert low.encode(image) == short
        assert len(short) < len(long) / 3
        assert 13 < worse < better - 6
        assert 31 < better < 56


@pytest.mark.parametrize("name", each(*NAMES))
@pytest.mark.parametrize("size", [(1, 1), (33, 17), (511, 767)], ids=str)
def test_sizes(name: str, size: tuple[int, int]) -> None:
    """Heights and widths; the large one also in every chroma format there is."""
    height, width = size
    for channels in sorted(load(name).channels):
        image = np.ascontiguousarray(np.tile(photograph(channels), (3, 3, 1))[:height, :width])
        for options in chroma_formats(name) if channels == 3 else [{}]:
            axis = load(name).axis(load(name).resolve_options(options))
            quick = name in SLOW and height > 100
            point = axis.ladder[0 if quick else len(axis.ladder) // 2]
            one = codec(name, point, **options)
            assert encoded(one, image)[1] > 23


@pytest.mark.parametrize("name", each(*NAMES))
def test_each_choice_of_each_option(name: str) -> None:
    """It makes another stream than the default, of much the same quality."""
    image = photograph(max(load(name).channels))[40:136, 60:188].copy()

    def at_the_middle(**options: Any) -> tuple[bytes, float]:
        ladder = load(name).axis(load(name).resolve_options(options)).ladder
        return encoded(codec(name, ladder[len(ladder) // 2], **options), image)

    default, default_db = at_the_middle()
    for key, value in single_changes(name):
        stream, psnr_db = at_the_middle(**{key: value})
        assert (stream == default) == ((name, key, value) in SAME), (key, value)
        assert abs(psnr_db - default_db) < 6, (key, value)
