"""Parts of an OpenAPI operation that FastAPI does not derive from a route: error responses, bodies
that the route reads itself, examples, response headers and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.http import problems
from mm.errors import InvalidInput, MMError
from mm.schemas import SearchRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


JSON = dict[str, object]

REF = "#/components/schemas/{model}"
BINARY: JSON = {"type": "string", "format": "binary"}
TEXTS: JSON = {"type": "array", "items": {"type": "string"}, "maxItems": 8}


def responses(*errors: type[MMError]) -> dict[int | str, JSON]:
    """Return the error responses of a route by status; `InvalidInput` is always included."""
    by_status: dict[int, list[type[MMError]]] = {}
    all_errors: tuple[type[MMError], ...] = (InvalidInput, *errors)
    for error in all_errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: problem_response(of_status) for status, of_status in sorted(by_status.items())}


def problem_response(errors: list[type[MMError]]) -> JSON:
    """Return the response of errors with the same status."""
    first = errors[0]
    example = {
        "type": problems.TYPE_BASE + first.slug,
        "title": first.title,
        "status": first.status,
        "detail": (first.__doc__ or first.title).splitlines()[0],
    }
    return {
        "description": " / ".join(error.title for error in errors),
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}, "example": example}},
    }


def json_body(schema: type[BaseModel], *, required: bool = True, **examples: JSON) -> JSON:
    """Return the request body of a route that parses its JSON itself, within a limit."""
    return {"requestBody": {"required": required, "content": {"application/json": _json_content(schema, examples)}}}


def search_body(**examples: JSON) -> JSON:
    """Return the request body of a search: JSON, or form data with the same fields and files."""
    properties: JSON = {
        "text": {"type": "string"},
        "k": {"type": "integer", "default": 10},
        "floor": {"type": "number"},
        "filters": {"type": "string", "description": "JSON of `Filters`."},
        "like": {"type": "string", "description": "JSON of `Like`."},
        "also": {
            **TEXTS,
            "description": "Further texts; a hit must match each of them as well. The field may occur several times.",
        },
        "without": {
            **TEXTS,
            "description": "Texts that describe what must be neither visible nor spoken. The field may occur several times.",
        },
        "parse": {"type": "boolean", "default": True, "description": "Whether `text` is parsed for what it excludes."},
        "weights": {"type": "string", "description": "JSON of `Weights`."},
        "fold": {"type": "boolean", "default": True},
        "picture": BINARY,
        "sound": BINARY,
        "clip": BINARY,
        "file": {**BINARY, "description": "An image, audio or a clip; the service detects which."},
    }
    form: JSON = {"schema": {"type": "object", "properties": properties}}
    content = {"application/json": _json_content(SearchRequest, examples), "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


def captions_body(schema: type[BaseModel], **examples: JSON) -> JSON:
    """Return the body of a request for captions: JSON with ids, or form data with an image."""
    form: JSON = {"schema": {"type": "object", "properties": {"picture": BINARY}, "required": ["picture"]}}
    content = {"application/json": _json_content(schema, examples), "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


def ask_body(schema: type[BaseModel], **examples: JSON) -> JSON:
    """Return the request body of a question: JSON, or form data with the same fields and audio."""
    properties: JSON = {
        "query": {"type": "string", "description": "Empty or missing with `audio`."},
        "audio": {**BINARY, "description": "A spoken question in English."},
        "filters": {"type": "string", "description": "JSON of `Filters`."},
        "items": {"type": "array", "items": {"type": "string"}},
        "conversation": {"type": "string", "description": "JSON of a list of `Round`."},
        "agent": {"type": "boolean", "default": False},
        "max_tokens": {"type": "integer", "default": 256},
        "stream": {"type": "boolean", "default": False},
    }
    form: JSON = {"schema": {"type": "object", "properties": properties}}
    content = {"application/json": _json_content(schema, examples), "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


def upload_body() -> JSON:
    """Return the request body of an upload: form data, or the bytes of the file."""
    properties: JSON = {
        "file": BINARY,
        "name": {"type": "string", "description": "Replaces the file name."},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    form: JSON = {"schema": {"type": "object", "properties": properties, "required": ["file"]}}
    content = {"multipart/form-data": form, "application/octet-stream": {"schema": BINARY}}
    return {"requestBody": {"required": True, "content": content}}


HEADERS: dict[str, str] = {
    "Location": "Path of the upload.",
    "Upload-Offset": "Bytes that are stored durably.",
    "Upload-Length": "Bytes of the whole file.",
    "Upload-Metadata": "As it was sent.",
    "Upload-Expires": "When the upload is deleted unless bytes arrive.",
    "Tus-Version": "Supported versions of tus.",
    "Tus-Extension": "Supported extensions of tus.",
    "Tus-Max-Size": "Maximum file size in bytes.",
    "Tus-Checksum-Algorithm": "Supported algorithms of `Upload-Checksum`.",
    "Mm-Upload": "Id of the upload, as in `Location`.",
    "Mm-Item": "Id of the item of the file.",
    "Mm-Job": "Id of the job that processes the item.",
    "Mm-Created": "`false` if the library already had the same bytes.",
}


def response_headers(status: int, *names: str, **more: object) -> dict[int | str, JSON]:
    """Return a response without a body, with these headers."""
    headers = {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}
    return {status: {"description": "Done", "headers": headers, **more}}


def chunk_body(*, required: bool) -> JSON:
    """Return the request body with the next bytes of a resumable upload."""
    return {"requestBody": {"required": required, "content": {"application/offset+octet-stream": {"schema": BINARY}}}}


def _json_content(schema: type[BaseModel], examples: Mapping[str, JSON]) -> JSON:
    named = {name: {"value": value} for name, value in examples.items()}
    return {"schema": {"$ref": REF.format(model=schema.__name__)}, **({"examples": named} if named else {})}


def links(parameter: str, expression: str, *operations: str) -> JSON:
    """Return links from a response to the operations that take an id in it as `parameter`."""
    return {f"{name}_of_{parameter}": {"operationId": name, "parameters": {parameter: expression}} for name in operations}


OF_ITEM = ("get_media", "get_content", "get_thumbnail", "list_segments", "retry_media", "delete_media")
OF_JOB = ("get_job", "job_events", "cancel_job")
OF_UPLOAD = ("head_upload", "send_piece", "end_upload")
UPLOAD_LINKS: JSON = {
    "links": {**links("item_id", "$response.body#/item/id", *OF_ITEM), **links("job_id", "$response.body#/job/id", *OF_JOB)}
}
"""Links from the response to an upload."""
_OF_FINISHED = {**links("item_id", "$response.header.Mm-Item", *OF_ITEM), **links("job_id", "$response.header.Mm-Job", *OF_JOB)}
FINISHED_LINKS: JSON = {"links": _OF_FINISHED}
"""Links from the response that completes a resumable upload."""
CREATED_LINKS: JSON = {"links": {**_OF_FINISHED, **links("upload_id", "$response.header.Mm-Upload", *OF_UPLOAD)}}
"""Links from the response that creates a resumable upload."""
HIT_LINKS: JSON = {"links": links("item_id", "$response.body#/hits/0/item/id", *OF_ITEM[:-1])}
LIST_LINKS: JSON = {"links": links("item_id", "$response.body#/items/0/id", *OF_ITEM)}
JOB_LINKS: JSON = {"links": links("item_id", "$response.body#/item_id", *OF_ITEM)}
