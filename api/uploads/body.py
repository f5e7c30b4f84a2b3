"""One upload, as form data or as a raw body, streamed to disk while it is hashed; memory does not
grow with the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from api.http.bodies import blocks, refuse_longer
from api.http.forms import is_form, read_form
from api.uploads.names import clean_name, clean_tags
from mm.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.requests import Request

    from api.http.forms import FieldHead, Fields
    from api.library import IncomingFile
    from api.limits.thread_pool import ThreadPool
    from mm.schemas import Upload

FIELD_BYTES = 64 << 10  # name and tags of a form, and its boundaries


@dataclass(frozen=True, slots=True)
class Label:
    """What the caller says of the file."""

    name: str
    tags: list[str]


def log_accepted(done: Upload) -> None:
    """One line that joins the request's id to the job's, by which the workers' logs go on."""
    structlog.get_logger().info("accepted", job_id=done.job.id, item_id=done.item.id, created=done.created)


async def receive(request: Request, threads: ThreadPool, incoming: IncomingFile, limit: int) -> Label:
    """Read the body into `incoming`. Raises `InvalidInput`, `TooLarge`; `ClientDisconnect` when it
    is cut off."""
    refuse_longer(request, limit + FIELD_BYTES, "upload_bytes")
    if is_form(request):
        return await _receive_form(request, threads, incoming)
    async for block in blocks(request):
        await threads.run(incoming.write, block)
    query = request.query_params
    return Label(clean_name(query.get("name", "")), clean_tags(query.getlist("tag")))


async def _receive_form(request: Request, threads: ThreadPool, incoming: IncomingFile) -> Label:
    heads: list[FieldHead] = []

    def open_file(head: FieldHead) -> IncomingFile:
        if head.field != "file" or heads:
            raise InvalidInput("The form has one file, in the field `file`; send another file in another request.")
        heads.append(head)
        return incoming

    fields = await read_form(request, threads, open_file, FIELD_BYTES)
    if not heads:
        raise InvalidInput("The form has no file; send it in the field `file`, with a file name.")
    return _label(fields, heads[0])


def _label(fields: Fields, head: FieldHead) -> Label:
    unknown = sorted(set(fields) - {"name", "tags"})
    if unknown:
        raise InvalidInput(f"The form has a field {unknown[0]!r}; known are `file`, `name` and `tags`.")
    given = next((name for name in fields.get("name", []) if name.strip()), head.filename or "")
    return Label(clean_name(given), clean_tags(fields.get("tags", [])))
