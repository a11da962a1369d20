"""Every built-in codec, with its main options, passes every check of the conformance suite."""

import functools

import pytest

from rdbench.codecs import registry
from rdbench.conformance import CHECKS, CheckResult, Status, conforms, run_checks
from tests.codecs.variants import VARIANTS


@functools.cache
def results(variant: str) -> dict[str, CheckResult]:
    name, options = VARIANTS[variant]
    return {result.check: result for result in run_checks(name, options)}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_check(variant: str, check: str) -> None:
    result = results(variant)[check]
    if result.status is Status.SKIPPED:
        pytest.skip(result.detail)
    assert result.status is Status.PASSED, result.detail


@pytest.mark.parametrize("variant", VARIANTS)
def test_conforms(variant: str) -> None:
    assert conforms(list(results(variant).values()))


def test_every_built_in_codec_is_tried() -> None:
    assert {name for name, _ in VARIANTS.values()} >= {
        entry.name
        for entry in registry.entries().values()
        if entry.target.startswith("rdbench.codecs.")
    }
