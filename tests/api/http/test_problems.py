"""Every error is a problem document; the OpenAPI document is valid."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from starlette.exceptions import HTTPException

from api.app import create_app
from api.http.problems import SLUGS
from mm.errors import ERRORS, MMError
from mm.settings import Settings
from tests.api.conftest import ApiServer, assert_problem

if TYPE_CHECKING:
    from fastapi import FastAPI

ROOT = Path(__file__).parents[3]


def test_unknown_route_and_method_are_problems(api: ApiServer) -> None:
    assert_problem(api.client.get("/v1/nothing"), 404, "not-found")
    assert_problem(api.client.get("/static/../../settings.py"), 404, "not-found")
    assert_problem(api.client.put("/v1/media"), 405, "method-not-allowed")


def test_request_log_keeps_valid_request_id(api: ApiServer) -> None:
    assert api.client.get("/healthz", headers={"x-request-id": "abc-1.2"}).headers["x-request-id"] == "abc-1.2"
    for forged in ("a b", "x" * 65, "a;b"):
        assert re.fullmatch("[0-9a-f]{32}", api.client.get("/healthz", headers={"x-request-id": forged}).headers["x-request-id"])


def make_failing_app(error: Exception) -> FastAPI:
    app = create_app(Settings())

    @app.get("/fails")
    def fails() -> None:
        raise error

    return app


def get(app: FastAPI, path: str) -> httpx2.Response:
    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_every_error_has_its_status_and_slug(error: type[MMError]) -> None:
    document = assert_problem(get(make_failing_app(error("This is what is wrong.")), "/fails"), error.status, error.slug)
    assert document["detail"] == "This is what is wrong."
    assert document["title"] == error.title
    assert document["instance"] == "/fails"


def test_unexpected_error_response_has_only_request_id() -> None:
    response = get(make_failing_app(ZeroDivisionError("secret")), "/fails")
    document = assert_problem(response, 500, "internal")
    assert document["request_id"] in document["detail"]
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_openapi_document_is_complete() -> None:
    """Every reference resolves; every operation has a summary and error responses."""
    document = create_app(Settings()).openapi()
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document)))
    assert references <= set(document["components"]["schemas"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert "HTTPValidationError" not in str(operation)
            body = operation.get("requestBody", {}).get("content", {})
            assert all(content["examples"] for kind, content in body.items() if kind == "application/json"), path
            if path.startswith("/v1/"):
                assert method == "options" or any(
                    "application/problem+json" in response.get("content", {}) for response in operation["responses"].values()
                ), (method, path)
    search = document["paths"]["/v1/search"]["post"]["requestBody"]["content"]
    assert set(search) == {"application/json", "multipart/form-data"}
    assert search["application/json"]["examples"]


def test_slugs_of_all_problems_are_documented() -> None:
    document = create_app(Settings()).openapi()
    assert document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] == sorted(f"/problems/{s}" for s in SLUGS)
    page = (ROOT / "docs" / "api.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \| \d+ \|", page, re.M)) == SLUGS


@pytest.mark.parametrize("status", [400, 401, 405, 413, 416, 418, 451])
def test_framework_error_has_documented_slug(status: int) -> None:
    response = get(make_failing_app(HTTPException(status, "Said by the framework.")), "/fails")
    assert response.json()["type"].removeprefix("/problems/") in SLUGS
    assert response.json()["status"] == response.status_code


@pytest.mark.parametrize("path", ["/v1/space/move", "/v1/space/measure", "/v1/space/move/resume", "/v1/media/import"])
def test_read_json_refuses_long_body_before_reading(api: ApiServer, path: str) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=300) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 30000000\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")
    assert_problem(api.client.post(path, content=iter([b" " * 1000] * 100)), 413, "too-large")
    for body in (b"[" * 60_000, b'{"to": ' + b"9" * 5000 + b"}", b"\xff", b"{}x"):
        assert_problem(api.client.post(path, content=body), 400, "invalid-input")


def test_space_version_with_too_many_digits_is_refused(api: ApiServer) -> None:
    assert_problem(api.client.delete(f"/v1/space/lite@{'9' * 5000}"), 400, "invalid-input")


def test_openapi_document_has_all_routes() -> None:
    paths = set(create_app(Settings()).openapi()["paths"])
    assert paths == {
        "/v1/ask",
        "/v1/captions",
        "/v1/chat/completions",
        "/v1/summaries",
        "/v1/media",
        "/v1/media/bulk",
        "/v1/search/export",
        "/v1/media/{item_id}/restore",
        "/v1/albums",
        "/v1/searches",
        "/v1/searches/{search_id}",
        "/v1/searches/{search_id}/matches",
        "/v1/searches/{search_id}/read",
        "/v1/exports",
        "/v1/exports/{export_id}",
        "/v1/exports/{export_id}/content",
        "/v1/albums/{album_id}",
        "/v1/albums/{album_id}/entries",
        "/v1/albums/{album_id}/entries/remove",
        "/v1/albums/{album_id}/entries/move",
        "/v1/albums/{album_id}/export",
        "/v1/trash",
        "/v1/trash/{item_id}",
        "/v1/media/import",
        "/v1/media/{item_id}",
        "/v1/media/{item_id}/captions",
        "/v1/media/{item_id}/content",
        "/v1/media/{item_id}/segments",
        "/v1/media/{item_id}/thumbnail",
        "/v1/media/{item_id}/retry",
        "/v1/tags",
        "/v1/timeline",
        "/v1/cameras",
        "/v1/places",
        "/v1/uploads",
        "/v1/uploads/{upload_id}",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/events",
        "/v1/search",
        "/v1/embeddings",
        "/v1/models",
        "/v1/models/{model_id}",
        "/v1/space",
        "/v1/space/options",
        "/v1/space/measure",
        "/v1/space/move",
        "/v1/space/move/stop",
        "/v1/space/move/resume",
        "/v1/space/move/undo",
        "/v1/space/{space_id}",
        "/v1/session",
        "/v1/sessions",
        "/v1/sessions/{session_id}",
        "/v1/audit",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/evaluations",
        "/v1/evaluations/check",
        "/v1/evaluations/folders",
        "/v1/evaluations/runs",
        "/v1/evaluations/runs/{run_id}",
        "/v1/evaluations/runs/{run_id}/comparison",
        "/v1/evaluations/runs/{run_id}/examples",
        "/v1/evaluations/runs/{run_id}/file",
        "/v1/evaluations/runs/{run_id}/image",
        "/v1/evaluations/runs/{run_id}/items",
        "/v1/evaluations/runs/{run_id}/report",
        "/v1/evaluations/sets",
        "/v1/evaluations/{evaluation_id}",
        "/v1/inspections",
        "/v1/inspections/{inspection_id}",
        "/v1/inspections/{inspection_id}/cancel",
        "/v1/inspections/{inspection_id}/export",
        "/v1/inspections/{inspection_id}/failures",
        "/v1/inspections/{inspection_id}/results",
        "/v1/inspections/{inspection_id}/results/{result_id}",
        "/v1/inspections/{inspection_id}/results/{result_id}/heat",
        "/v1/inspections/{inspection_id}/results/{result_id}/marks",
        "/v1/inspections/{inspection_id}/results/{result_id}/marks/{mark_id}",
        "/v1/inspections/{inspection_id}/results/{result_id}/overlay",
        "/v1/inspectors",
        "/v1/inspectors/{name}",
        "/v1/inspectors/{name}/current",
        "/v1/inspectors/{name}/examples",
        "/v1/inspectors/{name}/examples/{item_id}",
        "/v1/inspectors/{name}/fit",
        "/v1/inspectors/{name}/marks",
        "/v1/inspectors/{name}/marks/{mark_id}",
        "/v1/inspectors/{name}/teach",
        "/v1/inspectors/{name}/versions",
        "/v1/lesions",
        "/v1/lesions/dicom",
        "/v1/lesions/{analysis_id}",
        "/v1/lesions/{analysis_id}/exports/{name}",
        "/v1/lesions/{analysis_id}/regions",
        "/v1/lines",
        "/v1/lines/frame",
        "/v1/lines/{name}",
        "/v1/lines/{name}/events",
        "/v1/lines/{name}/parts",
        "/v1/lines/{name}/parts.csv",
        "/v1/lines/{name}/start",
        "/v1/lines/{name}/stop",
        "/v1/scales",
        "/v1/scales/dicom",
        "/v1/scales/{name}",
    }
