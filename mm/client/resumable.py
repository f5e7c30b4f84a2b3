"""Resumable upload of a file with tus 1.0: after a broken connection, only the rest is sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path

from mm.client.responses import is_success, parse_error
from mm.client.steps import Body, Flow, Response, Send, Sleep
from mm.errors import Conflict, Gone, Locked, NotFound, RequestTimeout, StorageFull, TooMany, Unavailable

LARGE_BYTES = 8 << 20
"""Size from which files are sent this way; for smaller ones the additional request costs more time
than sending them again."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds before each retry; progress of the upload resets the count."""
UPLOADS = "/v1/uploads"
VERSION = {"Tus-Resumable": "1.0.0"}
CONTENT_TYPE = "application/offset+octet-stream"
RETRY_STATUSES = frozenset({Conflict.status, Locked.status, RequestTimeout.status, TooMany.status, Unavailable.status, 502, 504})
"""Statuses after which the offset is queried and the rest is sent."""


def send_resumable(
    file: Path | bytes,
    size: int,
    name: str,
    tags: Sequence[str],
    on_sent: Callable[[int], None],
    upload: str | None = None,
    on_upload: Callable[[str], None] | None = None,
) -> Flow[Response]:
    """Send a file; the headers of the returned response name the item.

    `upload` is the path of an unfinished upload of the same file to continue; `on_upload` receives
    the path of a new one. Raises `Unavailable` when all retries fail, and the error with which the
    service refuses the file.
    """
    path, offset = upload, -1 if upload else 0  # -1: to be queried
    max_offset, num_retries = 0, 0
    while True:
        if path is None:
            path, offset = (yield from _create_upload(size, name, tags)), 0
            if on_upload is not None:
                on_upload(path)
        try:
            if offset < 0:
                response = yield from _query_upload(path, size)
                if response is None:
                    path = None
                    continue
                if "mm-item" in response.headers:
                    return response
                offset = int(response.headers["upload-offset"])
            if offset > max_offset:
                max_offset, num_retries = offset, 0
            headers = {**VERSION, "Content-Type": CONTENT_TYPE, "Upload-Offset": str(offset)}
            response = yield from Send("PATCH", path, headers=headers, body=Body(file, size - offset, on_sent, start=offset))
            if is_success(response) and "mm-item" in response.headers:
                return response
            error = parse_error(response)
            if not is_success(response) and response.status not in RETRY_STATUSES:
                raise error
        except StorageFull:
            raise
        except Unavailable as unavailable:
            error = unavailable
        if num_retries == len(PAUSES):
            raise error
        yield from Sleep(PAUSES[num_retries])
        num_retries, offset = num_retries + 1, -1


def _create_upload(size: int, name: str, tags: Sequence[str]) -> Flow[str]:
    values = {"filename": name, "tags": ",".join(tags)}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items() if value)
    response = yield from Send("POST", UPLOADS, headers={**VERSION, "Upload-Length": str(size), "Upload-Metadata": metadata})
    if not is_success(response):
        raise parse_error(response)
    path = response.headers.get("location", "")
    if not path.startswith(f"{UPLOADS}/"):
        raise Unavailable(f"The response of {response.url} does not match this version of mm (Location: {path!r}).")
    return path


def _query_upload(path: str, size: int) -> Flow[Response | None]:
    """Return the state of an upload; `None` if it has expired or is of another file."""
    response = yield from Send("HEAD", path, headers=VERSION)
    if response.status in {NotFound.status, Gone.status}:
        return None
    if response.status == Locked.status:  # the response to HEAD has no body with a message
        raise Unavailable(f"Another request is writing to {response.url}.")
    if not is_success(response) or not response.headers.get("upload-offset", "").isdigit():
        raise parse_error(response)
    return response if response.headers.get("upload-length") == str(size) else None
