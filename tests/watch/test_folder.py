"""A watched folder: each content is sent once, whatever happens to names, times and processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import Conflict, InvalidInput, NotFound, Unavailable
from mm.line.records.journal import Journal
from mm.watch.folder import FolderWatch
from mm.watch.folder_state import FolderState
from mm.watch.jobs import JobFollower
from tests.waiting import join_thread, wait_for
from tests.watch.library import Library

OLD = time.time() - 1000


def put(path: Path, data: bytes) -> Path:
    """A file that has not changed for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


def watch_once(folder: Path, home: Path, library: Library) -> FolderWatch:
    with FolderState(home) as state:
        jobs = JobFollower(library.job, library.events.append)
        watch = FolderWatch(folder, state, library.send, jobs, library.events.append, settle_seconds=0.2)
        watch.run(threading.Event(), once=True)
    return watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_watch_sends_files_of_subfolders_once_and_reports_them_searchable(folder: Path, tmp_path: Path) -> None:
    library = Library()
    put(folder / "a.mp4", b"one")
    put(folder / "deep" / "er" / "b.mp4", b"two")
    put(folder / ".hidden.mp4", b"three")
    put(folder / ".git" / "c.mp4", b"four")
    put(folder / "d.mp4.part", b"five")
    watch_once(folder, tmp_path / "home", library)
    assert sorted(library.sent) == ["a.mp4", "b.mp4"]
    assert sorted(library.kinds()) == ["ready", "ready", "uploaded", "uploaded"]
    watch_once(folder, tmp_path / "home", library)
    assert len(library.sent) == 2


def test_watch_renamed_touched_and_copied_files_are_not_sent_again(folder: Path, tmp_path: Path) -> None:
    library = Library()
    first, second = put(folder / "a.mp4", b"one"), put(folder / "b.mp4", b"two")
    watch_once(folder, tmp_path / "home", library)
    first.rename(folder / "renamed.mp4")
    os.utime(second, (OLD + 5, OLD + 5))
    put(folder / "sub" / "copy.mp4", b"one")
    watch_once(folder, tmp_path / "home", library)
    assert sorted(library.sent) == ["a.mp4", "b.mp4"]
    assert library.kinds("renamed.mp4") == library.kinds(str(Path("sub", "copy.mp4"))) == ["known"]
    put(folder / "renamed.mp4", b"another")
    watch_once(folder, tmp_path / "home", library)
    assert library.sent[2:] == ["renamed.mp4"]


def test_watch_item_that_a_user_deleted_is_not_sent_again(folder: Path, tmp_path: Path) -> None:
    library = Library()
    put(folder / "a.mp4", b"one")
    watch_once(folder, tmp_path / "home", library)
    library.items.clear()
    os.utime(folder / "a.mp4", (OLD + 9, OLD + 9))
    watch_once(folder, tmp_path / "home", library)
    assert library.items == {}


def test_watch_file_that_grows_is_sent_when_it_is_complete(folder: Path, tmp_path: Path) -> None:
    library, stop = Library(), threading.Event()
    with FolderState(tmp_path / "home") as state:
        jobs = JobFollower(library.job, library.events.append)
        watch = FolderWatch(folder, state, library.send, jobs, library.events.append, settle_seconds=1.0)
        thread = threading.Thread(target=watch.run, args=(stop,))
        thread.start()
        with (folder / "grows.mp4").open("wb", buffering=0) as file:
            for _ in range(6):
                file.write(b"block")
                time.sleep(0.05)
        wait_for(lambda: bool(library.sent), "the upload of the file")
        stop.set()
        join_thread(thread)
    assert library.sent == ["grows.mp4"]
    (name,) = library.items.values()
    assert name == "grows.mp4"


def test_watch_file_that_changes_while_it_is_sent_is_sent_again(folder: Path, tmp_path: Path) -> None:
    library = Library()
    path = put(folder / "a.mp4", b"one")
    original = library.send

    def send(sent: Path) -> object:
        upload = original(sent)
        if len(library.sent) == 1:
            put(path, b"one and more")
        return upload

    library.send = send  # type: ignore[method-assign, assignment]
    watch_once(folder, tmp_path / "home", library)
    watch_once(folder, tmp_path / "home", library)
    assert library.kinds("a.mp4")[:2] == ["changed", "uploaded"]
    assert len(library.items) == 2


def test_watch_refused_file_is_named_once_until_it_changes(folder: Path, tmp_path: Path) -> None:
    library = Library()
    put(folder / "a.mp4", b"bad file")
    for _ in range(2):
        watch_once(folder, tmp_path / "home", library)
    assert library.kinds() == ["refused"]
    put(folder / "a.mp4", b"good file")
    watch_once(folder, tmp_path / "home", library)
    assert library.kinds()[1:] == ["uploaded", "ready"]


def test_watch_unreadable_file_is_named_and_tried_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, locked = Library(), put(folder / "locked.mp4", b"one")
    original = Path.open

    def refuse(path: Path, *arguments: object, **more: object) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return original(path, *arguments, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:  # the user of the tests may be root, who may read everything
        patch.setattr(Path, "open", refuse)
        watch = watch_once(folder, tmp_path / "home", library)
    assert (library.kinds(), watch.num_unreadable) == (["unreadable"], 1)
    assert "Permission denied" in library.events[0].detail
    assert watch_once(folder, tmp_path / "home", library).num_unreadable == 0
    assert library.sent == ["locked.mp4"]


def test_watch_links_are_named_and_not_followed(folder: Path, tmp_path: Path) -> None:
    library = Library()
    put(tmp_path / "private" / "a.mp4", b"one")
    (folder / "file.mp4").symlink_to(tmp_path / "private" / "a.mp4")
    (folder / "folder").symlink_to(tmp_path / "private")
    os.mkfifo(folder / "pipe.mp4")
    assert watch_once(folder, tmp_path / "home", library).num_unreadable == 2
    assert library.sent == []


def test_watch_service_that_does_not_respond_is_tried_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.watch.folder.FIRST_RETRY_SECONDS", 0.01)
    library, stop = Library(), threading.Event()
    put(folder / "a.mp4", b"one")
    library.num_unavailable = 3
    with FolderState(tmp_path / "home") as state:
        watch = FolderWatch(folder, state, library.send, JobFollower(library.job, library.events.append), library.events.append)
        thread = threading.Thread(target=watch.run, args=(stop,))
        thread.start()
        wait_for(lambda: "uploaded" in library.kinds(), "the upload")
        stop.set()
        join_thread(thread)
    assert library.kinds()[:2] == ["unavailable", "uploaded"]
    put(folder / "b.mp4", b"two")
    library.num_unavailable = 1
    with pytest.raises(Unavailable):
        watch_once(folder, tmp_path / "home", library)


def test_watch_wrong_tag_ends_it(folder: Path, tmp_path: Path) -> None:
    library = Library()
    put(folder / "a.mp4", b"one")

    def send(path: Path) -> object:
        raise InvalidInput("The tag is too long.")

    library.send = send  # type: ignore[method-assign, assignment]
    with pytest.raises(InvalidInput):
        watch_once(folder, tmp_path / "home", library)


def test_watch_missing_folder_and_second_process_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        watch_once(folder / "missing", tmp_path / "home", Library())
    with FolderState(tmp_path / "home"), pytest.raises(Conflict):
        FolderState(tmp_path / "home")


def test_watch_killed_repeatedly_loses_no_file_and_doubles_none(folder: Path, tmp_path: Path) -> None:
    contents = [f"content {number}".encode() for number in range(24)]
    for number, content in enumerate(contents):
        put(folder / f"{number % 3}" / f"{number}.mp4", content)
    home, random, num_killed = tmp_path / "home", np.random.default_rng(5), 0
    home.mkdir()
    command = [sys.executable, "-m", "tests.watch.watch_process", str(folder), str(home)]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(int(random.integers(1, 6))):
                process.stdout.readline()
            time.sleep(float(random.uniform(0, 0.012)))
            num_killed += process.poll() is None
            process.kill()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    sent = (home / "log").read_text().split()
    assert len(set(sent)) == len(contents)
    assert num_killed == 3
    assert len(sent) <= len(contents) + num_killed  # one upload of each kill may have no entry yet
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert (home / "log").read_text().split() == sent


def test_folder_state_compacted_journal_has_the_same_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.watch.folder_state.COMPACT_ENTRIES", 10)
    path = put(tmp_path / "a.mp4", b"one")
    with FolderState(tmp_path / "home") as state:
        for number in range(30):
            os.utime(path, (OLD + number, OLD + number))
            state.record("a.mp4", path.lstat(), "ab"[number % 2])
    for _ in range(2):
        with FolderState(tmp_path / "home") as state:
            assert state.is_recorded("a.mp4", path.lstat())
            assert state.has_content("a")
            assert state.has_content("b")
    journal = Journal(tmp_path / "home" / "journal.jsonl")
    assert len(journal.entries) == 2
    journal.close()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans()), max_size=12))
@settings(max_examples=15)
def test_watch_any_sequence_of_writes_and_renames_sends_each_content_once(steps: list[tuple[str, str, bool]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder, library, contents = Path(name) / "in", Library(), set[str]()
        folder.mkdir()
        for number, (target, content, is_rename) in enumerate(steps):
            files = sorted(folder.iterdir())
            if is_rename and files:
                files[0].rename(folder / target)
            else:
                path = put(folder / target, content.encode())
                os.utime(path, (OLD + number, OLD + number))
                contents.add(content)
            watch_once(folder, Path(name) / "home", library)
        assert len(library.sent) == len(library.items) == len(contents)
