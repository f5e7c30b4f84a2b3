"""Client operations during the kills; each is recorded, and repeated until it has a response."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote, urlsplit

from mm.bench.crash.history import ABSENT
from mm.client import Client
from mm.errors import MMError, NotFound, Unavailable
from mm.schemas import FINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.bench.crash.history import History
    from mm.bench.crash.media import File

T = TypeVar("T")

TRY_SECONDS = 90.0
"""Longest time for retries of an operation and for a job, well above the time of a restart."""
PAUSE_SECONDS = 0.05
BLOCK = 8 << 10
BLOCK_PAUSE = 0.02
SEARCH_PAUSE = 0.1
MAX_HITS = 1000


class Workload:
    """The clients of one service."""

    def __init__(self, url: str, history: History) -> None:
        self._url = url
        self._client = Client(url, timeout=30.0)
        self._history = history

    def close(self) -> None:
        self._client.close()

    def add(self, file: File) -> str:
        """Upload until it is acknowledged. Returns the job id."""
        return self._retry(lambda: self._add(file), f"upload of {file.name}")

    def try_to_add(self, file: File) -> str:
        """Upload once. Returns the error, empty if the upload was accepted."""
        self._add(file)
        return self._history.operations_on(file.item)[-1].detail

    def add_slowly(self, file: File) -> str:
        """Upload until it is acknowledged, the first time in small blocks with pauses."""
        return self._send(file, file.data) or self.add(file)

    def abort_upload(self, file: File) -> None:
        """Start an upload and close the connection halfway."""
        with self._history.record("cut", file.item):
            self._stream(file, file.data[: len(file.data) // 2])

    def delete(self, file: File) -> None:
        """Delete until it is acknowledged; a missing item counts as deleted."""
        self._retry(lambda: self._delete(file), f"delete of {file.name}")

    def wait(self, file: File, job_id: str) -> str:
        """The state in which the job ends. Raises `Unavailable` if it does not end."""
        end = time.monotonic() + TRY_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(Unavailable):
                job = self._client.job(job_id)
                if job.state in FINAL_STATES:
                    if job.state == "done":
                        with self._history.record("ready", file.item):
                            pass
                    return job.state
            time.sleep(PAUSE_SECONDS)
        raise Unavailable(f"The job of {file.name} did not end within {TRY_SECONDS:.0f} s.")

    def search(self, query: str) -> list[tuple[str, float, float, float]] | None:
        """Item, start, end and score of every hit; None without a response."""
        with self._history.record("search") as operation:
            hits = self._client.search(text=query, k=MAX_HITS, floor=0.0, fold=False).hits
            operation.found_items = frozenset(hit.item.id for hit in hits)
            return [(hit.item.id, hit.start, hit.end, hit.score) for hit in hits]
        return None

    def request_thumbnail(self, file: File) -> None:
        """Request a thumbnail, which the service caches until the item is deleted."""
        with contextlib.suppress(MMError):
            self._client.thumbnail(file.item)

    def _add(self, file: File) -> str | None:
        with self._history.record("add", file.item) as operation:
            operation.job = self._client.add(file.data, name=file.name).job.id
            return operation.job
        return None

    def _delete(self, file: File) -> bool | None:
        with self._history.record("delete", file.item) as operation:
            try:
                # In one operation: what is in the trash would be restored by the next upload.
                self._client.change_items([file.item], action="delete")
                self._client.delete_for_good(file.item)
            except NotFound:  # an earlier request without a response may have deleted it
                operation.detail = ABSENT
            return True
        return None

    def _send(self, file: File, data: bytes) -> str | None:
        with self._history.record("add", file.item) as operation:
            operation.job = self._stream(file, data)
            return operation.job
        return None

    def _stream(self, file: File, data: bytes) -> str:
        """Send `data` slowly, with the Content-Length of the whole file. Returns the job id.

        Raises `Unavailable`.
        """
        address = urlsplit(self._url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30.0)
        try:
            connection.putrequest("POST", f"/v1/media?name={quote(file.name)}")
            connection.putheader("Content-Length", str(len(file.data)))
            connection.endheaders()
            for start in range(0, len(data), BLOCK):
                connection.send(data[start : start + BLOCK])
                time.sleep(BLOCK_PAUSE)
            if len(data) < len(file.data):
                return ""
            response = connection.getresponse()
            body = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"The upload failed: {error}.") from error
        finally:
            connection.close()
        if response.status not in {200, 202}:
            raise Unavailable(f"The upload had the status {response.status}: {body.get('detail')}")
        return str(body["job"]["id"])

    def _retry(self, operation: Callable[[], T | None], description: str) -> T:
        end = time.monotonic() + TRY_SECONDS
        while (result := operation()) is None:
            if time.monotonic() > end:
                raise Unavailable(f"The {description} had no response within {TRY_SECONDS:.0f} s.")
            time.sleep(PAUSE_SECONDS)
        return result


class BackgroundSearcher:
    """Searches repeatedly in a thread for as long as the `with` block lasts."""

    def __init__(self, workload: Workload, query: str) -> None:
        self._workload = workload
        self._query = query
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._search, name="searcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _search(self) -> None:
        while not self._stopped.wait(SEARCH_PAUSE):
            self._workload.search(self._query)
