"""Shards: equal contents are one file, and damaged files are refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from indexes.storage.markers import MARKER
from indexes.storage.shards import ShardStore
from mm.errors import Corrupt, InvalidInput, MissingData, SpaceMismatch, Unavailable
from mm.spaces.types import SpaceId
from tests.indexes.library import SPACE, halves
from tests.indexes.marked import mark

FINITE = st.floats(-100, 100, width=16)
MATRIX = hnp.arrays(np.float16, st.tuples(st.integers(1, 4), st.just(3)), elements=FINITE)
SEGMENTS = [{"start": 0.0, "text": "größe\n\U0001f600", "evidence": [{"row": 0}]}, None]


@pytest.fixture
def shards(tmp_path: Path) -> ShardStore:
    return ShardStore(mark(tmp_path / "shards"), tmp_path / "locks" / "shards.lock")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(picture=MATRIX, speech=st.none() | MATRIX)
def test_shard_round_trip_returns_content_and_id_depends_on_content(
    shards: ShardStore, picture: np.ndarray, speech: np.ndarray | None
) -> None:
    vectors = {"picture": picture} | ({} if speech is None else {"speech": speech})
    shard_id = shards.write(SPACE, vectors, SEGMENTS)  # type: ignore[arg-type]
    shard = shards.read(shard_id, SPACE)
    assert shard.segments == SEGMENTS
    assert set(shard.vectors) == set(vectors)
    for kind, matrix in vectors.items():
        assert shard.vectors[kind].dtype == np.float16  # type: ignore[index]
        np.testing.assert_array_equal(shard.vectors[kind], matrix)  # type: ignore[index]
    reordered = dict(reversed(vectors.items()))
    assert shards.write(SPACE, reordered, SEGMENTS) == shard_id  # type: ignore[arg-type]
    assert shards.write(SPACE, vectors, SEGMENTS[:1]) != shard_id  # type: ignore[arg-type]
    assert shards.write(SpaceId("lite", 2), vectors, SEGMENTS) != shard_id  # type: ignore[arg-type]


def test_shard_without_vectors_and_segments_round_trips(shards: ShardStore) -> None:
    shard = shards.read(shards.write(SPACE, {}, []), SPACE)
    assert (dict(shard.vectors), shard.segments) == ({}, [])


def test_read_shard_of_other_space_raises_space_mismatch(shards: ShardStore) -> None:
    shard_id = shards.write(SPACE, {"picture": np.zeros((1, 3), np.float16)}, [])
    for other in (SpaceId("lite", 2), SpaceId("large", 1)):
        with pytest.raises(SpaceMismatch, match=f"lite@1, not of {other}"):
            shards.read(shard_id, other)


@pytest.mark.parametrize("where", [0, 9, 60, -1])
def test_read_shard_with_flipped_bit_raises_corrupt(shards: ShardStore, where: int) -> None:
    shard_id = shards.write(SPACE, {"picture": halves(np.random.default_rng(0), 5)}, SEGMENTS)
    data = bytearray(shards.path(shard_id).read_bytes())
    data[where] ^= 1
    shards.path(shard_id).write_bytes(data)
    with pytest.raises(Corrupt, match="checksum"):
        shards.read(shard_id, SPACE)


def test_read_truncated_missing_or_misnamed_shard_raises(shards: ShardStore) -> None:
    shard_id = shards.write(SPACE, {"picture": halves(np.random.default_rng(0), 5)}, SEGMENTS)
    os.truncate(shards.path(shard_id), 20)
    with pytest.raises(Corrupt, match="checksum"):
        shards.read(shard_id, SPACE)
    shards.delete(shard_id)
    with pytest.raises(MissingData, match="is not in the folder shards") as missing:
        shards.read(shard_id, SPACE)
    assert str(shards.path(shard_id).parent) not in str(missing.value)
    with pytest.raises(Corrupt, match="not a shard id"):
        shards.read("../../etc/passwd", SPACE)


def test_write_shard_again_replaces_truncated_file(shards: ShardStore) -> None:
    vectors = {"picture": halves(np.random.default_rng(0), 5)}
    shard_id = shards.write(SPACE, vectors, [])  # type: ignore[arg-type]
    os.truncate(shards.path(shard_id), 20)
    shards.write(SPACE, vectors, [])  # type: ignore[arg-type]
    assert len(shards.read(shard_id, SPACE).vectors["picture"]) == 5


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((2, 3), np.float32),
        np.zeros(3, np.float16),
        np.full((1, 3), np.nan, np.float16),
        np.full((1, 3), np.inf, np.float16),
    ],
)
def test_write_shard_of_invalid_matrix_raises_invalid_input(shards: ShardStore, matrix: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="picture"):
        shards.write(SPACE, {"picture": matrix}, [])


def test_write_shard_on_full_disk_raises_and_leaves_no_file(
    shards: ShardStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Unavailable, match="No space left"):
        shards.write(SPACE, {"picture": np.zeros((1, 3), np.float16)}, [])
    assert [path for path in (tmp_path / "shards").rglob("*") if path.is_file() and path.name != MARKER] == []
