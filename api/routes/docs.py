"""The OpenAPI document in a browser: Swagger UI out of an installed package, without anything from
elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

from api.routes.page import STATIC
from mm.errors import Unavailable

PATH = "/docs"
PACKAGE = "fastapi_offline"
"""Carries the files of Swagger UI; none of its code is used."""
FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
PATHS = frozenset({PATH, *(f"{PATH}/{name}" for name in FILES)})
"""What a browser loads for the viewer beside the page's own files; no key is needed, as for the
document itself."""
HEADERS = {
    # The page's own policy but for two things: Swagger UI makes HTML out of text, and has its icons
    # as data.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def docs() -> FileResponse:
    return FileResponse(STATIC / "docs.html", headers=HEADERS)


@router.get(f"{PATH}/{{name}}")
async def docs_file(name: Literal["swagger-ui-bundle.js", "swagger-ui.css"]) -> FileResponse:
    return FileResponse(package_files() / name, headers={"Cache-Control": "no-cache"})


def package_files() -> Path:
    """The folder of Swagger UI. Raises `Unavailable` where the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise Unavailable(f"The package {PACKAGE} is not installed, so that /docs has no viewer; requirements.lock names it.")
    return Path(spec.origin).parent / "static"
