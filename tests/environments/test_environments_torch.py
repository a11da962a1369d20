"""A codec of an older CompressAI, with a torch and a Python of its own, beside those of rdbench.

It needs an environment that nobody has by chance, of some two gigabytes:

    uv venv --python 3.8 OLD
    uv pip install --python OLD/bin/python compressai==1.2.0 torch==1.12.1
    RDBENCH_OLD_COMPRESSAI=OLD/bin/python pytest tests/environments/test_environments_torch.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .test_environments_measuring import by_hand, measured

CODEC = Path(__file__).with_name("old_compressai.py")


@pytest.fixture(scope="module")
def old_compressai() -> Path:
    named = os.environ.get("RDBENCH_OLD_COMPRESSAI")
    if not named:
        pytest.skip("$RDBENCH_OLD_COMPRESSAI names no Python with CompressAI 1.2.0")
    return Path(named).absolute()


def test_rows_of_an_old_compressai_are_what_comes_out_there_by_hand(
    photos, tmp_path, old_compressai
):
    there = f"{CODEC}:Factorized,python={old_compressai}"
    rows = measured(photos, tmp_path, there, "jpeg:points=50")
    old = [row for row in rows if row.codec == "old-factorized"]
    assert len(old) == 6
    for row in old:
        image = photos / f"{row.image}.png"
        by_script = by_hand(old_compressai, image, int(row.point), file=CODEC, name="Factorized")
        assert (row.stream_sha256, row.decoded_sha256) == by_script
    (version,) = {row.codec_version for row in old}
    assert version.startswith("compressai 1.2.0, torch 1.")
    assert "; CPython 3.8." in version
    assert len(rows) == 9
