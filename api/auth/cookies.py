"""The cookie of a browser's session. Pictures, players and event streams cannot send a header, so a
cookie carries the session.

No script reads it (`HttpOnly`), no other site can make a browser send it (`SameSite=Strict`), and
it ends with the browser. Over TLS its name begins with `__Host-`, which browsers accept only from
this host itself, with `Secure` and for every path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

NAME = "mm_session"
NAME_OVER_TLS = f"__Host-{NAME}"
OLD_NAME = "mm_key"
"""Of earlier versions, which kept the key itself in it. It is removed wherever it comes."""


def session_token(request: HTTPConnection) -> str:
    """The token that a browser brings; empty without one."""
    return request.cookies.get(_name(request), "")


def set_session_cookie(request: HTTPConnection, response: Response, token: str) -> None:
    """Let the browser keep the token until it is closed."""
    response.set_cookie(_name(request), token, path="/", httponly=True, samesite="strict", secure=_is_secure(request))


def clear_session_cookie(request: HTTPConnection, response: Response) -> None:
    """Remove the cookie from a browser that brings it."""
    _clear(request, response, _name(request))


def clear_old_cookie(request: HTTPConnection, response: Response) -> None:
    """Remove the cookie of earlier versions from a browser that brings it."""
    _clear(request, response, OLD_NAME)


def _clear(request: HTTPConnection, response: Response, name: str) -> None:
    if name in request.cookies:
        response.delete_cookie(name, path="/", httponly=True, samesite="strict", secure=_is_secure(request))


def _name(request: HTTPConnection) -> str:
    return NAME_OVER_TLS if _is_secure(request) else NAME


def _is_secure(request: HTTPConnection) -> bool:
    return request.url.scheme == "https"
