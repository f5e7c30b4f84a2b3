"""Uploads in pieces, on the disk: a crash at any step leaves what an earlier step promised, and the
bytes end up whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexes import Store, open_store
from mm.errors import Gone, Locked, NotFound, StorageFull, TooMany
from mm.settings import Settings

WHOLE = bytes(range(256)) * 4
PIECES = ((0, 300), (300, 301), (301, 1024))


class Crash(BaseException):
    """Ends the process, as far as the code under test can tell."""


class Steps:
    """Counts what touches the disk for good, and crashes before the one that is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, crash_before: int) -> None:
        self.taken = 0
        self._crash_before = crash_before
        for owner, name in ((os, "fsync"), (os, "utime"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, real: object) -> object:
        def step(*args: object, **kwargs: object) -> object:
            if self.taken == self._crash_before:
                raise Crash
            self.taken += 1
            return real(*args, **kwargs)  # type: ignore[operator]

        return step


def send(store: Store, upload_id: str, promised: list[int]) -> str:
    """Go on with an upload up to its end, as the API does. Returns the SHA-256 of the blob."""
    with store.uploads.open(upload_id) as upload:
        assert upload.info.offset >= max(promised, default=0), "what was promised is there"
        assert upload.path.read_bytes()[: upload.info.offset] == WHOLE[: upload.info.offset]
        for start, end in PIECES:
            if upload.info.offset <= start:
                upload.write(WHOLE[start:end])
                upload.checkpoint()
                promised.append(end)
        upload.digest()
        sha256, size = upload.commit()
        assert size == len(WHOLE)
        upload.mark_stored(sha256[:32], "job", created=True)
    return sha256


def test_a_crash_at_any_step_leaves_what_was_promised(tmp_path: Path) -> None:
    crash_before, crashed = 0, True
    with open_store(Settings(home=tmp_path)) as store:
        while crashed:
            upload_id = store.uploads.create(len(WHOLE), "a", [], "", "", max_total=10, max_of_owner=10).id
            promised: list[int] = []
            with pytest.MonkeyPatch.context() as patch:
                Steps(patch, crash_before)
                try:
                    sha256 = send(store, upload_id, promised)
                    crashed = False
                except Crash:
                    pass
            if crashed and not store.uploads.get(upload_id).is_stored:
                sha256 = send(store, upload_id, promised)
            assert store.uploads.get(upload_id).is_stored
            assert store.blobs.path(sha256).read_bytes() == WHOLE
            store.blobs.delete(sha256)
            crash_before += 1
    assert crash_before > 15, "there were that many places to crash at"


def test_a_crash_while_one_is_made_leaves_nothing_that_counts(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        store.uploads.create(1, "first", [], "", "", max_total=10, max_of_owner=10)
        for crash_before in range(4):
            with pytest.MonkeyPatch.context() as patch:
                Steps(patch, crash_before)
                with pytest.raises(Crash):
                    store.uploads.create(5, "a", [], "", "", max_total=10, max_of_owner=10)
        folder = tmp_path / "blobs" / "uploads"
        made = list(folder.iterdir())
        assert store.uploads.sweep() == 0, "somebody may be making them just now"
        for path in made:
            os.utime(path, (1, 1))
        assert store.uploads.sweep() == len(made) - 1
        assert len(list(folder.iterdir())) == 1


def test_bytes_are_flushed_before_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_one_has_it_at_a_time_and_is_told_that_another_wants_it(tmp_path: Path) -> None:
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


def test_an_upload_in_use_is_not_swept(tmp_path: Path) -> None:
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


def test_a_full_disk_is_said_and_what_counted_still_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_unfinished_uploads_of_one_owner_are_bounded_beside_those_of_all(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:

        def create(owner: str) -> str:
            return store.uploads.create(5, "a", [], "", owner, max_total=5, max_of_owner=3).id

        mine = [create("key a") for _ in range(3)]
        with pytest.raises(TooMany, match="MM_MAX_PARTIAL_UPLOADS_PER_KEY"):
            create("key a")
        create("key b")
        create("")
        with pytest.raises(TooMany, match=r"\(MM_MAX_PARTIAL_UPLOADS\)"):
            create("key c")
        with store.uploads.open(mine[0]) as upload:
            upload.remove()
        assert store.uploads.get(create("key a")).owner == "key a"


def test_upload_without_a_byte_expires_soon_and_a_byte_keeps_it(tmp_path: Path) -> None:
    now = [1e9]
    settings = Settings(home=tmp_path, upload_seconds=1000.0, upload_empty_seconds=10.0)
    with open_store(settings, clock=lambda: now[0]) as store:
        empty, begun = (store.uploads.create(5, "a", [], "", "", max_total=10, max_of_owner=10).id for _ in range(2))
        now[0] += 6.0
        with store.uploads.open(empty) as upload:
            upload.checkpoint()  # of a piece that brought nothing
        with store.uploads.open(begun) as upload:
            upload.write(b"x")
            upload.checkpoint()
        now[0] += 6.0
        with pytest.raises(Gone):
            store.uploads.get(empty)
        now[0] += 900.0
        assert store.uploads.get(begun).offset == 1
        assert store.uploads.sweep() == 1


def test_upload_of_an_earlier_version_has_no_owner(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        upload_id = store.uploads.create(5, "a", [], "", "key a", max_total=10, max_of_owner=10).id
        info = tmp_path / "blobs" / "uploads" / upload_id / "info.json"
        info.write_text(info.read_text().replace(',"owner":"key a"', ""))
        assert store.uploads.get(upload_id).owner == ""
