"""The OpenAPI document of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from api.auth.scopes import required_scope
from api.http import problems
from api.openapi.operations import JSON, REF, problem_response
from mm.errors import Forbidden, MMError, StorageFull, TooMany, Unauthorized, Unavailable
from mm.schemas import (
    AddEntries,
    AlbumPatch,
    AskRequest,
    BulkRequest,
    CaptionRequest,
    ChatCompletionRequest,
    CurrentRequest,
    EmbeddingRequest,
    ExampleRequest,
    ExportRequest,
    FitRequest,
    ImportRequest,
    InspectionMarkRequest,
    InspectionRequest,
    InspectorRequest,
    ItemPatch,
    LesionRequest,
    LineRequest,
    MeasureRequest,
    MoveEntries,
    MoveRequest,
    NewAlbum,
    NewSavedSearch,
    Problem,
    ReadMatches,
    RemoveEntries,
    ResumeRequest,
    SavedSearchPatch,
    ScaleRequest,
    SearchRequest,
    SummaryRequest,
)

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

BODIES = (
    AskRequest,
    AddEntries,
    AlbumPatch,
    BulkRequest,
    ExportRequest,
    MeasureRequest,
    MoveEntries,
    NewAlbum,
    NewSavedSearch,
    ReadMatches,
    SavedSearchPatch,
    RemoveEntries,
    CaptionRequest,
    ChatCompletionRequest,
    CurrentRequest,
    EmbeddingRequest,
    ExampleRequest,
    FitRequest,
    ImportRequest,
    ItemPatch,
    InspectionMarkRequest,
    InspectionRequest,
    InspectorRequest,
    LesionRequest,
    LineRequest,
    MoveRequest,
    Problem,
    ResumeRequest,
    ScaleRequest,
    SearchRequest,
    SummaryRequest,
)
"""Schemas that no signature of a route names."""


def install(app: FastAPI) -> None:
    """Replace the OpenAPI document of FastAPI by a complete one that is built once."""

    def openapi() -> JSON:
        if app.openapi_schema is None:
            app.openapi_schema = _build_document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    serialized: list[bytes] = []

    async def document(request: Request) -> Response:
        if not serialized:
            serialized.append(bytes(JSONResponse(openapi()).body))
        return Response(serialized[0], media_type="application/json")

    # Replaces FastAPI's route, which serializes the whole document again for each request.
    assert app.openapi_url is not None
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", None) != app.openapi_url]
    app.add_route(app.openapi_url, document, include_in_schema=False)


def _build_document(app: FastAPI) -> JSON:
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    description = "An API key, if the service requires one. A browser that signed in at `/` sends a session cookie instead."
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": description}}
    for model in BODIES:
        schema = model.model_json_schema(ref_template=REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    schemas["Problem"]["properties"]["type"]["enum"] = sorted(problems.TYPE_BASE + slug for slug in problems.SLUGS)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors: list[type[MMError]] = [Forbidden]
            # FastAPI's format of a validation error is never sent: see api.http.problems.
            if "HTTPValidationError" in str(operation["responses"].get("422", {})):
                del operation["responses"]["422"]
            if path.startswith("/v1/"):
                errors += [Unavailable, StorageFull] if method in {"post", "patch"} else [Unavailable]
            if required_scope(method.upper(), path) is not None:
                errors += [Unauthorized, TooMany]
                operation["security"] = [{"key": []}]
            for error in errors:
                operation["responses"].setdefault(str(error.status), problem_response([error]))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document
