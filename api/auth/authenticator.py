"""Whether a credential is known: API keys from the key file, sessions of browsers from the
catalog."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

import anyio

from api.auth.cookies import session_token
from api.request_context import Client
from mm.errors import Unavailable
from mm.keys import KeyFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from indexes.catalog.catalog import Catalog
    from indexes.catalog.sessions import SessionRow
    from mm.settings import Settings

REMEMBER_SECONDS = 1.0
"""A session that another process ended is refused after at most this long; a page asks for many
pictures at once."""
MAX_REMEMBERED = 1000
THREADS = 4
"""Sessions that are looked up at once; not in the pool of the routes, which long requests may fill.
"""


class Authenticator:
    """Finds out who sends a request. Used on the event loop; `Client.is_valid` may be called from
    threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.keys = KeyFile(settings.root)
        self._clock = clock
        self._sessions: OrderedDict[str, tuple[SessionRow, float]] = OrderedDict()  # by token, and until when to believe it
        self._threads = anyio.CapacityLimiter(THREADS)

    async def identify(self, request: Request, address: str) -> tuple[Client, bool]:
        """The sender, and whether it brought a credential that is wrong: unknown, revoked or
        expired. Raises `Unavailable`."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            key = self.keys.find(secret.strip())
            if key is None:
                return Client(address), True
            return Client(address, key, None, partial(self.has_key, key.id)), False
        token = session_token(request)
        session = await self._find(request, token) if token else None
        key = None if session is None else self.keys.get(session.key_id)
        if session is None or key is None:
            return Client(address), token != ""
        return Client(address, key, session, _OpenSession(self, get_catalog(request), token, session.key_id)), False

    async def is_valid(self, caller: Client) -> bool:
        """`Client.is_valid` without blocking the event loop."""
        check = caller.is_valid
        if isinstance(check, _OpenSession) and not check.is_remembered():
            return await anyio.to_thread.run_sync(check, limiter=self._threads)
        return check()  # one look at the time stamp of a file

    def forget(self, session_id: str) -> None:
        """A session ended here: do not believe in it for the rest of `REMEMBER_SECONDS`."""
        for token in [token for token, (session, _) in list(self._sessions.items()) if session.id == session_id]:
            self._sessions.pop(token, None)

    async def _find(self, request: Request, token: str) -> SessionRow | None:
        if (session := self.remembered(token)) is not None:
            return session
        return await anyio.to_thread.run_sync(self.look_up, get_catalog(request), token, limiter=self._threads)

    def has_key(self, key_id: str) -> bool:
        """Whether a key was not revoked."""
        return self.keys.get(key_id) is not None

    def remembered(self, token: str) -> SessionRow | None:
        """The session of a token that was looked up in the last `REMEMBER_SECONDS`."""
        session, until = self._sessions.get(token, (None, 0.0))
        now = self._clock()
        return session if session is not None and until - REMEMBER_SECONDS <= now < min(until, session.expires_at) else None

    def look_up(self, catalog: Catalog, token: str) -> SessionRow | None:
        """The session of a token, read from the catalog."""
        session = catalog.find_session(token)
        if session is None:
            self._sessions.pop(token, None)
            return None
        self._sessions[token] = (session, self._clock() + REMEMBER_SECONDS)
        while len(self._sessions) > MAX_REMEMBERED:
            self._sessions.popitem(last=False)
        return session


class _OpenSession:
    """Whether a session has not ended and its key was not revoked."""

    def __init__(self, access: Authenticator, catalog: Catalog, token: str, key_id: str) -> None:
        self._access = access
        self._catalog = catalog
        self._token = token
        self._key_id = key_id

    def __call__(self) -> bool:
        if not self._access.has_key(self._key_id):
            return False
        return self.is_remembered() or self._access.look_up(self._catalog, self._token) is not None

    def is_remembered(self) -> bool:
        """Whether the answer needs no look into the catalog."""
        return self._access.remembered(self._token) is not None


def get_catalog(request: Request) -> Catalog:
    """The catalog of the application that got the request. Raises `Unavailable` while it is not
    open."""
    service = getattr(request.app.state, "service", None)
    if service is None:
        raise Unavailable("The service has not started yet; try again in a moment.")
    catalog: Catalog = service.store.catalog
    return catalog
