"""Download of a larger space before the reindexing into it, continued after a restart.

The request is a file in MM_HOME, `spaces/download.json`: it exists until the reindexing has begun,
or was undone. One process downloads at a time, for all API processes of the folder.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from indexes.catalog.audit import Actor
from mm.errors import Conflict, MMError
from mm.files import write_atomic
from mm.spaces.larger.download import BUSY, start_download
from mm.spaces.larger.hub import count_downloaded, remove_partial
from mm.spaces.larger.table import get_larger_space

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.settings import Settings

POLL_SECONDS = 0.2
BUSY_SECONDS = 2.0


class DownloadRequest(BaseModel):
    """The contents of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    """As in MM_SPACE."""
    state: Literal["downloading", "stopped"]
    error: str | None = None
    created_at: datetime
    updated_at: datetime
    actor: str
    address: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Download:
    """A request with its progress, in bytes."""

    request: DownloadRequest
    downloaded: int
    total: int


class SpaceDownloads:
    """A context manager, whose thread downloads what was requested, now or before a restart."""

    def __init__(self, settings: Settings, begin_move: Callable[[str, Actor], None]) -> None:
        """`begin_move` starts the reindexing once all files are there. It raises `MMError`."""
        self._settings = settings
        self._begin_move = begin_move
        self._path = settings.root / "spaces" / "download.json"
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="space-download", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._wake.set()
        self._thread.join()

    def get(self) -> Download | None:
        """The unfinished download; None without one."""
        request = self._read()
        if request is None:
            return None
        space = get_larger_space(request.to)
        return Download(request, min(count_downloaded(space), space.download_bytes), space.download_bytes)

    def require(self) -> Download:
        """The unfinished download. Raises `Conflict` without one."""
        if (download := self.get()) is None:
            raise Conflict("The download is over.")
        return download

    def start(self, to: str, by: Actor) -> None:
        """Request a download.

        Raises `Conflict` while there is one, `NotFound` for a space that is not in the table.
        """
        get_larger_space(to)
        now = datetime.now(UTC)
        with self._lock:
            if (current := self._read()) is not None:
                raise Conflict(f"The files of {current.to} are being downloaded. Undo that before you start another download.")
            self._write(
                DownloadRequest(
                    to=to,
                    state="downloading",
                    created_at=now,
                    updated_at=now,
                    actor=by.name,
                    address=by.address,
                    request_id=by.request_id,
                )
            )
        self._wake.set()

    def stop(self) -> None:
        """Stop; the received bytes are kept. Raises `Conflict` unless a download is running."""
        self._set_state("downloading", "stopped")

    def resume(self) -> None:
        """Continue a stopped download. Raises `Conflict`."""
        self._set_state("stopped", "downloading")
        self._wake.set()

    def cancel(self) -> None:
        """Remove the request, and delete the partly downloaded file."""
        with self._lock:
            request = self._read()
            self._path.unlink(missing_ok=True)
        if request is not None:
            self._wake.set()
            remove_partial(get_larger_space(request.to))

    def _set_state(self, expected: str, state: Literal["downloading", "stopped"], error: str | None = None) -> None:
        with self._lock:
            request = self._read()
            if request is None or request.state != expected:
                raise Conflict(f"The download is {'over' if request is None else request.state}.")
            self._write(request.model_copy(update={"state": state, "error": error, "updated_at": datetime.now(UTC)}))

    def _read(self) -> DownloadRequest | None:
        try:
            request = DownloadRequest.model_validate_json(self._path.read_bytes())
            get_larger_space(request.to)
        except FileNotFoundError:
            return None
        except (ValidationError, OSError, MMError) as error:
            structlog.get_logger().warning("request of a download cannot be read", detail=str(error))
            return None
        return request

    def _write(self, request: DownloadRequest) -> None:
        write_atomic(self._path, request.model_dump_json(indent=2).encode())

    def _run(self) -> None:
        while not self._closed.is_set():
            request = self._read()
            if request is None or request.state != "downloading":
                self._wake.wait()
                self._wake.clear()
                continue
            try:
                self._download(request)
            except (MMError, OSError) as error:
                self._fail(str(error))

    def _download(self, request: DownloadRequest) -> None:
        with start_download(self._settings, get_larger_space(request.to)) as process:
            while process.poll() is None:
                if self._closed.is_set() or self._read() != request:  # stopped, and perhaps resumed since
                    process.terminate()
                    return
                time.sleep(POLL_SECONDS)
            assert process.stderr is not None
            lines = process.stderr.read().strip().splitlines()
        if process.returncode == BUSY:  # another API process downloads
            self._closed.wait(BUSY_SECONDS)
        elif self._read() != request:
            return
        elif process.returncode == 0:
            self._begin_move(request.to, Actor(request.actor, request.address, request.request_id))
            self._path.unlink(missing_ok=True)
        else:
            self._fail(lines[-1] if lines else f"The download ended with the status {process.returncode}.")

    def _fail(self, reason: str) -> None:
        structlog.get_logger().warning("download of a space stopped", detail=reason)
        with suppress(Conflict):  # it was stopped or cancelled meanwhile
            self._set_state("downloading", "stopped", reason)
