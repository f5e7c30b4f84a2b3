"""A folder whose new files, those of its subfolders included, are uploaded once each."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import Forbidden, InvalidInput, MMError, NotFound, TooMany, Unauthorized, Unavailable
from mm.files import TEMPORARY, hash_file
from mm.line.sources.settled import SettledFiles
from mm.watch.folder_state import CONTENT_DIGITS
from mm.watch.types import OnEvent, WatchEvent

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from mm.schemas import Upload
    from mm.watch.folder_state import FolderState
    from mm.watch.jobs import JobFollower

SETTLE_SECONDS = 3.0
POLL_SECONDS = 1.0
WALK_RATIO = 20.0  # a walk through many files takes at most this part of the time
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 60.0
UNFINISHED = (TEMPORARY, ".tmp", ".partial", ".crdownload", "~")
IS_LINK = "It is a link, and links are not followed."


class Stopped(Exception):
    """The watch ends while a file is being sent; the upload is continued by the next one."""


class FolderWatch:
    """Uploads the files below a folder. Never changes or deletes one. Used by one thread.

    `send` uploads a file and returns the item; it may raise `Stopped`. Hidden files, and names that
    programs give to unfinished files, are left out. A file that cannot be read is named once and
    tried again at each walk.
    """

    def __init__(
        self,
        root: Path,
        state: FolderState,
        send: Callable[[Path], Upload],
        jobs: JobFollower,
        on_event: OnEvent,
        settle_seconds: float = SETTLE_SECONDS,
        left_out: Sequence[Path] = (),
    ) -> None:
        """`left_out` are folders that are not entered. Raises `NotFound` without the folder."""
        if not root.is_dir():
            raise NotFound(f"{root} does not exist or is not a folder.")
        self._root, self._state, self._send, self._jobs, self._on_event = root, state, send, jobs, on_event
        self._settled = SettledFiles(settle_seconds)
        self._left_out = {path.resolve() for path in left_out}
        self._named: dict[str, str] = {}  # path to the problem that was reported last
        self._num_sent = 0

    @property
    def num_unreadable(self) -> int:
        """Files and folders that could not be read at the last walk."""
        return len(self._named)

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """Upload files until `stop`; with `once` those that are there now, and wait for their jobs.

        A service that does not respond is tried again; with `once`, raises `Unavailable`. Raises
        `Unauthorized`, `Forbidden` and `InvalidInput` (of a tag) as the service.
        """
        delay = 0.0
        while not stop.is_set():
            start = time.monotonic()
            files = self._complete_files()
            walk_seconds = time.monotonic() - start
            try:
                for path, status in files:
                    if stop.is_set():
                        return
                    self._process(path, status)
                    self._jobs.poll()
                    delay = 0.0
            except Stopped:
                return
            except (Unavailable, TooMany) as error:
                if once and not isinstance(error, TooMany):
                    raise
                if not delay:
                    self._on_event(WatchEvent("unavailable", str(self._root), detail=str(error)))
                delay = min(max(2 * delay, FIRST_RETRY_SECONDS), MAX_RETRY_SECONDS)
            self._jobs.poll()
            if once and not self._settled.num_waiting:
                self._jobs.finish(stop)
                return
            stop.wait(max(self._poll_seconds(), WALK_RATIO * walk_seconds, delay))

    def _poll_seconds(self) -> float:
        return POLL_SECONDS / 4 if self._settled.num_waiting else POLL_SECONDS

    def _complete_files(self) -> list[tuple[Path, os.stat_result]]:
        """Files that are complete and were not sent or refused as they are, oldest first."""
        problems: dict[str, str] = {}
        complete: list[tuple[Path, os.stat_result]] = []
        waiting: set[str] = set()
        for path in self._walk(problems):
            name = self._name(path)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # removed or renamed since
            except OSError as error:
                problems[name] = f"It cannot be read: {error.strerror}."
                continue
            if stat.S_ISLNK(status.st_mode):
                problems[name] = IS_LINK
            elif stat.S_ISREG(status.st_mode) and not self._state.is_recorded(name, status):
                waiting.add(name)
                if self._settled.is_complete(name, status):
                    problem = _find_problem(path)
                    if problem is None:
                        complete.append((path, status))
                    else:
                        problems[name] = problem
        self._settled.keep(waiting)
        for name, problem in problems.items():
            if self._named.get(name) != problem:
                self._on_event(WatchEvent("unreadable", name, detail=problem))
        self._named = problems
        return sorted(complete, key=lambda item: (item[1].st_mtime_ns, item[0]))

    def _walk(self, problems: dict[str, str]) -> Iterator[Path]:
        def add(error: OSError) -> None:
            problems[self._name(Path(error.filename))] = f"The folder cannot be read: {error.strerror}."

        for folder, folders, names in os.walk(self._root, onerror=add):
            parent = Path(folder)
            links = [name for name in folders if (parent / name).is_symlink()]
            folders[:] = [
                name for name in folders if not name.startswith(".") and (parent / name).resolve() not in self._left_out
            ]
            yield from (parent / name for name in [*names, *links] if not name.startswith(".") and not _is_unfinished(name))

    def _name(self, path: Path) -> str:
        return os.fspath(path.relative_to(self._root)) if path != self._root else "."

    def _process(self, path: Path, status: os.stat_result) -> None:
        """Send a file, unless its content was sent before, and record the outcome."""
        name = self._name(path)
        if self._state.may_have(status.st_size):
            try:
                content = hash_file(path, CONTENT_DIGITS)
            except OSError:
                return  # the next walk reports it
            if self._state.has_content(content):  # renamed, copied, or only its time has changed
                self._state.record(name, status, content)
                self._on_event(WatchEvent("known", name, content))
                return
        try:
            upload = self._send(path)
        except (Unavailable, TooMany, Unauthorized, Forbidden):
            raise
        except InvalidInput:
            if _find_problem(path) is None:
                raise  # a tag, for example, not the file
            return
        except MMError as error:
            self._state.record(name, status, "")
            self._on_event(WatchEvent("refused", name, detail=str(error).removeprefix(f"{path.name}: ")))
            return
        try:
            after = path.lstat()
            is_same = (after.st_size, after.st_mtime_ns) == (status.st_size, status.st_mtime_ns)
        except OSError:
            is_same = True  # removed, or renamed while it was sent: the content is that of the item
        if not is_same:  # what was sent is an item of its own; the file is sent again when it is complete
            self._on_event(WatchEvent("changed", name, upload.item.id))
            return
        self._state.record(name, status, upload.item.id)  # the id of an item is the hash of its file
        self._on_event(WatchEvent("uploaded" if upload.created else "known", name, upload.item.id))
        self._jobs.add(name, upload)


def _is_unfinished(name: str) -> bool:
    return name.lower().endswith(UNFINISHED)


def _find_problem(path: Path) -> str | None:
    """Why a regular file cannot be read; None when it can."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return f"It cannot be read: {error.strerror}."
    return None
