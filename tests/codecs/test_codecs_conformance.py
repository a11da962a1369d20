"""Every built-in codec, with its main options, passes the conformance suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdbench.codecs import registry
from rdbench.conforming import Status, conforms, run_checks
from rdbench.conforming.material import photograph
from rdbench.errors import MissingBackendError
from tests.codecs import programs

TRAINED = str(Path(__file__).parents[1] / "models" / "trained")
"""Weights with few channels, trained for minutes."""
LEARNED = (
    "dumas2018-case1",
    "dumas2018-case2",
    "dumas2018-case3",
    "theis2017",
    "bmshj2018-factorized",
    "balle2018",
    "lee2019",
)
"""The learned codecs; zoo, and trained with weights of one's own, have tests of their own."""
ALIASES = ("balle2017",)
UNTRAINED = {
    "dumas2018-case1": {"ceiling", "bias", "quality-grows"},
    "dumas2018-case2": {"ceiling", "bias", "quality-grows"},
    "dumas2018-case3": {"ceiling", "bias", "quality-grows"},
    "bmshj2018-factorized": {"ceiling", "quality-grows"},
}
"""Checks that tell of the training and not of the codec: after some thousand steps a transform
gives 17 to 26 dB at any step, so that points hardly differ in quality, and that of luma is too
bright where the gray photograph is darker than 16."""
LEARNED_VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in LEARNED),
    ("dumas2018-case2", {"coder": "binary"}),
    ("balle2018", {"sweep": "beta", "lambda": 0.0932, "precision": "bfloat16"}),
    *(("lee2019", {"sweep": "beta", "contexts": alone}) for alone in ("bit-consuming", "bit-free")),
]
LIBRARIES = [
    name
    for name, entry in registry.entries().items()
    if entry.target.startswith("rdbench.codecs.")
    and name not in (*LEARNED, *ALIASES, "trained", "zoo")
]
# Options that change what is coded, beside the defaults of all codecs.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in LIBRARIES),
    ("jpeg", {"chroma": "444"}),
    ("jpeg", {"progressive": True}),
    ("jpeg2000", {"transform": "5/3"}),
    ("jpeg2000", {"target": "psnr"}),
    ("jpeg2000", {"transform": "5/3", "target": "psnr"}),
    ("jpeg2000", {"container": "j2k"}),
    ("avif", {"chroma": "444", "speed": 8}),
    ("hevc", {"chroma": "444"}),
    ("hevc", {"depth": 10}),
    ("hevc", {"tune": "ssim", "preset": "fast"}),
]

PROGRAMS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in programs.NAMES),
    ("aomenc", {"chroma": "420", "depth": 8, "matrix": "bt601", "range": "limited"}),
    ("avifenc", {"chroma": "420", "depth": 8, "matrix": "bt601", "range": "limited"}),
    ("bpg", {"encoder": "jctvc", "chroma": "420", "bit_depth": 10}),
    ("cjpeg", {"chroma": "444", "progressive": True}),
    ("ffmpeg-jpeg2000", {"encoder": "jpeg2000", "transform": "5/3"}),
    ("heif-enc", {"chroma": "420"}),
    ("hm", {"chroma": "420", "depth": 8, "tools": "rext", "hash": "md5"}),
    ("openjpeg", {"transform": "5/3", "target": "psnr"}),
    ("svtav1", {"depth": 8, "matrix": "bt601", "range": "limited"}),
    ("x265", {"chroma": "420", "depth": 8, "matrix": "bt601", "range": "limited"}),
]
POINTS = {
    "aomenc": [52, 34],
    "avifenc": [52, 34],
    "ffmpeg-jpeg2000": [120, 40],
    "hm": [42, 32],
    "imagemagick-jp2": [28, 36],
    "kvazaar": [42, 32],
    "svtav1": [52, 34],
    "uvg266": [42, 32],
    "vtm": [47, 42],
    "vvenc": [42, 32],
    "x265": [42, 32],
}
"""Of the ladders of programs that take their time to start or to code."""
SLOW = {"hm", "vtm", "vvenc"}

NO_HASH = (
    "the decoder checks the hash of the picture that ends the stream, but where that is cut off "
    "it decodes what is left of the slice and reports nothing; it has no option to ask for more"
)
EXPECTED_FAILURES = {
    ("x265", "truncated"): f"FFmpeg: {NO_HASH}",
    ("kvazaar", "truncated"): f"FFmpeg: {NO_HASH}",
    ("hm", "truncated"): f"TAppDecoder 16.15 and 16.17 (16.8 refuses it): {NO_HASH}",
    (
        "vtm",
        "truncated",
    ): "DecoderApp 13.2 (23.4 refuses it) does not miss the hash where just that is cut off",
    ("uvg266", "truncated"): "VVdeC 3.3 decodes what is left of the slice and reports nothing",
    ("openjph", "truncated"): "ojph_expand does not miss the marker that ends the codestream",
    ("bpg", "truncated"): "bpgdec conceals what is missing; it checks no hash and has no options",
}
"""Checks that a program cannot pass, and why."""


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_conforms(name: str, options: dict[str, Any]) -> None:
    results = run_checks(name, options)
    assert [result for result in results if result.status is Status.FAILED] == []
    assert conforms(results)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), LEARNED_VARIANTS, ids=str)
def test_learned_codecs_conform(name: str, options: dict[str, Any]) -> None:
    """With weights of minutes, of which no more is asked than they learned: UNTRAINED."""
    expected = UNTRAINED.get(name, set())
    results = run_checks(name, {"checkpoints": TRAINED, **options})
    failed = [result for result in results if result.status is Status.FAILED]
    assert [result for result in failed if result.check not in expected] == []
    assert conforms([result for result in results if result.check not in expected])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(
            *variant,
            marks=[pytest.mark.slow, pytest.mark.timeout(900)] if variant[0] in SLOW else [],
            id="-".join([variant[0], *map(str, variant[1].values())]),
        )
        for variant in PROGRAMS
    ],
)
def test_programs_conform(name: str, options: dict[str, Any]) -> None:
    codec = programs.load(name)
    try:
        codec.require(codec.resolve_options(options))
    except MissingBackendError as error:
        pytest.skip(str(error))
    results = run_checks(name, options, points=POINTS.get(name, []))
    failed = {result.check: result for result in results if result.status is Status.FAILED}
    expected = {check for codec_name, check in EXPECTED_FAILURES if codec_name == name}
    assert [result for check, result in failed.items() if check not in expected] == []
    assert conforms([result for result in results if result.check not in expected])


@pytest.mark.parametrize("name", ["bpg", "hm", "kvazaar", "openjph", "vtm", "x265"])
def test_the_end_of_a_stream_is_not_missed(name: str) -> None:
    """What the table of expected failures says: the stream without its last unit, which is the
    hash of the picture (BPG: without its last byte; OpenJPH: its last marker), gives the same
    image."""
    assert (name, "truncated") in EXPECTED_FAILURES
    one = programs.codec(name, 0.1 if name == "openjph" else 40)
    stream = one.encode(photograph(1)[:64, :64].copy())
    lost = {"bpg": 1, "openjph": 2}.get(name) or len(stream) - stream.rindex(b"\0\0\1")
    cut = stream[:-lost]
    assert one.decode(cut).shape == (64, 64, 1)
    if name != "bpg":
        np.testing.assert_array_equal(one.decode(cut), one.decode(stream))
