"""One chunk of a resumable upload: exclusive access to the upload, its bytes to disk, and after the
last chunk the file into the library."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from api.http.bodies import BLOCK_BYTES, get_declared_length
from api.request_context import get_client
from api.uploads.ingest import log_accepted
from mm.errors import Locked, MMError, NotFound, RequestTimeout, TooLarge, Unauthorized

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from api.limits.thread_pool import ThreadPool
    from api.service import Service
    from api.uploads.tus import Checksum
    from indexes.storage.resumable_info import UploadInfo
    from indexes.storage.resumable_open import OpenUpload

LOCK_SECONDS = 5.0
"""Maximum wait for an upload that another request has open. That request closes it within
`POLL_SECONDS`, unless it is adding the file to the library."""
RETRY_SECONDS = 0.05
POLL_SECONDS = 0.2
"""Interval at which a request that receives bytes checks whether another request waits."""


class UploadTakenOver(Exception):
    """Another request waits for the upload."""


async def require_owner(request: Request, service: Service, threads: ThreadPool, upload_id: str) -> UploadInfo:
    """Return the upload if the key of the request created it, or is an admin key.

    Without keys, the id alone grants access: the address of a mobile client may change. Raises
    `NotFound` also for the upload of another key, and `Gone` for an expired one.
    """
    info = await threads.run(service.store.uploads.get, upload_id)
    client = get_client(request.scope)
    if client.key is not None and info.owner not in {"", str(client)} and not client.key.allows("admin"):
        raise NotFound(f"There is no upload {upload_id!r}.")
    return info


@asynccontextmanager
async def open_upload(service: Service, threads: ThreadPool, upload_id: str) -> AsyncIterator[OpenUpload]:
    """Exclusive access to an upload for the duration of the block.

    A request that has it open is interrupted, because its client has probably disconnected. Raises
    `Locked`, `NotFound`, `Gone`.
    """
    upload = await _acquire(service, threads, upload_id)
    try:
        yield upload
    finally:
        upload.close()


async def _acquire(service: Service, threads: ThreadPool, upload_id: str) -> OpenUpload:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return await threads.run(service.store.uploads.open, upload_id)
        except Locked:
            if time.monotonic() >= deadline:
                raise
        await threads.run(service.store.uploads.request_release, upload_id)
        await asyncio.sleep(RETRY_SECONDS)


async def append_body(
    request: Request, service: Service, threads: ThreadPool, upload: OpenUpload, checksum: Checksum | None
) -> None:
    """Append the body to the upload.

    With a checksum, either all of it is kept or nothing; otherwise all bytes that arrive, even if
    the connection breaks. Raises `TooLarge` beyond the length of the upload, `ChecksumMismatch`,
    `Locked` when another request took the upload over, `ClientDisconnect`, `RequestTimeout`,
    `Unavailable`.
    """
    length = get_declared_length(request)
    if length is not None and length > upload.num_bytes_left:
        raise TooLarge(f"The chunk has {length:,} bytes; the upload lacks only {upload.num_bytes_left:,} bytes.")
    try:
        async for block in read_until_takeover(request, upload.has_waiter):
            await threads.run(_write, service, upload, block, checksum)
        if checksum is not None:
            checksum.verify()
        await threads.run(upload.checkpoint)
    except (ClientDisconnect, RequestTimeout, UploadTakenOver, asyncio.CancelledError) as error:
        if checksum is None:
            await threads.run(upload.checkpoint)
        if isinstance(error, UploadTakenOver):
            raise Locked(
                f"Another request writes to the upload {upload.info.id} now. Get its offset before you continue."
            ) from None
        raise


def _write(service: Service, upload: OpenUpload, block: bytes, checksum: Checksum | None) -> None:
    if len(block) > upload.num_bytes_left:
        raise TooLarge(f"The body exceeds the length of the upload, {upload.info.length:,} bytes.")
    upload.write(block)
    service.metrics.upload_bytes.inc(len(block))
    if checksum is not None:
        checksum.update(block)
    elif upload.is_checkpoint_due():
        upload.checkpoint()


async def read_until_takeover(request: Request, is_wanted: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield the body in blocks of about `BLOCK_BYTES`, or less after `POLL_SECONDS`.

    Raises `UploadTakenOver` as soon as `is_wanted` returns true, `ClientDisconnect` and
    `RequestTimeout`; the bytes that arrived before are yielded first.
    """
    stream = aiter(request.stream())
    block = bytearray()
    last_check = time.monotonic()
    receiving = asyncio.ensure_future(anext(stream, None))
    try:
        while True:
            done, _ = await asyncio.wait({receiving}, timeout=POLL_SECONDS)
            now = time.monotonic()
            if now - last_check >= POLL_SECONDS:
                last_check = now
                if is_wanted():
                    raise UploadTakenOver
            if not done:
                if block:
                    yield bytes(block)
                    block.clear()
                continue
            chunk = receiving.result()
            if chunk is None:
                break
            block += chunk
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
            receiving = asyncio.ensure_future(anext(stream, None))
    except (ClientDisconnect, RequestTimeout, UploadTakenOver):
        if block:
            yield bytes(block)
        raise
    finally:
        receiving.cancel()
    if block:
        yield bytes(block)


def finish_upload(service: Service, upload: OpenUpload) -> None:
    """Make the complete file an item. May be called again after a failure of the service.

    A refused file ends the upload; a revoked key does not, because another key may continue it.
    Raises what `Ingest.accept` does.
    """
    if upload.info.is_stored:
        return
    upload.digest()  # may take long for a large file: not under the lock of the library
    info = upload.info
    try:
        result = service.ingest.accept(upload, info.name, info.length, info.tags)
    except MMError as error:
        if error.status < 500 and not isinstance(error, Unauthorized):
            upload.remove()
        raise
    upload.mark_stored(result.item.id, result.job.id, created=result.created)
    log_accepted(result)
