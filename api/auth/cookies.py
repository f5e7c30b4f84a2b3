"""The session cookie of browsers, for images, players and event streams, which cannot send headers.

Scripts cannot read it (`HttpOnly`), other sites cannot make a browser send it (`SameSite=Strict`),
and it ends with the browser. Over TLS its name begins with `__Host-`: browsers accept it only from
this host, with `Secure` and for every path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

NAME = "mm_session"
NAME_OVER_TLS = f"__Host-{NAME}"
OLD_NAME = "mm_key"
"""Cookie of earlier versions, which contained the key itself. It is deleted from every browser that
sends it."""


def read_session_token(request: HTTPConnection) -> str:
    """Return the token that a browser sends; empty without one."""
    return request.cookies.get(_name(request), "")


def set_session_cookie(request: HTTPConnection, response: Response, token: str) -> None:
    """Set the session cookie; the browser deletes it when it is closed."""
    response.set_cookie(_name(request), token, path="/", httponly=True, samesite="strict", secure=_is_secure(request))


def clear_session_cookie(request: HTTPConnection, response: Response) -> None:
    """Delete the session cookie from a browser that sends it."""
    _clear(request, response, _name(request))


def clear_old_cookie(request: HTTPConnection, response: Response) -> None:
    """Delete the cookie of earlier versions from a browser that sends it."""
    _clear(request, response, OLD_NAME)


def _clear(request: HTTPConnection, response: Response, name: str) -> None:
    if name in request.cookies:
        response.delete_cookie(name, path="/", httponly=True, samesite="strict", secure=_is_secure(request))


def _name(request: HTTPConnection) -> str:
    return NAME_OVER_TLS if _is_secure(request) else NAME


def _is_secure(request: HTTPConnection) -> bool:
    return request.url.scheme == "https"
