"""Protection against cross-site request forgery: a browser sends uploads and JSON to any address
that a page names, so changes by pages of other origins are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from api.auth.scopes import SAFE_METHODS
from api.http.problems import build_problem
from mm.errors import Forbidden

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class SameOrigin:
    """ASGI middleware: refuses unsafe methods from pages of other origins. Clients that are not
    browsers send no `Origin`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and _is_cross_origin(Headers(scope=scope)):
            detail = "This request comes from a page of another origin, which may not change the library."
            response = build_problem(
                Request(scope), slug=Forbidden.slug, title=Forbidden.title, status=Forbidden.status, detail=detail
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_cross_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")  # set by the browser, correct behind a proxy too
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
