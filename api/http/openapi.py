"""What the OpenAPI document says beyond what FastAPI finds out: problems, bodies that are streamed,
examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from api.auth.middleware import required_scope
from api.http import problems
from mm.errors import Forbidden, InvalidInput, MMError, StorageFull, TooMany, Unauthorized, Unavailable
from mm.schemas import EmbeddingRequest, ImportRequest, MoveRequest, Problem, ResumeRequest, SearchRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from pydantic import BaseModel
    from starlette.requests import Request


JSON = dict[str, object]

REF = "#/components/schemas/{model}"
BODIES = (
    SearchRequest,
    EmbeddingRequest,
    ImportRequest,
    MoveRequest,
    ResumeRequest,
    Problem,
)  # shapes that no route's signature names
BINARY: JSON = {"type": "string", "format": "binary"}
WORDS: JSON = {"type": "array", "items": {"type": "string"}, "maxItems": 8}


def responses(*errors: type[MMError]) -> dict[int | str, JSON]:
    """Problem responses for a route, by status; `InvalidInput` is always among them."""
    by_status: dict[int, list[type[MMError]]] = {}
    all_errors: tuple[type[MMError], ...] = (InvalidInput, *errors)
    for error in all_errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: _problem(of_status) for status, of_status in sorted(by_status.items())}


def _problem(errors: list[type[MMError]]) -> JSON:
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


def json_body(shape: type[BaseModel], *, required: bool = True, **examples: JSON) -> JSON:
    """Body of a route that reads its JSON itself, within a limit."""
    return {"requestBody": {"required": required, "content": {"application/json": _json_content(shape, examples)}}}


def search_body(**examples: JSON) -> JSON:
    """JSON, or form data with the same fields and files."""
    properties: JSON = {
        "text": {"type": "string"},
        "k": {"type": "integer", "default": 10},
        "floor": {"type": "number"},
        "filters": {"type": "string", "description": "JSON of `Filters`."},
        "like": {"type": "string", "description": "JSON of `Like`."},
        "also": {
            **WORDS,
            "description": "More words, each of which a moment must fit as well; the field may come several times.",
        },
        "without": {**WORDS, "description": "Words for what must be neither seen nor said; the field may come several times."},
        "weights": {"type": "string", "description": "JSON of `Weights`."},
        "fold": {"type": "boolean", "default": True},
        "picture": BINARY,
        "sound": BINARY,
        "clip": BINARY,
        "file": {**BINARY, "description": "A picture, a sound or a clip; the service finds out which."},
    }
    form: JSON = {"schema": {"type": "object", "properties": properties}}
    content = {"application/json": _json_content(SearchRequest, examples), "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


def upload_body() -> JSON:
    """Form data, or the bytes alone."""
    properties: JSON = {
        "file": BINARY,
        "name": {"type": "string", "description": "Overrides the file's name."},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    form: JSON = {"schema": {"type": "object", "properties": properties, "required": ["file"]}}
    content = {"multipart/form-data": form, "application/octet-stream": {"schema": BINARY}}
    return {"requestBody": {"required": True, "content": content}}


HEADERS: dict[str, str] = {
    "Location": "Where the upload is.",
    "Upload-Offset": "Bytes that are safely on disk.",
    "Upload-Length": "Bytes of the whole file.",
    "Upload-Metadata": "As it was sent.",
    "Upload-Expires": "When the upload is removed unless bytes come.",
    "Tus-Version": "Versions of tus that are spoken.",
    "Tus-Extension": "Its extensions.",
    "Tus-Max-Size": "Largest file, in bytes.",
    "Tus-Checksum-Algorithm": "What `Upload-Checksum` may be by.",
    "Mm-Upload": "The id in `Location`.",
    "Mm-Item": "The item that the file became.",
    "Mm-Job": "The job to follow.",
    "Mm-Created": "`false` when the same bytes were an item already.",
}


def response_headers(status: int, *names: str, **more: object) -> dict[int | str, JSON]:
    """An answer without a body that says everything in its headers."""
    headers = {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}
    return {status: {"description": "Done", "headers": headers, **more}}


def chunk_body(*, required: bool) -> JSON:
    """The next bytes of a resumable upload."""
    return {"requestBody": {"required": required, "content": {"application/offset+octet-stream": {"schema": BINARY}}}}


def _json_content(shape: type[BaseModel], examples: Mapping[str, JSON]) -> JSON:
    named = {name: {"value": value} for name, value in examples.items()}
    return {"schema": {"$ref": REF.format(model=shape.__name__)}, **({"examples": named} if named else {})}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` complete, and computed once."""

    def openapi() -> JSON:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    written: list[bytes] = []

    async def document(request: Request) -> Response:
        if not written:
            written.append(bytes(JSONResponse(openapi()).body))
        return Response(written[0], media_type="application/json")

    # In place of FastAPI's own route, which writes the whole document again for each request.
    assert app.openapi_url is not None
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", None) != app.openapi_url]
    app.add_route(app.openapi_url, document, include_in_schema=False)


def links(parameter: str, expression: str, *operations: str) -> JSON:
    """Links from an answer to the operations that take the id in it."""
    return {f"{name}_of_{parameter}": {"operationId": name, "parameters": {parameter: expression}} for name in operations}


OF_ITEM = ("get_media", "get_content", "get_thumbnail", "list_segments", "retry_media", "delete_media")
OF_JOB = ("get_job", "job_events", "cancel_job")
OF_UPLOAD = ("head_upload", "send_piece", "end_upload")
UPLOAD_LINKS: JSON = {
    "links": {**links("item_id", "$response.body#/item/id", *OF_ITEM), **links("job_id", "$response.body#/job/id", *OF_JOB)}
}
"""From the answer to an upload to what may be asked of its item and its job."""
_OF_TAKEN = {**links("item_id", "$response.header.Mm-Item", *OF_ITEM), **links("job_id", "$response.header.Mm-Job", *OF_JOB)}
FINISHED_LINKS: JSON = {"links": _OF_TAKEN}
"""The same from the answer that ends a resumable upload."""
CREATED_LINKS: JSON = {"links": {**_OF_TAKEN, **links("upload_id", "$response.header.Mm-Upload", *OF_UPLOAD)}}
"""And from the answer that begins one."""
HIT_LINKS: JSON = {"links": links("item_id", "$response.body#/hits/0/item/id", *OF_ITEM[:-1])}
LIST_LINKS: JSON = {"links": links("item_id", "$response.body#/items/0/id", *OF_ITEM)}
JOB_LINKS: JSON = {"links": links("item_id", "$response.body#/item_id", *OF_ITEM)}


def _document(app: FastAPI) -> JSON:
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    description = "An API key, where the service wants one. A browser that signed in at `/` sends it in a cookie."
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": description}}
    for shape in BODIES:
        schema = shape.model_json_schema(ref_template=REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[shape.__name__] = schema
    schemas["Problem"]["properties"]["type"]["enum"] = sorted(problems.TYPE_BASE + slug for slug in problems.SLUGS)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors: list[type[MMError]] = [Forbidden]
            # FastAPI's own shape of a validation error, which never leaves: see api.http.problems.
            found = operation["responses"].get("422", {})
            if "HTTPValidationError" in str(found):
                del operation["responses"]["422"]
            if path.startswith("/v1/"):
                errors += [Unavailable, StorageFull] if method in {"post", "patch"} else [Unavailable]
            if required_scope(method.upper(), path) is not None:
                errors += [Unauthorized, TooMany]
                operation["security"] = [{"key": []}]
            for error in errors:
                operation["responses"].setdefault(str(error.status), _problem([error]))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document
