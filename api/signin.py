"""A browser's way to show its key: pictures, players and event streams cannot send a header, so a cookie carries it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from mm.keys import KeyFile

PATH = "/session"
COOKIE = "mm_key"
FORM_BYTES = 4096
PAGE = Path(__file__).parent / "static" / "signin.html"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
}
WRONG = '<p role="alert">This key is not known here.</p>'


def secret_of(request: Request) -> str:
    """The key that a request brings, as a bearer token or in the cookie; empty without one."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.cookies.get(COOKIE, "")


async def answer(request: Request, keys: KeyFile) -> Response | None:
    """The sign-in page and what its form does; `None` for a page request of someone who is signed in."""
    if request.scope["path"] != PATH:
        return None if keys.find(secret_of(request)) else _page()
    if request.method == "GET":
        return _page()
    if request.method != "POST":
        return None
    secret = await _sent(request)
    if keys.find(secret) is None:
        return _page(WRONG)
    welcome = RedirectResponse("/", status_code=303)
    # Strict: no other site can make a browser send it. A browser that is closed forgets it; a revoked key is worth nothing.
    secure = request.url.scheme == "https"
    welcome.set_cookie(COOKIE, secret, httponly=True, samesite="strict", secure=secure)
    return welcome


async def _sent(request: Request) -> str:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES:
            return ""
    return parse_qs(body.decode(errors="replace")).get("key", [""])[0].strip()


def _page(note: str = "") -> Response:
    return HTMLResponse(PAGE.read_text().replace("<!-- note -->", note), status_code=401, headers=HEADERS)
