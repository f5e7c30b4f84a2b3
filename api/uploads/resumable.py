"""One piece of a resumable upload: the right to write it, its bytes to the disk, and at the end the
file into the library."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from api.http.bodies import BLOCK_BYTES, declared_length
from api.request_context import get_client
from api.uploads.body import log_accepted
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
"""Longest wait for the one who has the upload. It lets go within `POLL_SECONDS`, unless it is
taking the file in."""
RETRY_SECONDS = 0.05
POLL_SECONDS = 0.2
"""How often one who reads looks whether another waits."""


class UploadTakenOver(Exception):
    """Another request wants the upload."""


async def require_owner(request: Request, service: Service, threads: ThreadPool, upload_id: str) -> UploadInfo:
    """The upload. Raises `NotFound` also when it is another key's, and `Gone` when it expired.

    Where no key is asked for, the id alone decides: a phone that changes its network has another
    address.
    """
    info = await threads.run(service.store.uploads.get, upload_id)
    caller = get_client(request.scope)
    if caller.key is not None and info.owner not in {"", str(caller)} and not caller.key.allows("admin"):
        raise NotFound(f"There is no upload {upload_id!r}.")
    return info


@asynccontextmanager
async def held(service: Service, threads: ThreadPool, upload_id: str) -> AsyncIterator[OpenUpload]:
    """The upload, for this request alone: whoever has it is asked to let go, because its caller is
    most likely gone.

    Raises `Locked`, `NotFound`, `Gone`.
    """
    upload = await _take(service, threads, upload_id)
    try:
        yield upload
    finally:
        upload.close()


async def _take(service: Service, threads: ThreadPool, upload_id: str) -> OpenUpload:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return await threads.run(service.store.uploads.open, upload_id)
        except Locked:
            if time.monotonic() >= end:
                raise
        await threads.run(service.store.uploads.request_release, upload_id)
        await asyncio.sleep(RETRY_SECONDS)


async def receive(request: Request, service: Service, threads: ThreadPool, upload: OpenUpload, checksum: Checksum | None) -> None:
    """Append the body. With a checksum all of it counts or nothing, otherwise what arrived, even if
    the line breaks.

    Raises `TooLarge` beyond the upload's length, `ChecksumMismatch`, `Locked` when another request
    took the upload over, `ClientDisconnect`, `RequestTimeout`, `Unavailable`.
    """
    length = declared_length(request)
    if length is not None and length > upload.num_bytes_left:
        raise TooLarge(f"The piece has {length:,} bytes; the upload lacks {upload.num_bytes_left:,}.")
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
            raise Locked(f"Another request took over the upload {upload.info.id}.") from None
        raise


def _write(service: Service, upload: OpenUpload, block: bytes, checksum: Checksum | None) -> None:
    if len(block) > upload.num_bytes_left:
        raise TooLarge(f"The upload has {upload.info.length:,} bytes, and more than that came.")
    upload.write(block)
    service.metrics.upload_bytes.inc(len(block))
    if checksum is not None:
        checksum.update(block)
    elif upload.is_checkpoint_due():
        upload.checkpoint()


async def read_until_takeover(request: Request, wanted: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The body in blocks of about `BLOCK_BYTES`, smaller ones on a slow line: what came is not held
    back.

    Raises `ClientDisconnect` and `RequestTimeout` after the bytes that came before them,
    `UploadTakenOver` as soon as `wanted` is true.
    """
    stream = aiter(request.stream())
    block = bytearray()
    looked = time.monotonic()
    coming = asyncio.ensure_future(anext(stream, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=POLL_SECONDS)
            now = time.monotonic()
            if now - looked >= POLL_SECONDS:
                looked = now
                if wanted():
                    raise UploadTakenOver
            if not done:
                if block:
                    yield bytes(block)
                    block.clear()
                continue
            piece = coming.result()
            if piece is None:
                break
            block += piece
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
            coming = asyncio.ensure_future(anext(stream, None))
    except (ClientDisconnect, RequestTimeout, UploadTakenOver):
        if block:
            yield bytes(block)
        raise
    finally:
        coming.cancel()
    if block:
        yield bytes(block)


def finish_upload(service: Service, upload: OpenUpload) -> None:
    """Make the file an item, as `POST /v1/media` does; it may be asked for again when the service
    failed in the middle.

    A refusal of the file ends the upload; a key that was revoked does not, another may go on.
    Raises what `Library.accept` does.
    """
    if upload.info.is_stored:
        return
    upload.digest()  # a long file takes a while: not under the lock of the library
    info = upload.info
    try:
        done = service.library.accept(upload, info.name, info.length, info.tags)
    except MMError as error:
        if error.status < 500 and not isinstance(error, Unauthorized):
            upload.remove()
        raise
    upload.mark_stored(done.item.id, done.job.id, created=done.created)
    log_accepted(done)
