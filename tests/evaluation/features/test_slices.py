"""Encoding of a set in slices: reuse, failures, leases and cancellation."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.data.sets.types import SetItem
from mm.errors import Cancelled, Corrupt, InvalidInput, MMError, StorageFull, UnsupportedMedia
from mm.evaluation.evaluate_set import CACHE, open_cache
from mm.evaluation.features import slices
from mm.evaluation.features.cache import FeatureCache, pack, unpack
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.owners import describe_owner, is_gone
from mm.evaluation.features.slices import IMAGES_PER_SLICE, EncodedSet, Progress, cut_slices, encode_set
from mm.evaluation.features.types import Features
from mm.settings import Settings


class CountingEncoder:
    """Encodes a file as its length; files that contain `bad` fail."""

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.before: Callable[[], None] = lambda: None

    def name(self, weights: str) -> str:
        return f"counting {weights}"

    def encode(self, paths: Sequence[Path], on_tick: Callable[[], None] = lambda: None) -> list[Features | MMError]:
        self.before()
        outcomes: list[Features | MMError] = []
        for path in paths:
            on_tick()
            self.encoded.append(path.name)
            data = path.read_bytes()
            if data == b"bad":
                outcomes.append(UnsupportedMedia(f"{path.name} is no image."))
            else:
                vector = np.full((1, 2), len(data), np.float32)
                outcomes.append(Features(0.0, {"picture": vector}, {"picture": np.zeros((1, 2))}))
        return outcomes


@pytest.fixture
def items(tmp_path: Path) -> list[SetItem]:
    """Three images, one of which is unreadable, one video, one missing file."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name, data in {"a.jpg": b"1", "b.jpg": b"bad", "c.jpg": b"333", "d.mp4": b"4444"}.items():
        (folder / name).write_bytes(data)
    found = [SetItem(name, folder / name, name) for name in ("a.jpg", "b.jpg", "c.jpg", "d.mp4")]
    return [*found, SetItem("gone.jpg", None, "gone.jpg")]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache" / "features.db")


def run(items: list[SetItem], encoder: CountingEncoder, cache: FeatureCache, weights: str = "w", **options: bool) -> EncodedSet:
    return encode_set(items, cast(SetEncoder, encoder), weights, cache, **options)


def test_encode_set_encodes_present_files_and_names_those_that_fail(items: list[SetItem], cache: FeatureCache) -> None:
    encoded = run(items, CountingEncoder(), cache)
    assert set(encoded.features) == {"a.jpg", "c.jpg", "d.mp4"}
    assert encoded.features["c.jpg"].vectors["picture"].tolist() == [[3.0, 3.0]]
    assert [(failed.id, failed.reason) for failed in encoded.failed] == [("b.jpg", "b.jpg is no image.")]


def test_encode_set_again_encodes_only_what_failed(items: list[SetItem], cache: FeatureCache) -> None:
    run(items, CountingEncoder(), cache)
    again = CountingEncoder()
    reports: list[Progress] = []
    encode_set(items, cast(SetEncoder, again), "w", cache, on_progress=reports.append)
    assert again.encoded == ["b.jpg"]
    assert reports[-1] == Progress(done=4, total=4, reused=3, failed=1)


def test_encode_set_with_other_weights_or_changed_content_encodes_again(items: list[SetItem], cache: FeatureCache) -> None:
    run(items, CountingEncoder(), cache)
    other = CountingEncoder()
    run(items, other, cache, weights="other")
    assert sorted(other.encoded) == ["a.jpg", "b.jpg", "c.jpg", "d.mp4"]
    assert items[0].path is not None
    items[0].path.write_bytes(b"55555")
    changed = CountingEncoder()
    assert run(items, changed, cache).features["a.jpg"].vectors["picture"][0, 0] == 5
    assert sorted(changed.encoded) == ["a.jpg", "b.jpg"]


def test_encode_set_strict_raises_for_the_first_unreadable_file(items: list[SetItem], cache: FeatureCache) -> None:
    with pytest.raises(InvalidInput, match=r"b\.jpg is no image"):
        run(items, CountingEncoder(), cache, strict=True)


def test_encode_set_of_a_file_deleted_meanwhile_leaves_it_out(items: list[SetItem], cache: FeatureCache) -> None:
    assert items[0].path is not None
    items[0].path.unlink()
    encoded = run(items, CountingEncoder(), cache)
    assert {failed.id for failed in encoded.failed} == {"a.jpg", "b.jpg"}


def test_encode_set_stopped_by_a_tick_keeps_the_slices_that_are_done(items: list[SetItem], cache: FeatureCache) -> None:
    encoder = CountingEncoder()

    def stop() -> None:
        if len(encoder.encoded) > 1:
            raise Cancelled("The evaluation was cancelled.")

    with pytest.raises(Cancelled):
        encode_set(items[:1] + items[3:] + items[1:3], cast(SetEncoder, encoder), "w", cache, on_tick=stop)
    again = CountingEncoder()
    run(items, again, cache)
    assert "d.mp4" not in again.encoded


@pytest.mark.parametrize("has_other_hosts", [False, True])
def test_encode_set_of_two_processes_encodes_each_file_once(
    items: list[SetItem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_other_hosts: bool
) -> None:
    """Both hold the same set; the second finds the lease of the first and waits for its result."""
    monkeypatch.setattr(slices, "POLL_SECONDS", 0.01)
    path = tmp_path / "shared" / "features.db"
    first, second = CountingEncoder(), CountingEncoder()
    is_encoding, may_continue = threading.Event(), threading.Event()

    def wait() -> None:
        is_encoding.set()
        assert may_continue.wait(60)

    first.before = wait
    results: list[EncodedSet] = []

    def encode(encoder: CountingEncoder) -> None:
        results.append(run(items, encoder, FeatureCache(path, has_other_hosts=has_other_hosts)))

    threads = [threading.Thread(target=encode, args=(first,))]
    threads[0].start()
    assert is_encoding.wait(60)
    threads.append(threading.Thread(target=encode, args=(second,)))
    threads[1].start()
    may_continue.set()
    for thread in threads:
        thread.join(60)
    assert [set(result.features) for result in results] == [{"a.jpg", "c.jpg", "d.mp4"}] * 2
    encoded = [name for name in first.encoded + second.encoded if name != "b.jpg"]
    assert sorted(encoded) == ["a.jpg", "c.jpg", "d.mp4"]


@pytest.mark.parametrize(("url", "mode"), [("", "wal"), ("postgresql+psycopg://mm@catalog/mm", "delete")])
def test_open_cache_uses_shared_memory_only_where_one_machine_has_the_catalog(url: str, mode: str, tmp_path: Path) -> None:
    with closing(open_cache(Settings(home=tmp_path, database_url=url))):
        with closing(sqlite3.connect(tmp_path / CACHE)) as database:
            assert database.execute("PRAGMA journal_mode").fetchone() == (mode,)
        assert (tmp_path / f"{CACHE}-shm").exists() == (mode == "wal")


def test_feature_cache_lease_of_a_lost_owner_passes_to_another(cache: FeatureCache) -> None:
    assert cache.lease("slice", "first", 60)
    assert not cache.lease("slice", "second", 60)
    assert cache.lease("slice", "first", -1)  # as if its time had run out
    assert cache.lease("slice", "second", 60)
    cache.release("slice", "first")  # no longer its own
    assert not cache.lease("slice", "third", 60)


def test_feature_cache_lease_of_a_killed_process_is_free_at_once(cache: FeatureCache) -> None:
    """Names of this machine are compared with its processes; others wait for their time."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        fields = describe_owner().split(":")
        stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        of_child = ":".join([*fields[:2], str(child.pid), stat[19], "a"])
        elsewhere = ":".join(["another boot", *of_child.split(":")[1:]])
        assert cache.lease("first", of_child, 60)
        assert cache.lease("second", elsewhere, 60)
        assert not cache.lease("first", describe_owner(), 60)
        child.kill()
        child.wait()
    assert cache.lease("first", own := describe_owner(), 60)
    assert not cache.lease("first", of_child, 60)
    assert not cache.lease("second", own, 60)
    assert not is_gone("")


def test_feature_cache_of_a_damaged_file_raises_corrupt_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "features.db"
    path.write_bytes(b"no database " * 100)
    with pytest.raises(Corrupt, match="Delete it"):
        FeatureCache(path)


def test_feature_cache_on_a_full_disk_raises_storage_full_and_keeps_earlier_rows(cache: FeatureCache) -> None:
    features = Features(0.0, {"picture": np.ones((1, 8), np.float32)}, {"picture": np.zeros((1, 2))})
    cache.put([("first", features)], "encoder")
    pages = cache._database.execute("PRAGMA page_count").fetchone()[0]
    cache._database.execute(f"PRAGMA max_page_count = {pages}")
    large = Features(0.0, {"picture": np.ones((1000, 100), np.float32)}, {"picture": np.zeros((1000, 2))})
    with pytest.raises(StorageFull, match="Free space"):
        cache.put([("second", features), ("third", large)], "encoder")
    assert cache.has("first", "encoder")
    assert not cache.has("second", "encoder")


def test_feature_cache_raises_the_mistakes_of_a_caller(cache: FeatureCache) -> None:
    cache.close()
    with pytest.raises(sqlite3.ProgrammingError):
        cache.has("a", "b")


@given(st.integers(0, 4), st.booleans(), st.lists(st.text(max_size=5), max_size=3))
def test_unpack_of_packed_features_returns_them(num_segments: int, has_frames: bool, texts: list[str]) -> None:
    rows = np.random.default_rng(num_segments).normal(size=(num_segments, 3)).astype(np.float32)
    frames = rows if has_frames else None
    features = Features(
        1.5, {"picture": rows}, {"picture": np.arange(2.0 * num_segments).reshape(-1, 2)}, {"speech": tuple(texts)},
        None if frames is None else np.arange(num_segments, dtype=float), frames, frames,
    )  # fmt: skip
    read = unpack(pack(features))
    assert read.duration == 1.5
    assert read.texts == features.texts
    np.testing.assert_array_equal(read.vectors["picture"], rows)
    np.testing.assert_array_equal(read.spans["picture"], features.spans["picture"])
    assert (read.frame_vectors is None) == (frames is None)


def test_unpack_of_damaged_bytes_raises_corrupt() -> None:
    with pytest.raises(Corrupt):
        unpack(b"PK\x03\x04 damaged")


@given(st.lists(st.sampled_from([".jpg", ".mp4", None]), max_size=200))
def test_cut_slices_keep_each_present_file_once_and_videos_alone(suffixes: list[str | None]) -> None:
    items = [SetItem(str(n), None if suffix is None else Path(f"{n}{suffix}"), "g") for n, suffix in enumerate(suffixes)]
    pieces = cut_slices(items)
    assert sorted(item.id for piece in pieces for item in piece) == sorted(item.id for item in items if item.path is not None)
    assert all(0 < len(piece) <= IMAGES_PER_SLICE for piece in pieces)
    assert all(len(piece) == 1 for piece in pieces if str(piece[0].path).endswith(".mp4"))
