"""A small, seeded portion of `mm bench hostile`."""

from __future__ import annotations

from mm.bench.decoding.hostile import attack, bombs, seeds


def test_damaged_files_and_bombs_are_read_or_refused_by_name() -> None:
    files = 84
    report = attack(files, seed=1)
    assert report.unnamed == []
    assert report.hangs == 0
    assert report.read + report.refused.total() == files + len(bombs(seeds()))
    assert report.read
    assert not report.refused["forbidden"], "the libraries get along with what they are allowed"
