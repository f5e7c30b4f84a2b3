"""Resumable uploads: tus 1.0, with creation, checksum, expiration and termination."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Header, Request, Response

from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import CREATED_LINKS, FINISHED_LINKS, chunk_body, response_headers, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from api.uploads import tus
from api.uploads.names import clean_name, clean_tags
from api.uploads.resumable import append_body, finish_upload, open_upload, require_owner
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

MAX_LENGTH = (1 << 53) - 1  # largest integer that is exact in JSON of every language
Version = Annotated[Literal["1.0.0"], Header(alias="Tus-Resumable", description="The version of tus.")]
Digest = Annotated[str | None, Header(alias="Upload-Checksum", description="`sha256`, `sha1` or `md5`, a space, base64.")]
FILE_ERRORS = (UnsupportedMedia, MediaError, TooLarge, StorageFull)
"""Errors of a refused file."""
STATE_HEADERS = ("Upload-Offset", "Upload-Expires", "Mm-Item", "Mm-Job")
"""Headers with the state of an upload."""


@router.options(
    "",
    summary="Get the supported features of tus",
    status_code=204,
    responses=response_headers(204, "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
)
@router.options("/{upload_id}", include_in_schema=False, status_code=204)
async def upload_options(response: Response, service: ServiceDep) -> None:
    """Version, extensions, checksum algorithms, and the maximum file size."""
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Max-Size"] = str(service.settings.upload_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)


@router.post(
    "",
    summary="Create a resumable upload",
    status_code=201,
    responses={
        **response_headers(201, "Location", "Mm-Upload", *STATE_HEADERS, "Mm-Created", **CREATED_LINKS),
        **responses(*FILE_ERRORS, UnsupportedVersion, Locked, ChecksumMismatch),
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
    """Responds with the path of the upload. The body may contain the first bytes, or all, as
    `application/offset+octet-stream`."""
    values = tus.read_metadata(metadata)
    name, tags = clean_name(values.get("filename", "")), clean_tags([values.get("tags", "")])
    expected = None if checksum is None else tus.Checksum(checksum)
    settings = service.settings
    if length > settings.upload_bytes:
        raise TooLarge(f"The file has {length:,} bytes; the maximum is {settings.upload_bytes:,} (MM_UPLOAD_BYTES).")
    client = get_client_id(request.scope)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    async with AsyncExitStack() as slots:
        has_bytes = tus.is_upload_chunk(request.headers) or length == 0
        if has_bytes:
            await slots.enter_async_context(limits.uploads.hold(client))
        async with limits.upload_controls.hold(client):
            quota = limits.partial_uploads
            create = partial(service.store.uploads.create, max_total=quota.total, max_of_owner=quota.share)
            info = await limits.disk.run(create, length, name, tags, metadata, client)
        if has_bytes:
            async with open_upload(service, limits.disk, info.id) as upload:
                try:
                    await append_body(request, service, limits.disk, upload, expected)
                    if upload.info.is_complete:
                        await limits.accepted.run(client, finish_upload, service, upload)
                except BaseException:  # the client has not received the path
                    upload.remove()
                    raise
                info = upload.info
    response.headers["Location"], response.headers["Mm-Upload"] = f"{tus.PREFIX}/{info.id}", info.id
    _set_state_headers(response, info)


@router.head(
    "/{upload_id}",
    summary="Get the state of an upload",
    responses={
        **response_headers(200, *STATE_HEADERS, "Upload-Length", "Upload-Metadata"),
        **responses(NotFound, Gone, UnsupportedVersion, Locked),
    },
    dependencies=[hold_while_processing("upload_controls")],
)
async def head_upload(
    upload_id: str, request: Request, response: Response, service: ServiceDep, limits: LimitsDep, version: Version
) -> None:
    """Returns the number of bytes that are stored durably. Another request that is writing to the
    upload is interrupted, so that the client can continue."""
    info = await require_owner(request, service, limits.disk, upload_id)
    if not info.is_stored:
        async with open_upload(service, limits.disk, upload_id) as upload:
            info = upload.info
    response.headers["Upload-Length"] = str(info.length)
    if info.metadata:
        response.headers["Upload-Metadata"] = info.metadata
    _set_state_headers(response, info)


@router.patch(
    "/{upload_id}",
    summary="Append to an upload",
    status_code=204,
    responses={
        **response_headers(204, *STATE_HEADERS, "Mm-Created", **FINISHED_LINKS),
        **responses(*FILE_ERRORS, NotFound, Gone, Conflict, UnsupportedVersion, WrongContentType, Locked, ChecksumMismatch),
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
    offset: Annotated[
        int, Header(alias="Upload-Offset", ge=0, le=MAX_LENGTH, description="Position of the first byte in the file.")
    ],
    checksum: Digest = None,
) -> None:
    """The chunk with the last bytes adds the file to the library, as `POST /v1/media` does:
    `Mm-Item` and `Mm-Job` are its ids.

    If the service fails in this step, an empty chunk at the end repeats it.
    """
    tus.require_upload_chunk(request.headers)
    expected = None if checksum is None else tus.Checksum(checksum)
    await require_owner(request, service, limits.disk, upload_id)
    async with open_upload(service, limits.disk, upload_id) as upload:
        if offset != upload.info.offset:
            raise Conflict(f"The chunk starts at byte {offset:,}; the next byte of the upload is {upload.info.offset:,}.")
        await append_body(request, service, limits.disk, upload, expected)
        if upload.info.is_complete:
            await limits.accepted.run(get_client_id(request.scope), finish_upload, service, upload)
        info = upload.info
    _set_state_headers(response, info)


@router.delete(
    "/{upload_id}",
    summary="Delete an upload",
    status_code=204,
    responses=responses(NotFound, Gone, UnsupportedVersion, Locked),
    dependencies=[hold_while_processing("upload_controls")],
)
async def end_upload(upload_id: str, request: Request, service: ServiceDep, limits: LimitsDep, version: Version) -> None:
    """Its bytes are deleted; the item of a complete upload is kept."""
    await require_owner(request, service, limits.disk, upload_id)
    async with open_upload(service, limits.disk, upload_id) as upload:
        await limits.disk.run(upload.remove)


def _set_state_headers(response: Response, info: UploadInfo) -> None:
    response.headers["Upload-Offset"] = str(info.offset)
    response.headers["Upload-Expires"] = tus.format_http_date(info.expires_at)
    response.headers["Cache-Control"] = "no-store"
    if info.item_id is not None:
        response.headers["Mm-Item"] = info.item_id
        response.headers["Mm-Created"] = "true" if info.created else "false"
    if info.job_id is not None:
        response.headers["Mm-Job"] = info.job_id
