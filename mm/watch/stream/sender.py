"""Uploads complete chunks, oldest first, and deletes them from the disk afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mm.errors import Forbidden, InvalidInput, MMError, TooMany, Unauthorized, Unavailable
from mm.watch.stream.spool import REFUSED, list_chunks, measure_chunk, write_chunk
from mm.watch.stream.state import SentChunk
from mm.watch.types import OnEvent, WatchEvent

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from mm.schemas import Upload
    from mm.watch.jobs import JobFollower
    from mm.watch.stream.ring import Ring
    from mm.watch.stream.state import StreamState

POLL_SECONDS, RING_POLLS = 0.5, 60
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 60.0


class ChunkSender:
    """Sends the chunks of one stream. `run` is called by one thread.

    `send` uploads a file. A chunk is deleted from the disk when the journal says that the library
    has it; one that the service refuses stays there with the suffix `.refused`.
    """

    def __init__(
        self,
        name: str,
        state: StreamState,
        send: Callable[[Path], Upload],
        jobs: JobFollower,
        ring: Ring | None,
        on_event: OnEvent,
    ) -> None:
        self._name, self._state, self._send, self._jobs, self._ring, self._on_event = name, state, send, jobs, ring, on_event

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`; a service that does not respond is tried again.

        Raises `Unauthorized`, `Forbidden` and `InvalidInput` as the service.
        """
        delay, polls = 0.0, 0
        while not stop.is_set():
            try:
                num_sent = self.send_waiting()
                if self._ring is not None and (num_sent or polls % RING_POLLS == 0):
                    self._ring.apply()
                delay = 0.0
            except (Unavailable, TooMany) as error:
                if not delay:
                    self._on_event(WatchEvent("unavailable", self._name, detail=str(error)))
                delay = min(max(2 * delay, FIRST_RETRY_SECONDS), MAX_RETRY_SECONDS)
            self._jobs.poll()
            polls += 1
            stop.wait(max(POLL_SECONDS, delay))

    def send_waiting(self) -> int:
        """Send all complete chunks, and return how many. Raises as the service."""
        paths = list_chunks(self._state.folder)
        for path in paths:
            self._send_chunk(path)
        return len(paths)

    def _send_chunk(self, path: Path) -> None:
        info = measure_chunk(path)
        if info.number <= self._state.last_number:  # the process was killed after the entry
            path.unlink()
            return
        started = datetime.fromtimestamp(info.start).astimezone()
        name = f"{self._name} {started:%Y-%m-%d %H-%M-%S}.mp4"
        target = path.with_name(name)
        try:
            write_chunk(path, target, started, name)
            upload = self._send(target)
            size = target.stat().st_size
        except (Unavailable, TooMany, Unauthorized, Forbidden, InvalidInput):
            raise
        except MMError as error:
            path.rename(path.with_suffix(REFUSED))
            self._on_event(WatchEvent("refused", name, detail=str(error).removeprefix(f"{name}: ")))
            return
        finally:
            target.unlink(missing_ok=True)
        self._state.add_sent(SentChunk(info.number, name, info.start, info.end, size, upload.item.id))
        path.unlink()
        self._on_event(WatchEvent("uploaded", name, upload.item.id, f"{info.end - info.start:.1f} s"))
        self._jobs.add(name, upload)
