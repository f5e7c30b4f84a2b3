"""A small, seeded run of `mm bench hostile`."""

from __future__ import annotations

from mm.bench.decoding.hostile import make_bombs, make_seed_files, read_hostile_files


def test_hostile_files_are_read_or_refused_by_a_named_error() -> None:
    files = 84
    report = read_hostile_files(files, seed=1)
    assert report.unnamed == []
    assert report.hangs == 0
    assert report.read + report.refused.total() == files + len(make_bombs(make_seed_files()))
    assert report.read
    assert not report.refused["forbidden"], "no library needs a forbidden system call"
