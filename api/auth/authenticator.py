"""Identification of clients: API keys from the key file, sessions of browsers from the catalog."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

import anyio

from api.auth.cookies import read_session_token
from api.request_context import Client
from mm.errors import Unavailable
from mm.keys import KeyFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from indexes.catalog.catalog import Catalog
    from indexes.catalog.sessions import SessionRow
    from mm.settings import Settings

CACHE_SECONDS = 1.0
"""Lifetime of a cached session: a page requests many thumbnails at once. A session that another
process ended is refused after at most this time."""
MAX_CACHED = 1000
NUM_THREADS = 4
"""Concurrent session queries, outside the pool of the routes, which long requests may occupy."""


class Authenticator:
    """Identifies the client of a request. Used on the event loop; `Client.is_valid` may be called
    in threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.keys = KeyFile(settings.root)
        self._clock = clock
        self._sessions: OrderedDict[str, tuple[SessionRow, float]] = OrderedDict()  # token -> session, expiry in the cache
        self._threads = anyio.CapacityLimiter(NUM_THREADS)

    async def identify(self, request: Request, address: str) -> tuple[Client, bool]:
        """Return the client, and whether it sent an unknown, revoked or expired credential.

        Raises `Unavailable`.
        """
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            key = self.keys.find(secret.strip())
            if key is None:
                return Client(address), True
            return Client(address, key, None, partial(self.has_key, key.id)), False
        token = read_session_token(request)
        session = await self._find_session(request, token) if token else None
        key = None if session is None else self.keys.get(session.key_id)
        if session is None or key is None:
            return Client(address), token != ""
        return Client(address, key, session, _SessionCheck(self, get_catalog(request), token, session.key_id)), False

    async def is_valid(self, client: Client) -> bool:
        """`Client.is_valid` without blocking the event loop."""
        check = client.is_valid
        if isinstance(check, _SessionCheck) and not check.is_cached():
            return await anyio.to_thread.run_sync(check, limiter=self._threads)
        return check()  # reads only the time stamp of a file

    def drop_session(self, session_id: str) -> None:
        """Remove a session that has ended from the cache."""
        for token in [token for token, (session, _) in list(self._sessions.items()) if session.id == session_id]:
            self._sessions.pop(token, None)

    async def _find_session(self, request: Request, token: str) -> SessionRow | None:
        if (session := self.get_cached(token)) is not None:
            return session
        return await anyio.to_thread.run_sync(self.read_session, get_catalog(request), token, limiter=self._threads)

    def has_key(self, key_id: str) -> bool:
        """Whether a key exists and was not revoked."""
        return self.keys.get(key_id) is not None

    def get_cached(self, token: str) -> SessionRow | None:
        """Return the session of a token that was read in the last `CACHE_SECONDS`."""
        session, until = self._sessions.get(token, (None, 0.0))
        now = self._clock()
        return session if session is not None and until - CACHE_SECONDS <= now < min(until, session.expires_at) else None

    def read_session(self, catalog: Catalog, token: str) -> SessionRow | None:
        """Read the session of a token from the catalog into the cache."""
        session = catalog.find_session(token)
        if session is None:
            self._sessions.pop(token, None)
            return None
        self._sessions[token] = (session, self._clock() + CACHE_SECONDS)
        while len(self._sessions) > MAX_CACHED:
            self._sessions.popitem(last=False)
        return session


class _SessionCheck:
    """Checks that a session has not ended and its key was not revoked."""

    def __init__(self, authenticator: Authenticator, catalog: Catalog, token: str, key_id: str) -> None:
        self._authenticator = authenticator
        self._catalog = catalog
        self._token = token
        self._key_id = key_id

    def __call__(self) -> bool:
        if not self._authenticator.has_key(self._key_id):
            return False
        return self.is_cached() or self._authenticator.read_session(self._catalog, self._token) is not None

    def is_cached(self) -> bool:
        """Whether the check does not read the catalog."""
        return self._authenticator.get_cached(self._token) is not None


def get_catalog(request: Request) -> Catalog:
    """Return the catalog of the application. Raises `Unavailable` until the service has started."""
    service = getattr(request.app.state, "service", None)
    if service is None:
        raise Unavailable("The service has not started yet; try again in a moment.")
    catalog: Catalog = service.store.catalog
    return catalog
