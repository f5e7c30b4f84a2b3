"""Follows the jobs of what was sent, and reports when each ends."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from mm.errors import NotFound, Unavailable
from mm.watch.types import OnEvent, WatchEvent

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from mm.schemas import Job, Upload

POLL_SECONDS = 1.0
NUM_POLLED = 20  # of the oldest jobs in one poll: jobs end about in the order in which they began
FINAL = frozenset({"done", "failed", "quarantined", "cancelled"})


class JobFollower:
    """Jobs that have not ended. Used by one thread."""

    def __init__(self, get_job: Callable[[str], Job], on_event: OnEvent) -> None:
        self._get_job, self._on_event = get_job, on_event
        self._open: deque[tuple[str, Upload]] = deque()
        self._due = 0.0
        self.num_failed = 0

    @property
    def num_open(self) -> int:
        """Jobs that have not ended yet."""
        return len(self._open)

    def add(self, path: str, upload: Upload) -> None:
        """Follow the job of a file, unless the library had its content searchable already."""
        if upload.created or upload.job.state not in FINAL:
            self._open.append((path, upload))

    def poll(self) -> None:
        """Report the jobs that ended, at most once in `POLL_SECONDS`; no response is no error."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + POLL_SECONDS
        for _ in range(min(NUM_POLLED, len(self._open))):
            path, upload = self._open.popleft()
            try:
                job = self._get_job(upload.job.id)
            except NotFound:  # deleted with its item
                continue
            except Unavailable:
                self._open.appendleft((path, upload))
                return
            if job.state == "done":
                self._on_event(WatchEvent("ready", path, upload.item.id))
            elif job.state in FINAL:
                self.num_failed += 1
                self._on_event(WatchEvent("failed", path, upload.item.id, job.error or f"The job is {job.state}."))
            else:
                self._open.append((path, upload))

    def finish(self, stop: threading.Event) -> None:
        """Wait until all jobs have ended, or until `stop`."""
        while self._open and not stop.is_set():
            self.poll()
            stop.wait(POLL_SECONDS / 4)
