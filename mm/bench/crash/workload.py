"""What users do meanwhile: each call goes into the history, and is tried again until it is
answered."""

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
"""Longest that an operation is tried again, and a job waited for: far more than any restart takes.
"""
PAUSE_SECONDS = 0.05
BLOCK = 8 << 10
BLOCK_PAUSE = 0.02
SEARCH_PAUSE = 0.1
MOST_HITS = 1000


class Workload:
    """The callers of one service."""

    def __init__(self, url: str, history: History) -> None:
        self._url = url
        self._client = Client(url, timeout=30.0)
        self._history = history

    def close(self) -> None:
        self._client.close()

    def add(self, file: File) -> str:
        """Upload until it is acknowledged. Returns the job's id."""
        return self._until_answered(lambda: self._add(file), f"upload of {file.name}")

    def try_to_add(self, file: File) -> str:
        """Upload once. Returns what it was answered when it was not taken, empty if it was."""
        self._add(file)
        return self._history.operations_on(file.item)[-1].detail

    def add_slowly(self, file: File) -> str:
        """The same, the first time in small blocks with pauses."""
        return self._send(file, file.data) or self.add(file)

    def abort_upload(self, file: File) -> None:
        """Begin an upload and hang up in the middle."""
        with self._history.record("cut", file.item):
            self._stream(file, file.data[: len(file.data) // 2])

    def delete(self, file: File) -> None:
        """Delete until it is acknowledged; an item that is not there counts, when an earlier call
        was cut off."""
        self._until_answered(lambda: self._delete(file), f"delete of {file.name}")

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

    def search(self, question: str) -> list[tuple[str, float, float, float]] | None:
        """Item, start, end and score of every moment; None without an answer."""
        with self._history.record("search") as operation:
            hits = self._client.search(text=question, k=MOST_HITS, floor=0.0, fold=False).hits
            operation.found = frozenset(hit.item.id for hit in hits)
            return [(hit.item.id, hit.start, hit.end, hit.score) for hit in hits]
        return None

    def request_thumbnail(self, file: File) -> None:
        """Ask for a picture of an item, which is kept until the item is deleted."""
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
                self._client.delete(file.item)
            except NotFound:  # an earlier call may have done it before its answer was lost; the checker knows whether one could
                operation.detail = ABSENT
            return True
        return None

    def _send(self, file: File, data: bytes) -> str | None:
        with self._history.record("add", file.item) as operation:
            operation.job = self._stream(file, data)
            return operation.job
        return None

    def _stream(self, file: File, data: bytes) -> str:
        """Send some of a file's bytes slowly, of which all were promised. Returns the job's id.
        Raises `Unavailable`."""
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
            raise Unavailable(f"The upload broke: {error}.") from error
        finally:
            connection.close()
        if response.status not in {200, 202}:
            raise Unavailable(f"The upload was answered with {response.status}: {body.get('detail')}")
        return str(body["job"]["id"])

    def _until_answered(self, call: Callable[[], T | None], what: str) -> T:
        end = time.monotonic() + TRY_SECONDS
        while (answer := call()) is None:
            if time.monotonic() > end:
                raise Unavailable(f"There was no answer to the {what} within {TRY_SECONDS:.0f} s.")
            time.sleep(PAUSE_SECONDS)
        return answer


class BackgroundSearcher:
    """Asks all the time, from a thread of its own, inside a `with` block."""

    def __init__(self, workload: Workload, question: str) -> None:
        self._workload = workload
        self._question = question
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="asker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stopped.wait(SEARCH_PAUSE):
            self._workload.search(self._question)
