"""Sign-in of browsers: a key, sent once in a form, starts a session; sign-out ends it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import anyio
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.authenticator import get_catalog
from api.auth.cookies import clear_old_cookie, clear_session_cookie, set_session_cookie
from api.auth.scopes import SIGN_IN_PATH
from api.request_context import Client, get_client, set_client
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from api.auth.authenticator import Authenticator

FORM_BYTES = 4096
FORM_SECONDS = 10.0
"""Time limit for the form to arrive."""
PAGE = Path(__file__).parents[1] / "static" / "signin.html"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
}
UNKNOWN_KEY = "This key is not valid."
TOO_MANY = "Too many wrong keys came from this address. Try again in {seconds} seconds."


class SignIn:
    """Responses at `/session`, and at `/` to browsers that are not signed in."""

    def __init__(
        self, authenticator: Authenticator, count_wrong_key: Callable[[Request, Client], Awaitable[None]], session_hours: float
    ) -> None:
        """`count_wrong_key` raises `TooMany` over the limit."""
        self._authenticator = authenticator
        self._count_wrong_key = count_wrong_key
        self._session_seconds = session_hours * 3600

    async def respond(self, request: Request) -> Response | None:
        """Return the response; `None` for a request that a route handles. Raises `Unavailable`."""
        client = get_client(request.scope)
        if request.scope["path"] != SIGN_IN_PATH:
            return None if client.key is not None else _render_page(request)
        if request.method == "GET":
            return _render_page(request)
        if request.method == "POST":
            return await self._sign_in(request, client)
        return await self._sign_out(request, client) if request.method == "DELETE" else None

    async def _sign_in(self, request: Request, previous: Client) -> Response:
        key = self._authenticator.keys.find(await _read_key(request))
        if key is None:
            try:
                await self._count_wrong_key(request, previous)
            except TooMany as error:
                request.scope["refusal"] = TooMany.slug  # for the metric of refusals
                seconds = math.ceil(error.retry_after)
                return _render_page(request, TOO_MANY.format(seconds=seconds), 429, {"Retry-After": str(seconds)})
            return _render_page(request, UNKNOWN_KEY)
        client = Client(previous.address, key)
        set_client(request.scope, client)
        await self._end_session(request, previous)  # prevents session fixation
        catalog = get_catalog(request)
        _, token = await anyio.to_thread.run_sync(catalog.start_session, key.id, self._session_seconds, client.actor())
        response = RedirectResponse("/", status_code=303)
        clear_old_cookie(request, response)
        set_session_cookie(request, response, token)
        return response

    async def _sign_out(self, request: Request, client: Client) -> Response:
        await self._end_session(request, client)
        response = Response(status_code=204)
        clear_session_cookie(request, response)
        clear_old_cookie(request, response)
        return response

    async def _end_session(self, request: Request, client: Client) -> None:
        if client.session is not None:
            await anyio.to_thread.run_sync(get_catalog(request).end_session, client.session.id, client.actor())
            self._authenticator.drop_session(client.session.id)


async def _read_key(request: Request) -> str:
    """Return the key of the form; empty if the form exceeds `FORM_BYTES` or `FORM_SECONDS`."""
    body = b""
    with anyio.move_on_after(FORM_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES:
                return ""
        return parse_qs(body.decode(errors="replace")).get("key", [""])[0].strip()
    return ""


def _render_page(request: Request, note: str = "", status: int = 401, headers: dict[str, str] | None = None) -> Response:
    """Return the sign-in page. `note` is inserted as HTML, so it must not contain request data."""
    text = PAGE.read_text().replace("<!-- note -->", f'<p role="alert">{note}</p>' if note else "")
    page = HTMLResponse(text, status_code=status, headers=HEADERS | (headers or {}))
    clear_old_cookie(request, page)
    if get_client(request.scope).session is None:  # the cookie is of an expired or ended session
        clear_session_cookie(request, page)
    return page
