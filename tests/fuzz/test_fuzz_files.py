"""A short form of what ``python -m tests.fuzz.files`` does for long."""

from __future__ import annotations

import pytest

from tests.fuzz.files import campaign, kinds


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.file)
def test_files_are_good_before_they_are_mutated(kind, tmp_path):
    for number, text in enumerate(kind.texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        for file in kind.beside:
            (folder / file.name).symlink_to(file)
        (folder / kind.file).write_text(text, encoding="utf-8")
        kind.read(folder / kind.file)


def test_mutated_files_are_read_or_refused_in_one_line():
    counts, faults = campaign(seed=1, numbers=range(260), seconds=120)
    assert not faults, "\n\n".join(faults)
    assert counts.total() > len(kinds())
