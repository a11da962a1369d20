"""Every built-in codec, with its main options, passes the conformance suite."""

from __future__ import annotations

from typing import Any

import pytest

from rdbench.codecs import registry
from rdbench.conformance import Status, conforms, run_checks

BUILT_IN = [
    name for name, entry in registry.entries().items() if entry.target.startswith("rdbench.codecs.")
]
# Options that change what is coded, beside the defaults of all codecs.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in BUILT_IN),
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


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_conforms(name: str, options: dict[str, Any]) -> None:
    results = run_checks(name, options)
    assert [result for result in results if result.status is Status.FAILED] == []
    assert conforms(results)
