"""An upload in one request, as form data or as a raw body, streamed to disk while it is hashed.

Memory does not grow with the size of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.http.bodies import read_blocks
from api.http.forms import FormLimits, is_form, read_form
from api.uploads.ingest import log_accepted
from api.uploads.names import clean_name, clean_tags
from mm.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.requests import Request

    from api.http.forms import FieldHead, Fields
    from api.limits.resources import Limits
    from api.limits.thread_pool import ThreadPool
    from api.uploads.ingest import IncomingFile, Ingest
    from mm.schemas import Upload

FIELD_BYTES = 64 << 10  # name and tags of a form, and its boundaries


@dataclass(frozen=True, slots=True)
class FileLabel:
    """Name and tags that the client sends with the file."""

    name: str
    tags: list[str]


async def receive_upload(request: Request, ingest: Ingest, limits: Limits, client: str) -> Upload:
    """Write the body to disk, and make the file an item.

    Raises `InvalidInput`, `TooLarge`, `TooMany`, `ClientDisconnect`, and what `Ingest.accept` does.
    """
    limit = ingest.store.settings.upload_bytes + FIELD_BYTES
    with ingest.start() as file:
        if is_form(request):
            label = await _receive_form(request, limits.disk, file, limit)
        else:
            label = await _receive_raw(request, limits.disk, file, limit)
        upload = await limits.accepted.run(client, file.accept, label.name, label.tags)
    log_accepted(upload)
    return upload


async def _receive_raw(request: Request, threads: ThreadPool, file: IncomingFile, limit: int) -> FileLabel:
    async for block in read_blocks(request, limit, "upload_bytes"):
        await threads.run(file.write, block)
    query = request.query_params
    return FileLabel(clean_name(query.get("name", "")), clean_tags(query.getlist("tag")))


async def _receive_form(request: Request, threads: ThreadPool, file: IncomingFile, limit: int) -> FileLabel:
    heads: list[FieldHead] = []

    def open_file(head: FieldHead) -> IncomingFile:
        if head.name != "file" or heads:
            raise InvalidInput("A form has one file, in the field `file`; send another file in another request.")
        heads.append(head)
        return file

    fields = await read_form(request, threads, open_file, FormLimits(limit, "upload_bytes", FIELD_BYTES))
    if not heads:
        raise InvalidInput("The form has no file; send it in the field `file`, with a file name.")
    return _read_label(fields, heads[0])


def _read_label(fields: Fields, head: FieldHead) -> FileLabel:
    unknown = sorted(set(fields) - {"name", "tags"})
    if unknown:
        raise InvalidInput(f"The form has an unknown field {unknown[0]!r}; the fields are `file`, `name` and `tags`.")
    name = next((name for name in fields.get("name", []) if name.strip()), head.filename or "")
    return FileLabel(clean_name(name), clean_tags(fields.get("tags", [])))
