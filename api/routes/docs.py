"""Swagger UI for the OpenAPI document, from an installed package, without external resources."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

from api.auth.scopes import DOCS_PATH
from api.routes.page import STATIC
from mm.errors import Unavailable

PACKAGE = "fastapi_offline"
"""Contains the files of Swagger UI; its code is not used."""
HEADERS = {
    # Differs from the policy of the page: Swagger UI creates HTML from text, and has icons as data
    # URLs.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@router.get(DOCS_PATH)
async def docs() -> FileResponse:
    return FileResponse(STATIC / "docs.html", headers=HEADERS)


@router.get(f"{DOCS_PATH}/{{name}}")
async def docs_file(name: Literal["swagger-ui-bundle.js", "swagger-ui.css"]) -> FileResponse:
    return FileResponse(package_files() / name, headers={"Cache-Control": "no-cache"})


def package_files() -> Path:
    """Return the folder of Swagger UI. Raises `Unavailable` if the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise Unavailable(f"/docs needs the package {PACKAGE}, which is not installed; install it from requirements.lock.")
    return Path(spec.origin).parent / "static"
