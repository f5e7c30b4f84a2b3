"""Which language models fit in a machine."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mm.generation.recommend.table import find_largest, read_recommendations
from mm.machine import Gpu, Machine, parse_gpus, read_machine


def test_table_has_models_with_sources_and_dates() -> None:
    rows = read_recommendations()
    assert len(rows) >= 5
    assert [row.memory_gb for row in rows] == sorted(row.memory_gb for row in rows)
    for row in rows:
        assert row.runs in ("builtin", "url")
        assert row.source
        assert date(2026, 1, 1) < row.read
        assert not row.is_old(row.read)
        assert row.is_old(row.read + timedelta(days=366))


@pytest.mark.parametrize(
    ("machine", "name", "place"),
    [
        (Machine(1.0, ()), None, None),
        (Machine(4.0, ()), "Qwen3.5-0.8B", "CPU"),
        (Machine(4.0, (Gpu("small", 6.0), Gpu("large", 24.5))), "Qwen3.6-27B", "GPU"),
        (Machine(64.0, (Gpu("small", 6.0),)), "Nemotron-3-Nano-Omni-30B-A3B", "CPU"),
    ],
)
def test_largest_model_that_fits_is_found(machine: Machine, name: str | None, place: str | None) -> None:
    row = find_largest(read_recommendations(), machine)
    assert (None if row is None else row.name) == name
    assert (None if row is None else row.place(machine)) == place


def test_gpus_are_read_from_the_lines_of_nvidia_smi() -> None:
    assert parse_gpus("NVIDIA H200, 143771\nTesla, T4, 15360\nno devices\n") == (
        Gpu("NVIDIA H200", 143771 / 1024),
        Gpu("Tesla, T4", 15.0),
    )
    assert read_machine().memory_gb > 0.1
