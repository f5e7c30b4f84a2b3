"""Uploads that resume after a break: tus 1.0, with creation, checksum, expiration and
termination."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Header, Request, Response

from api.http.openapi import CREATED_LINKS, FINISHED_LINKS, chunk_body, response_headers, responses
from api.limits.resources import LimitsDep, hold_while_processing
from api.request_context import get_client_id
from api.service import ServiceDep
from api.uploads import tus
from api.uploads.names import clean_name, clean_tags
from api.uploads.resumable import finish_upload, held, receive, require_owner
from mm.errors import (
    ChecksumMismatch,
    Conflict,
    Gone,
    Locked,
    MediaError,
    NotFound,
    StorageFull,
    TooLarge,
    UnsupportedMedia,
    UnsupportedVersion,
    WrongContentType,
)

if TYPE_CHECKING:
    from indexes.storage.resumable_info import UploadInfo

router = APIRouter(prefix=tus.PREFIX, tags=["uploads"])

MAX_LENGTH = (1 << 53) - 1  # numbers that JSON of any language holds
Version = Annotated[Literal["1.0.0"], Header(alias="Tus-Resumable", description="The version of tus that is spoken.")]
Digest = Annotated[str | None, Header(alias="Upload-Checksum", description="`sha256`, `sha1` or `md5`, a space, base64.")]
TAKING_IN = (UnsupportedMedia, MediaError, TooLarge, StorageFull)
"""How a file can be refused."""
TELLING = ("Upload-Offset", "Upload-Expires", "Mm-Item", "Mm-Job")
"""Headers that say how far an upload is, and what it became."""


@router.options(
    "",
    summary="What is spoken here of tus",
    status_code=204,
    responses=response_headers(204, "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
)
@router.options("/{upload_id}", include_in_schema=False, status_code=204)
async def upload_options(response: Response, service: ServiceDep) -> None:
    """Version, extensions, checksum algorithms, and the largest file that is taken."""
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Max-Size"] = str(service.settings.upload_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)


@router.post(
    "",
    summary="Begin an upload that can resume",
    status_code=201,
    responses={
        **response_headers(201, "Location", "Mm-Upload", *TELLING, "Mm-Created", **CREATED_LINKS),
        **responses(*TAKING_IN, UnsupportedVersion, Locked, ChecksumMismatch),
    },
    openapi_extra=chunk_body(required=False),
)
async def begin_upload(
    request: Request,
    response: Response,
    service: ServiceDep,
    limits: LimitsDep,
    version: Version,
    length: Annotated[int, Header(alias="Upload-Length", ge=0, le=MAX_LENGTH, description="Bytes of the whole file.")],
    metadata: Annotated[
        str, Header(alias="Upload-Metadata", description="`filename` and `tags` (with commas), their values in base64.")
    ] = "",
    checksum: Digest = None,
) -> None:
    """Answers where the upload is. The body may bring the first bytes, or all, as
    `application/offset+octet-stream`."""
    named = tus.read_metadata(metadata)
    name, tags = clean_name(named.get("filename", "")), clean_tags([named.get("tags", "")])
    expected = None if checksum is None else tus.Checksum(checksum)
    settings = service.settings
    if length > settings.upload_bytes:
        raise TooLarge(f"The file has {length:,} bytes; at most {settings.upload_bytes:,} are taken (MM_UPLOAD_BYTES).")
    caller = get_client_id(request.scope)
    await limits.catalog.run(caller, limits.refuse_more_jobs, service.store.catalog)
    async with AsyncExitStack() as places:
        brings_bytes = tus.is_upload_chunk(request.headers) or length == 0
        if brings_bytes:
            await places.enter_async_context(limits.uploads.hold(caller))
        async with limits.upload_controls.hold(caller):
            quota = limits.partial_uploads
            create = partial(service.store.uploads.create, max_total=quota.total, max_of_owner=quota.share)
            info = await limits.disk.run(create, length, name, tags, metadata, caller)
        if brings_bytes:
            async with held(service, limits.disk, info.id) as upload:
                try:
                    await receive(request, service, limits.disk, upload, expected)
                    if upload.info.is_complete:
                        await limits.accepted.run(caller, finish_upload, service, upload)
                except BaseException:  # nobody was told where it is
                    upload.remove()
                    raise
                info = upload.info
    response.headers["Location"], response.headers["Mm-Upload"] = f"{tus.PREFIX}/{info.id}", info.id
    _tell(response, info)


@router.head(
    "/{upload_id}",
    summary="How far an upload is",
    responses={
        **response_headers(200, *TELLING, "Upload-Length", "Upload-Metadata"),
        **responses(NotFound, Gone, UnsupportedVersion, Locked),
    },
    dependencies=[hold_while_processing("upload_controls")],
)
async def head_upload(
    upload_id: str, request: Request, response: Response, service: ServiceDep, limits: LimitsDep, version: Version
) -> None:
    """The bytes that are safely on disk. A request that still writes lets go first; the one who
    asks goes on in its place."""
    info = await require_owner(request, service, limits.disk, upload_id)
    if not info.is_stored:
        async with held(service, limits.disk, upload_id) as upload:
            info = upload.info
    response.headers["Upload-Length"] = str(info.length)
    if info.metadata:
        response.headers["Upload-Metadata"] = info.metadata
    _tell(response, info)


@router.patch(
    "/{upload_id}",
    summary="Send the next bytes of an upload",
    status_code=204,
    responses={
        **response_headers(204, *TELLING, "Mm-Created", **FINISHED_LINKS),
        **responses(*TAKING_IN, NotFound, Gone, Conflict, UnsupportedVersion, WrongContentType, Locked, ChecksumMismatch),
    },
    openapi_extra=chunk_body(required=True),
    dependencies=[hold_while_processing("uploads")],
)
async def send_piece(
    upload_id: str,
    request: Request,
    response: Response,
    service: ServiceDep,
    limits: LimitsDep,
    version: Version,
    offset: Annotated[int, Header(alias="Upload-Offset", ge=0, le=MAX_LENGTH, description="Where the bytes belong.")],
    checksum: Digest = None,
) -> None:
    """The piece with the last bytes takes the file in, as `POST /v1/media` does: `Mm-Item` and
    `Mm-Job` say what it became.

    If the service fails in doing so, an empty piece at the end asks for it again.
    """
    tus.require_upload_chunk(request.headers)
    expected = None if checksum is None else tus.Checksum(checksum)
    await require_owner(request, service, limits.disk, upload_id)
    async with held(service, limits.disk, upload_id) as upload:
        if offset != upload.info.offset:
            raise Conflict(f"The piece begins at byte {offset:,}; the upload goes on at {upload.info.offset:,}.")
        await receive(request, service, limits.disk, upload, expected)
        if upload.info.is_complete:
            await limits.accepted.run(get_client_id(request.scope), finish_upload, service, upload)
        info = upload.info
    _tell(response, info)


@router.delete(
    "/{upload_id}",
    summary="End an upload",
    status_code=204,
    responses=responses(NotFound, Gone, UnsupportedVersion, Locked),
    dependencies=[hold_while_processing("upload_controls")],
)
async def end_upload(upload_id: str, request: Request, service: ServiceDep, limits: LimitsDep, version: Version) -> None:
    """Its bytes are removed; an item that it became stays."""
    await require_owner(request, service, limits.disk, upload_id)
    async with held(service, limits.disk, upload_id) as upload:
        await limits.disk.run(upload.remove)


def _tell(response: Response, info: UploadInfo) -> None:
    response.headers["Upload-Offset"] = str(info.offset)
    response.headers["Upload-Expires"] = tus.http_date(info.expires_at)
    response.headers["Cache-Control"] = "no-store"
    if info.item_id is not None:
        response.headers["Mm-Item"] = info.item_id
        response.headers["Mm-Created"] = "true" if info.created else "false"
    if info.job_id is not None:
        response.headers["Mm-Job"] = info.job_id
