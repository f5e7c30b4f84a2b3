"""Progress of a job from its chunks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes import open_store
from indexes.catalog.records import ChunkRow
from mm.settings import Settings
from mm.spaces.types import SpaceId
from workers.tasks.lease import Interrupted
from workers.tasks.progress import MAX_ENCODED_FRACTION, ChunkProgress, compute_done_fraction

fractions = st.floats(0, 1)


def rows(lengths: list[float]) -> list[ChunkRow]:
    """Chunks of these lengths, none done."""
    ends = [sum(lengths[: index + 1]) for index in range(len(lengths))]
    return [
        ChunkRow(
            pk=pk,
            job_id="job",
            index=pk,
            start=end - length,
            end=end,
            space=SpaceId("lite", 1),
            attempts=1,
            done=False,
            shard_id=None,
            error=None,
            owner=None,
            leased_until=0.0,
        )
        for pk, (length, end) in enumerate(zip(lengths, ends, strict=True))
    ]


@given(st.lists(st.floats(0.1, 120), min_size=1, max_size=6), st.data())
def test_compute_done_fraction_grows_with_the_encoded_chunks(lengths: list[float], data: st.DataObject) -> None:
    chunks = rows(lengths)
    last = 0.0
    for index in data.draw(st.permutations(range(len(chunks)))):
        for fraction in sorted([data.draw(fractions), data.draw(fractions)]):
            now = compute_done_fraction(chunks, chunks[index], fraction)
            assert last - 1e-9 <= now <= MAX_ENCODED_FRACTION
            last = now
        chunks[index] = replace(chunks[index], done=True)
    assert compute_done_fraction(chunks) == pytest.approx(MAX_ENCODED_FRACTION)


def test_compute_done_fraction_of_an_image_counts_the_chunk() -> None:
    (chunk,) = rows([0.0])
    assert compute_done_fraction([chunk], chunk, 0.5) == pytest.approx(MAX_ENCODED_FRACTION / 2)
    assert compute_done_fraction([replace(chunk, done=True)]) == pytest.approx(MAX_ENCODED_FRACTION)


def test_chunk_progress_of_a_deleted_item_raises_interrupted(tmp_path: Path) -> None:
    (deleted,) = rows([60.0])
    with open_store(Settings(home=tmp_path)) as store:
        report = ChunkProgress(store.catalog, deleted, lambda: None, lambda: None)
        with pytest.raises(Interrupted, match="deleted"):
            report(0.25)
