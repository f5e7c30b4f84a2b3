"""Authentication and authorization of requests.

Where the settings require keys, a request needs an API key or a session with the scope of its path.
Where they do not, the `Host` header must be allowed.
"""

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
from api.auth.scopes import SIGN_IN_PATH, is_read_only, required_scope
from api.auth.signin import SignIn
from api.auth.wrong_keys import WrongKeyLimiter
from api.http.problems import build_error_response
from api.limits.rate_limiter import RateLimiter
from api.request_context import Client, set_client
from mm.errors import Forbidden, MMError, Unauthorized
from mm.keys import KeyFile

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mm.keys import Scope as KeyScope
    from mm.settings import Settings

DEFAULT_PER_MINUTE = 1200
PUBLIC_FACTOR = 5
"""Rate limit of public paths for one network, in multiples of MM_RATE_PER_MINUTE: a page loads
dozens of files."""
UNLIMITED_PATH = "/healthz"


class AuthenticationMiddleware:
    """ASGI middleware: authenticates the client, applies rate limits, and checks the scope."""

    def __init__(self, app: ASGIApp, settings: Settings, failures: FailureLog | None = None) -> None:
        self._app = app
        self._authenticator = Authenticator(settings) if settings.needs_key else None
        self._hosts = None if settings.needs_key else AllowedHosts(settings)
        limit = settings.rate_per_minute
        per_minute = limit if limit is not None else (0 if settings.is_local else DEFAULT_PER_MINUTE)
        self._rates = RateLimiter(per_minute) if per_minute else None
        self._public_rates = RateLimiter(PUBLIC_FACTOR * per_minute) if per_minute else None
        self._wrong_keys = WrongKeyLimiter(settings.wrong_keys_per_minute)
        self._failures = failures or FailureLog()
        authenticator = self._authenticator
        self._sign_in = SignIn(authenticator, self._count_wrong_key, settings.session_hours) if authenticator else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        client = Client(request.client.host if request.client else "")
        response: Response | None = None
        try:
            client = await self._admit(request, client)
            if self._sign_in is not None and scope["path"] in {"/", SIGN_IN_PATH}:
                response = await self._sign_in.respond(request)
        except MMError as error:
            response = build_error_response(request, error)
            if isinstance(error, Unauthorized):
                clear_session_cookie(request, response)
                clear_old_cookie(request, response)
        if response is not None:
            await response(scope, receive, send)
        elif self._authenticator is not None and client.key is not None:
            is_valid = partial(self._authenticator.is_valid, client)
            read_only = is_read_only(request.method, scope["path"])
            revocable = RevocableRequest(scope, receive, send, is_valid, read_only=read_only)
            await self._app(scope, revocable.receive, revocable.send)
        else:
            await self._app(scope, receive, send)

    async def _admit(self, request: Request, client: Client) -> Client:
        """Return the authenticated client, and store it in the request.

        Raises `Unauthorized`, `Forbidden`, `TooMany`, `Unavailable`.
        """
        set_client(request.scope, client)
        if self._hosts is not None:
            self._hosts.check(request.headers.get("host", ""))
        path = request.scope["path"]
        scope = required_scope(request.method, path)
        if self._authenticator is not None and (scope is not None or path in {"/", SIGN_IN_PATH}):
            client, is_wrong = await self._authenticator.identify(request, client.address)
            set_client(request.scope, client)
            if is_wrong and scope is not None:
                await self._count_wrong_key(request, client)
        is_sign_in = path == SIGN_IN_PATH and request.method == "POST"
        if self._rates is not None and (scope is not None or is_sign_in):
            self._rates.take(str(client))
        elif self._public_rates is not None and path != UNLIMITED_PATH:
            self._public_rates.take(get_network(client.address))
        if self._authenticator is not None and scope is not None:
            _authorize(client, scope)
        return client

    async def _count_wrong_key(self, request: Request, client: Client) -> None:
        """Record a wrong credential. Raises `TooMany` over the limit."""
        await self._failures.add(get_catalog(request), client.actor())
        self._wrong_keys.count(get_network(client.address))


def _authorize(client: Client, scope: KeyScope) -> None:
    """Raise `Unauthorized` without a key, `Forbidden` if its scope is below `scope`."""
    key = client.key
    if key is None:
        raise Unauthorized(
            "This service requires a valid API key: send it as `Authorization: Bearer KEY`, set MM_API_KEY for mm, "
            "or sign in on the page. Create a key on the server with `mm keys add NAME`."
        )
    if not key.allows(scope):
        raise Forbidden(
            f"The key {key.name!r} has the scope {key.scope}; this request requires the scope {scope}. Use a key with that scope."
        )


def require_keys(settings: Settings) -> None:
    """Raise `Forbidden` if keys are required and there is none: the API would refuse everyone."""
    if settings.needs_key and not KeyFile(settings.root).all():
        reason = "" if settings.is_local else f" because {settings.host} is reachable from other machines"
        raise Forbidden(
            f"The API requires keys{reason}, and none exists. Create one with `mm keys add NAME`, or set MM_KEYS=off to "
            "allow access without a key."
        )
