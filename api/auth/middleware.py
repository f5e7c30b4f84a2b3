"""Authentication and authorization: an API key or a session where the settings want one, an allowed
host name where not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request

from api.addresses import get_network
from api.auth.allowed_hosts import AllowedHosts
from api.auth.authenticator import Authenticator, get_catalog
from api.auth.cookies import clear_old_cookie, clear_session_cookie
from api.auth.failure_log import FailureLog
from api.auth.revocation import RevocableRequest
from api.auth.signin import PATH as SIGN_IN
from api.auth.signin import SignIn
from api.auth.wrong_keys import WrongKeyLimiter
from api.http.problems import build_error_response
from api.limits.rate_limiter import RateLimiter
from api.middleware.same_origin import SAFE_METHODS
from api.request_context import Client, set_client
from api.routes import docs
from mm.errors import Forbidden, MMError, Unauthorized
from mm.keys import KeyFile

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mm.keys import Scope as KeyScope
    from mm.settings import Settings

OPEN = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico", SIGN_IN}) | docs.PATHS
OPEN_BELOW = "/static/"
QUESTIONS = frozenset({"/v1/search", "/v1/embeddings"})  # POST only because they bring a body
ADMIN_BELOW = "/v1/media/import"  # reads folders of the server
SPACE = "/v1/space"  # what is done to it is done to all items, with weights from the server's disk
UPLOADS = "/v1/uploads"  # asking how far one is makes another request let go of it
OTHERS = ("/v1/audit", "/v1/sessions")  # what other callers did, and where they are signed in
DEFAULT_PER_MINUTE = 1200
OPEN_FACTOR = 5
"""Requests of one address to what is open to anyone, in those of MM_RATE_PER_MINUTE: a page loads
dozens of files."""
ALIVE = "/healthz"


class AuthenticationMiddleware:
    """ASGI middleware. Whatever is not open by name needs a key, so that a new route is closed
    until someone opens it."""

    def __init__(self, app: ASGIApp, settings: Settings, failures: FailureLog | None = None) -> None:
        self._app = app
        self._access = Authenticator(settings) if settings.needs_key else None
        self._hosts = None if settings.needs_key else AllowedHosts(settings)
        limit = settings.rate_per_minute
        per_minute = limit if limit is not None else (0 if settings.is_local else DEFAULT_PER_MINUTE)
        self._rates = RateLimiter(per_minute) if per_minute else None
        self._open_rates = RateLimiter(OPEN_FACTOR * per_minute) if per_minute else None
        self._wrong_keys = WrongKeyLimiter(settings.wrong_keys_per_minute)
        self._failures = failures or FailureLog()
        self._sign_in = SignIn(self._access, self._refuse, settings.session_hours) if self._access else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        caller = Client(request.client.host if request.client else "")
        answer: Response | None = None
        try:
            caller = await self._admit(request, caller)
            if self._sign_in is not None and scope["path"] in {"/", SIGN_IN}:
                answer = await self._sign_in.answer(request)
        except MMError as error:
            answer = build_error_response(request, error)
            if isinstance(error, Unauthorized):
                clear_session_cookie(request, answer)
                clear_old_cookie(request, answer)
        if answer is not None:
            await answer(scope, receive, send)
        elif self._access is not None and caller.key is not None:
            watched = RevocableRequest(
                scope, receive, send, partial(self._access.is_valid, caller), only_reads=_only_reads(request)
            )
            await self._app(scope, watched.receive, watched.send)
        else:
            await self._app(scope, receive, send)

    async def _admit(self, request: Request, caller: Client) -> Client:
        """The caller, recorded. Raises `Unauthorized`, `Forbidden`, `TooMany`, `Unavailable`."""
        set_client(request.scope, caller)
        if self._hosts is not None:
            self._hosts.check(request.headers.get("host", ""))
        path = request.scope["path"]
        scope = required_scope(request.method, path)
        if self._access is not None and (scope is not None or path in {"/", SIGN_IN}):
            caller, is_wrong = await self._access.identify(request, caller.address)
            set_client(request.scope, caller)
            if is_wrong and scope is not None:
                await self._refuse(request, caller)
        signs_in = path == SIGN_IN and request.method == "POST"
        if self._rates is not None and (scope is not None or signs_in):
            self._rates.take(str(caller))
        elif self._open_rates is not None and path != ALIVE:
            self._open_rates.take(get_network(caller.address))
        if self._access is not None and scope is not None:
            _authorize(caller, scope)
        return caller

    async def _refuse(self, request: Request, caller: Client) -> None:
        """Count a wrong credential. Raises `TooMany` over the limit."""
        await self._failures.add(get_catalog(request), caller.actor())
        self._wrong_keys.count(get_network(caller.address))


def _authorize(caller: Client, scope: KeyScope) -> None:
    """Raise `Unauthorized` without a key, `Forbidden` with one that may not do what needs
    `scope`."""
    key = caller.key
    if key is None:
        raise Unauthorized(
            "This service wants an API key that it knows: send it as `Authorization: Bearer KEY`, set MM_API_KEY for mm, "
            "or open the page to sign in. `mm keys add NAME` on the server makes one."
        )
    if not key.allows(scope):
        raise Forbidden(f"The key {key.name!r} may {key.scope}; this needs a key that may {scope}.")


def _only_reads(request: Request) -> bool:
    return request.method in SAFE_METHODS or request.scope["path"] in QUESTIONS


def required_scope(method: str, path: str) -> KeyScope | None:
    """The scope that a request needs; `None` when anyone may."""
    if path in OPEN or path.startswith(OPEN_BELOW):
        return None
    if path.startswith((ADMIN_BELOW, *OTHERS)) or (path.startswith(SPACE) and method not in SAFE_METHODS):
        return "admin"
    if path.startswith(UPLOADS) and method != "OPTIONS":
        return "write"
    return "read" if method in SAFE_METHODS or path in QUESTIONS else "write"


def require_keys(settings: Settings) -> None:
    """Raise `Forbidden` when the API would answer nobody, or anybody without its owner having said
    so."""
    if settings.needs_key and not KeyFile(settings.root).all():
        where = "" if settings.is_local else f" because others can reach {settings.host}"
        raise Forbidden(
            f"The API needs keys{where}, and there is none. `mm keys add NAME` makes one; MM_KEYS=off lets anyone in without."
        )
