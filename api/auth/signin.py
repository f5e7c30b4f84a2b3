"""Sign-in of a browser: a key, sent once in a form, becomes a session. Sign-out ends it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import anyio
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.authenticator import get_catalog
from api.auth.cookies import clear_old_cookie, clear_session_cookie, set_session_cookie
from api.request_context import Client, get_client, set_client
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from api.auth.authenticator import Authenticator

PATH = "/session"
FORM_BYTES = 4096
FORM_SECONDS = 10.0
"""Longest time that the form may take to arrive."""
PAGE = Path(__file__).parents[1] / "static" / "signin.html"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
}
UNKNOWN = "This key is not known here."
TOO_MANY = "Too many wrong keys came from this address. Try again in {seconds} seconds."


class SignIn:
    """The answers at `/session`, and at `/` to who is not signed in."""

    def __init__(self, access: Authenticator, refuse: Callable[[Request, Client], Awaitable[None]], session_hours: float) -> None:
        """`refuse` counts a wrong key and raises `TooMany` over the limit."""
        self._access = access
        self._refuse = refuse
        self._seconds = session_hours * 3600

    async def answer(self, request: Request) -> Response | None:
        """`None` for a request that the routes answer: the page, for a caller with a key. Raises
        `Unavailable`."""
        caller = get_client(request.scope)
        if request.scope["path"] != PATH:
            return None if caller.key is not None else _page(request)
        if request.method == "GET":
            return _page(request)
        if request.method == "POST":
            return await self._sign_in(request, caller)
        return await self._sign_out(request, caller) if request.method == "DELETE" else None

    async def _sign_in(self, request: Request, before: Client) -> Response:
        key = self._access.keys.find(await _sent(request))
        if key is None:
            try:
                await self._refuse(request, before)
            except TooMany as error:
                request.scope["refusal"] = TooMany.slug  # for the count of refusals
                seconds = math.ceil(error.retry_after)
                return _page(request, TOO_MANY.format(seconds=seconds), 429, {"Retry-After": str(seconds)})
            return _page(request, UNKNOWN)
        caller = Client(before.address, key)
        set_client(request.scope, caller)
        await self._end(request, before)  # a token that was known before the sign-in is worth nothing after it
        catalog = get_catalog(request)
        _, token = await anyio.to_thread.run_sync(catalog.start_session, key.id, self._seconds, caller.actor())
        welcome = RedirectResponse("/", status_code=303)
        clear_old_cookie(request, welcome)
        set_session_cookie(request, welcome, token)
        return welcome

    async def _sign_out(self, request: Request, caller: Client) -> Response:
        await self._end(request, caller)
        goodbye = Response(status_code=204)
        clear_session_cookie(request, goodbye)
        clear_old_cookie(request, goodbye)
        return goodbye

    async def _end(self, request: Request, caller: Client) -> None:
        if caller.session is not None:
            await anyio.to_thread.run_sync(get_catalog(request).end_session, caller.session.id, caller.actor())
            self._access.forget(caller.session.id)


async def _sent(request: Request) -> str:
    """The key in the form; empty for a form that is too long or takes too long."""
    body = b""
    with anyio.move_on_after(FORM_SECONDS):
        async for piece in request.stream():
            body += piece
            if len(body) > FORM_BYTES:
                return ""
        return parse_qs(body.decode(errors="replace")).get("key", [""])[0].strip()
    return ""


def _page(request: Request, note: str = "", status: int = 401, headers: dict[str, str] | None = None) -> Response:
    """The sign-in page. `note` is our own text, without anything from the request."""
    text = PAGE.read_text().replace("<!-- note -->", f'<p role="alert">{note}</p>' if note else "")
    page = HTMLResponse(text, status_code=status, headers=HEADERS | (headers or {}))
    clear_old_cookie(request, page)
    if get_client(request.scope).session is None:  # what it brings is expired or ended
        clear_session_cookie(request, page)
    return page
