"""The geometry of VVC streams, from sequence parameter sets that VTM and VVenC wrote."""

from __future__ import annotations

import pytest

from rdbench.errors import BitstreamError
from rdbench.formats import Geometry, vvc_geometry

START = bytes.fromhex("00000001")

MADE = {
    "VTM gray": (
        "007900050200800042449501f446d10a4c8de1551207a204",
        Geometry(8, 8, "400", 8),
    ),
    "VTM gray, cropped": (
        "007900050200800040a43388885407d11b442932378554481e8810",
        Geometry(33, 17, "400", 8),
    ),
    "VTM 4:2:0, cropped": (
        "0079000d020080004190539245407d11ba211a214991b84d8a3150c1be1551207e442502021a034040",
        Geometry(18, 34, "420", 8),
    ),
    "VTM 4:2:0 of 10 bits, cropped": (
        "0079000d0200800040e414e4a3501f446e88468852646e13628c54306f8554481f91094002021a034040",
        Geometry(50, 38, "420", 10),
    ),
    "VTM 4:4:4 of 10 bits, cropped": (
        "0079001d420080004069024e2220d407d11bc8522214991bf5e1551207d1094002021a034040",
        Geometry(97, 65, "444", 10),
    ),
    "VVenC gray": (
        "0079000382108000822111a80ffeb182a86608714000000300400000064c40",
        Geometry(16, 16, "400", 10),
    ),
    "VVenC gray, cropped": (
        "007900038210800081c829cf66a03ffac60aa19821c50000030001000003001931",
        Geometry(50, 38, "400", 10),
    ),
    "VVenC 4:2:0, cropped": (
        "0079000b8210800080d2049c921a80fffd6109b2b182041382a86608ce28000003000800000300c9a6bc"
        "05010d01a040",
        Geometry(98, 66, "420", 10),
    ),
}
"""Sequence parameter sets of VTM 13.2 and VVenC 1.15, and the pictures that were coded."""


@pytest.fixture(params=MADE)
def made(request: pytest.FixtureRequest) -> tuple[bytes, Geometry]:
    unit, geometry = MADE[request.param]
    return bytes.fromhex(unit), geometry


def test_geometry_is_that_of_the_coded_picture(made: tuple[bytes, Geometry]) -> None:
    unit, geometry = made
    assert vvc_geometry(START + unit) == geometry


def test_the_first_one_counts(made: tuple[bytes, Geometry]) -> None:
    """Units that may come before it are passed over: a delimiter (20), operating points (12)."""
    unit, geometry = made
    first = b"".join(START + bytes([0, kind << 3 | 1, 0x80]) for kind in (20, 12))
    assert vvc_geometry(first + START + unit) == geometry
    other = bytes.fromhex(MADE["VTM gray"][0])
    assert vvc_geometry(START[1:] + unit + START + other) == geometry


def test_a_parameter_set_that_ends_early_is_refused(made: tuple[bytes, Geometry]) -> None:
    unit, geometry = made
    for length in range(10):
        with pytest.raises(BitstreamError):
            vvc_geometry(START + unit[:length])
    for length in range(10, len(unit)):
        try:
            found = vvc_geometry(START + unit[:length])
        except BitstreamError:
            continue
        assert found == geometry


@pytest.mark.parametrize("stream", [b"", START, b"no stream", START + bytes.fromhex("0081")])
def test_streams_without_a_parameter_set_are_refused(stream: bytes) -> None:
    with pytest.raises(BitstreamError, match="no sequence parameter set"):
        vvc_geometry(stream)
