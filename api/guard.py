"""Who may come in: an API key where the settings want one, a name that is ours where they do not, and not too often."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from api import signin
from api.origin import SAFE_METHODS
from api.problems import of_error
from api.rates import Rates, network_of
from api.routes import docs
from mm.errors import Forbidden, MMError, Unauthorized
from mm.keys import KeyFile

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mm.keys import Scope as KeyScope
    from mm.settings import Settings

OPEN = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico", signin.PATH}) | docs.PATHS
OPEN_BELOW = "/static/"
QUESTIONS = frozenset({"/v1/search", "/v1/embeddings"})  # POST only because they bring a body
ADMIN_BELOW = "/v1/media/import"  # reads folders of the server
SPACE = "/v1/space"  # what is done to it is done to all items, with weights from the server's disk
UPLOADS = "/v1/uploads"  # asking how far one is makes another request let go of it
DEFAULT_PER_MINUTE = 1200


class Guard:
    """ASGI middleware. Whatever is not open by name needs a key, so that a new route is closed until someone opens it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keys = KeyFile(settings.root) if settings.needs_key else None
        # A page elsewhere can have its own name lead to this machine, and is then of our origin. A key would stop it.
        self._hosts = set(filter(None, settings.allowed_hosts.lower().split(","))) if settings.is_local else None
        limit = settings.rate_per_minute
        per_minute = limit if limit is not None else (0 if settings.is_local else DEFAULT_PER_MINUTE)
        self._rates = Rates(per_minute) if per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer: Response | None = None
        try:
            self._admit(request)
            if self._keys is not None and scope["path"] in {"/", signin.PATH}:
                answer = await signin.answer(request, self._keys)
        except MMError as error:
            answer = of_error(request, error)
        await (answer or self._app)(scope, receive, send)

    def _admit(self, request: Request) -> None:
        """Raises `Unauthorized`, `Forbidden`, `TooMany`."""
        if self._keys is None and self._hosts is not None:
            _refuse_foreign_name(request.headers.get("host", ""), self._hosts)
        path = request.scope["path"]
        scope = needed(request.method, path)
        if scope is None:
            return
        key = None if self._keys is None else self._keys.find(signin.secret_of(request))
        if self._rates is not None:
            address = request.client.host if request.client else ""
            self._rates.take(network_of(address) if key is None else f"key {key.id}")
        if self._keys is None:
            return
        if key is None:
            raise Unauthorized(
                "This service wants an API key that it knows: send it as `Authorization: Bearer KEY`, set MM_API_KEY for mm, "
                "or open the page to sign in. `mm keys add NAME` on the server makes one."
            )
        if not key.allows(scope):
            raise Forbidden(f"The key {key.name!r} may {key.scope}; this needs a key that may {scope}.")


def needed(method: str, path: str) -> KeyScope | None:
    """The scope that a request needs; `None` when anyone may."""
    if path in OPEN or path.startswith(OPEN_BELOW):
        return None
    if path.startswith(ADMIN_BELOW) or (path.startswith(SPACE) and method not in SAFE_METHODS):
        return "admin"
    if path.startswith(UPLOADS) and method != "OPTIONS":
        return "write"
    return "read" if method in SAFE_METHODS or path in QUESTIONS else "write"


def require_keys(settings: Settings) -> None:
    """Raise `Forbidden` when the API would answer nobody, or anybody without its owner having said so."""
    if settings.needs_key and not KeyFile(settings.root).all():
        where = "" if settings.is_local else f" because others can reach {settings.host}"
        raise Forbidden(
            f"The API needs keys{where}, and there is none. `mm keys add NAME` makes one; MM_KEYS=off lets anyone in without."
        )


def _refuse_foreign_name(host: str, allowed: set[str]) -> None:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = host
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if name not in allowed | {"localhost"}:
            detail = f"This service is not known as {name[:100]!r}; MM_ALLOWED_HOSTS names it, if that is meant."
            raise Forbidden(detail) from None
