"""Resumable uploads on disk: a crash at any step keeps acknowledged bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexes import Store, open_store
from mm.errors import Gone, Locked, NotFound, StorageFull, TooMany
from mm.settings import Settings

WHOLE = bytes(range(256)) * 4
RANGES = ((0, 300), (300, 301), (301, 1024))


class Crash(BaseException):
    """Simulates a kill."""


class Steps:
    """Counts durable steps, and crashes before one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, crash_before: int) -> None:
        self.num_steps = 0
        self._crash_before = crash_before
        for owner, name in ((os, "fsync"), (os, "utime"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, real: object) -> object:
        def step(*args: object, **kwargs: object) -> object:
            if self.num_steps == self._crash_before:
                raise Crash
            self.num_steps += 1
            return real(*args, **kwargs)  # type: ignore[operator]

        return step


def send(store: Store, upload_id: str, acknowledged: list[int]) -> str:
    """Resume an upload and complete it, as the API does. Returns the SHA-256 of the blob."""
    with store.uploads.open(upload_id) as upload:
        assert upload.info.offset >= max(acknowledged, default=0), "acknowledged bytes are kept"
        assert upload.path.read_bytes()[: upload.info.offset] == WHOLE[: upload.info.offset]
        for start, end in RANGES:
            if upload.info.offset <= start:
                upload.write(WHOLE[start:end])
                upload.checkpoint()
                acknowledged.append(end)
        upload.digest()
        sha256, size = upload.commit()
        assert size == len(WHOLE)
        upload.mark_stored(sha256[:32], "job", created=True)
    return sha256


def test_resumable_upload_crash_at_any_step_keeps_acknowledged_bytes(tmp_path: Path) -> None:
    crash_before, crashed = 0, True
    with open_store(Settings(home=tmp_path)) as store:
        while crashed:
            upload_id = store.uploads.create(len(WHOLE), "a", [], "", "", max_total=10, max_of_owner=10).id
            acknowledged: list[int] = []
            with pytest.MonkeyPatch.context() as patch:
                Steps(patch, crash_before)
                try:
                    sha256 = send(store, upload_id, acknowledged)
                    crashed = False
                except Crash:
                    pass
            if crashed and not store.uploads.get(upload_id).is_stored:
                sha256 = send(store, upload_id, acknowledged)
            assert store.uploads.get(upload_id).is_stored
            assert store.blobs.path(sha256).read_bytes() == WHOLE
            store.blobs.delete(sha256)
            crash_before += 1
    assert crash_before > 15, "the number of durable steps"


def test_create_upload_crash_leaves_only_folders_that_sweep_removes(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        store.uploads.create(1, "first", [], "", "", max_total=10, max_of_owner=10)
        for crash_before in range(4):
            with pytest.MonkeyPatch.context() as patch:
                Steps(patch, crash_before)
                with pytest.raises(Crash):
                    store.uploads.create(5, "a", [], "", "", max_total=10, max_of_owner=10)
        folder = tmp_path / "blobs" / "uploads"
        folders = list(folder.iterdir())
        assert store.uploads.sweep() == 0, "another process may be creating them"
        for path in folders:
            os.utime(path, (1, 1))
        assert store.uploads.sweep() == len(folders) - 1
        assert len(list(folder.iterdir())) == 1


def test_checkpoint_flushes_bytes_before_it_moves_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        upload_id = store.uploads.create(3, "a", [], "", "", max_total=10, max_of_owner=10).id
        flushed: list[str] = []
        fsync = os.fsync

        def recorded(handle: int) -> None:
            fsync(handle)
            flushed.append(Path(f"/proc/self/fd/{handle}").readlink().name)

        with store.uploads.open(upload_id) as upload:
            upload.write(b"abc")
            assert store.uploads.get(upload_id).offset == 0
            monkeypatch.setattr(os, "fsync", recorded)
            upload.checkpoint()
        assert flushed[0] == "bytes.part"
        assert store.uploads.get(upload_id).offset == 3


def test_open_upload_locks_and_reports_release_request(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        upload_id = store.uploads.create(3, "a", [], "", "", max_total=10, max_of_owner=10).id
        with store.uploads.open(upload_id) as upload:
            with pytest.raises(Locked):
                store.uploads.open(upload_id)
            assert not upload.has_waiter()
            store.uploads.request_release(upload_id)
            assert upload.has_waiter()
        with store.uploads.open(upload_id) as upload:
            assert not upload.has_waiter()
            upload.remove()
        with pytest.raises(NotFound):
            store.uploads.open(upload_id)


def test_sweep_keeps_expired_upload_while_it_is_open(tmp_path: Path) -> None:
    now = [1000.0]
    with open_store(Settings(home=tmp_path, upload_seconds=10.0), clock=lambda: now[0]) as store:
        upload_id = store.uploads.create(3, "a", [], "", "", max_total=10, max_of_owner=10).id
        with store.uploads.open(upload_id) as upload:
            now[0] += 20
            assert store.uploads.sweep() == 0
            upload.write(b"abc")
            upload.checkpoint()
        assert store.uploads.get(upload_id).offset == 3
        now[0] += 20
        with pytest.raises(Gone):
            store.uploads.get(upload_id)
        assert store.uploads.sweep() == 1


def test_checkpoint_on_full_disk_raises_and_keeps_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        upload_id = store.uploads.create(6, "a", [], "", "", max_total=10, max_of_owner=10).id
        with store.uploads.open(upload_id) as upload:
            upload.write(b"abc")
            upload.checkpoint()
        with store.uploads.open(upload_id) as upload, monkeypatch.context() as patch:
            upload.write(b"de")

            def full(handle: int) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageFull, match="No space left"):
                upload.checkpoint()
        with store.uploads.open(upload_id) as upload:
            assert upload.info.offset == 3
            upload.write(b"def")
            upload.checkpoint()
            assert store.blobs.path(upload.commit()[0]).read_bytes() == b"abcdef"


def test_create_upload_enforces_limits_of_owner_and_total(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:

        def create(owner: str) -> str:
            return store.uploads.create(5, "a", [], "", owner, max_total=5, max_of_owner=3).id

        of_owner = [create("key a") for _ in range(3)]
        with pytest.raises(TooMany, match="MM_MAX_PARTIAL_UPLOADS_PER_KEY"):
            create("key a")
        create("key b")
        create("")
        with pytest.raises(TooMany, match=r"\(MM_MAX_PARTIAL_UPLOADS\)"):
            create("key c")
        with store.uploads.open(of_owner[0]) as upload:
            upload.remove()
        assert store.uploads.get(create("key a")).owner == "key a"


def test_empty_upload_expires_sooner_than_one_with_bytes(tmp_path: Path) -> None:
    now = [1e9]
    settings = Settings(home=tmp_path, upload_seconds=1000.0, upload_empty_seconds=10.0)
    with open_store(settings, clock=lambda: now[0]) as store:
        empty, begun = (store.uploads.create(5, "a", [], "", "", max_total=10, max_of_owner=10).id for _ in range(2))
        now[0] += 6.0
        with store.uploads.open(empty) as upload:
            upload.checkpoint()  # of a request without bytes
        with store.uploads.open(begun) as upload:
            upload.write(b"x")
            upload.checkpoint()
        now[0] += 6.0
        with pytest.raises(Gone):
            store.uploads.get(empty)
        now[0] += 900.0
        assert store.uploads.get(begun).offset == 1
        assert store.uploads.sweep() == 1


def test_upload_of_earlier_version_has_empty_owner(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        upload_id = store.uploads.create(5, "a", [], "", "key a", max_total=10, max_of_owner=10).id
        info = tmp_path / "blobs" / "uploads" / upload_id / "info.json"
        info.write_text(info.read_text().replace(',"owner":"key a"', ""))
        assert store.uploads.get(upload_id).owner == ""
