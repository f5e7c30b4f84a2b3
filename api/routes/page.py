"""The page: one HTML file and its modules, without external resources.

The HTML file refers to `/static/@VERSION/...`, where the version is a hash of all files, and
modules import each other by relative paths. A browser keeps such a file and does not ask for it
again, so that a reload is one request. `/static/...` without a version is revalidated at each use.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

STATIC = Path(__file__).parent.parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",  # for spoken questions
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

IMMUTABLE = "public, max-age=31536000, immutable"


class PageFiles(StaticFiles):
    """Serves the files of a folder, also below `@VERSION/`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)
        self._folder = folder
        self._seen: list[tuple[str, int, int]] = []
        self._version = ""

    def read_version(self) -> str:
        """The hash of the content of all files, computed again when one of them has changed."""
        paths = sorted(path for path in self._folder.rglob("*") if path.is_file())
        seen = [(str(path), (status := path.stat()).st_mtime_ns, status.st_size) for path in paths]
        if seen != self._seen:
            digest = hashlib.sha256()
            for path in paths:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(self._folder)} {len(content)}\n".encode() + content)
            self._seen, self._version = seen, digest.hexdigest()[:16]
        return self._version

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file of another version, as after an upgrade, is sent as it is now and revalidated."""
        version, _, name = path.partition("/")
        if not version.startswith("@"):
            return await super().get_response(path, scope)
        response = await super().get_response(name, scope)
        if version[1:] == (self._version or self.read_version()):
            response.headers["Cache-Control"] = IMMUTABLE
        return response


router = APIRouter(include_in_schema=False)
files = PageFiles(STATIC)


@router.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse(await run_in_threadpool(_read_page), headers=HEADERS)


def _read_page() -> str:
    """The page with addresses of its files that change with their content."""
    html = (STATIC / "index.html").read_text("utf-8")
    return html.replace('="/static/', f'="/static/@{files.read_version()}/')
