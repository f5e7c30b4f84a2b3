"""Blobs: stored completely under their hash or not at all, whatever step fails."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes.storage.blobs import BlobStore
from indexes.storage.markers import MARKER
from mm.errors import Unavailable, WrongLibrary
from tests.indexes.marked import mark


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(mark(tmp_path / "blobs"), tmp_path / "locks" / "blobs.lock")


def put(blobs: BlobStore, *blocks: bytes) -> str:
    with blobs.open_writer() as writer:
        for block in blocks:
            writer.write(block)
        sha256, _ = writer.commit()
    return sha256


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.name != MARKER]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(st.binary(max_size=200), max_size=5))
def test_blob_writer_commit_stores_bytes_under_their_hash(blobs: BlobStore, blocks: list[bytes]) -> None:
    data = b"".join(blocks)
    with blobs.open_writer() as writer:
        for block in blocks:
            writer.write(block)
        assert writer.path.read_bytes() == data, "can be probed before it is committed"
        sha256, size = writer.commit()
    assert (sha256, size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert blobs.path(sha256).read_bytes() == data
    assert blobs.path(sha256).parent.name == sha256[:2]


def test_blob_writer_without_commit_leaves_no_file(blobs: BlobStore, tmp_path: Path) -> None:
    with blobs.open_writer() as writer:
        writer.write(b"x")
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []


def test_blob_writer_same_bytes_twice_store_one_file(blobs: BlobStore, tmp_path: Path) -> None:
    assert put(blobs, b"a", b"b") == put(blobs, b"ab")
    assert len(files(tmp_path)) == 1


def test_blob_writer_same_bytes_replace_damaged_blob(blobs: BlobStore) -> None:
    sha256 = put(blobs, b"abc")
    blobs.path(sha256).write_bytes(b"a")
    assert put(blobs, b"abc") == sha256
    assert blobs.path(sha256).read_bytes() == b"abc"


def test_blob_store_delete_twice_leaves_no_file(blobs: BlobStore, tmp_path: Path) -> None:
    sha256 = put(blobs, b"abc")
    blobs.delete(sha256)
    blobs.delete(sha256)
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "\0" * 64])
def test_blob_store_path_of_invalid_digest_raises_value_error(blobs: BlobStore, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        blobs.path(name)


def test_blob_store_sweep_removes_only_old_temporary_files(blobs: BlobStore, tmp_path: Path) -> None:
    sha256 = put(blobs, b"kept")
    old = tmp_path / "blobs" / "incoming" / "dead.part"
    old.write_bytes(b"half")
    os.utime(old, (1, 1))
    with blobs.open_writer() as writer:
        writer.write(b"running")
        assert blobs.sweep(3600) == 1
        writer.commit()
    assert not old.exists()
    assert blobs.path(sha256).exists()
    assert len(files(tmp_path)) == 2


def test_move_to_trash_moves_only_old_files_to_folder_of_today(blobs: BlobStore) -> None:
    old, young = put(blobs, b"1"), put(blobs, b"2")
    os.utime(blobs.path(old), (1, 1))
    assert blobs.files.move_to_trash([old, young], 3600) == 1
    assert [blobs.path(sha256).exists() for sha256 in (old, young)] == [False, True]
    (trashed,) = blobs.files.trash.rglob(old)
    assert trashed.read_bytes() == b"1"
    assert trashed.parent.name == datetime.now(UTC).date().isoformat()


def test_move_to_trash_and_delete_keep_files_that_were_stored_again(blobs: BlobStore) -> None:
    sha256 = put(blobs, b"1")
    os.utime(blobs.path(sha256), (1, 1))
    put(blobs, b"1")
    assert blobs.files.move_to_trash([sha256], 3600) == blobs.files.delete_stale([sha256], 3600) == 0
    assert blobs.path(sha256).exists()


def test_empty_trash_deletes_only_folders_older_than_limit(blobs: BlobStore) -> None:
    today = datetime.now(UTC).date()
    days = {age: today - timedelta(days=age) for age in (0, 29, 30, 31, 400)}
    for day in days.values():
        (blobs.files.trash / day.isoformat()).mkdir(parents=True)
        (blobs.files.trash / day.isoformat() / "x").write_bytes(b"x")
    (blobs.files.trash / "notes of a person").mkdir()
    assert blobs.files.empty_trash(30) == 2
    remaining = {path.name for path in blobs.files.trash.iterdir()}
    assert remaining == {days[age].isoformat() for age in (0, 29, 30)} | {"notes of a person"}


def test_blob_writer_without_marker_raises_wrong_library(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    blobs = BlobStore(tmp_path / "blobs", tmp_path / "locks" / "blobs.lock")
    with pytest.raises(WrongLibrary, match="mounted"), blobs.open_writer():
        pass
    assert files(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace", "fsync of the folder"])
def test_blob_writer_crash_at_any_step_leaves_complete_file_or_none(
    blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Crash(BaseException):
        """Simulates a kill."""

    real = os.fsync

    def fsync(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").is_dir() == (step == "fsync of the folder"):
            raise Crash
        real(handle)

    def replace(self: Path, target: Path) -> Path:
        raise Crash

    with monkeypatch.context() as patch:
        if step == "replace":
            patch.setattr(Path, "replace", replace)
        else:
            patch.setattr(os, "fsync", fsync)
        with pytest.raises(Crash):
            put(blobs, b"abc")
    assert all(path.read_bytes() == b"abc" for path in files(tmp_path))
    sha256 = put(blobs, b"abc")
    assert files(tmp_path) == [blobs.path(sha256)]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_blob_writer_write_error_raises_unavailable_and_leaves_no_file(
    blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(io, "FileIO", Full)
        with pytest.raises(Unavailable, match=os.strerror(error)):
            put(blobs, b"abc")
    assert files(tmp_path) == []


def test_blob_writer_fsync_error_raises_unavailable_and_leaves_no_file(
    blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Unavailable, match="No space left"):
        put(blobs, b"abc")
    assert files(tmp_path) == []


def test_blob_writer_file_in_place_of_folder_raises_unavailable(blobs: BlobStore, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "blobs")
    (tmp_path / "blobs").write_text("a file")
    with pytest.raises(Unavailable, match="blobs"), blobs.open_writer():
        pass
