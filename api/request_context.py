"""Who sends a request: an API key, or the network that it comes from. Set once a request by the
authentication."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from api.addresses import get_network, parse_address
from indexes.catalog.audit import Actor
from mm.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from indexes.catalog.sessions import SessionRow
    from mm.keys import ApiKey

ENDED = "The API key was revoked, or its session ended, while the request ran. Send it again with a valid key."
_STATE = "caller"


@dataclass(frozen=True, slots=True)
class Client:
    """The sender of a request."""

    address: str
    """Of the client, or of the proxy that is connected where none is trusted; empty when the server
    does not know it."""
    key: ApiKey | None = None
    """`None` where no key is needed or none came."""
    session: SessionRow | None = None
    """The browser's session, if the key came by one."""
    is_valid: Callable[[], bool] = field(default=lambda: True, compare=False, repr=False)
    """Whether the key or the session is still valid. May read the catalog: call it in a thread."""

    @property
    def key_id(self) -> str | None:
        return None if self.key is None else self.key.id

    def __str__(self) -> str:
        return f"address {get_network(self.address)}" if self.key is None else f"key {self.key.id}"

    def require_valid(self) -> None:
        """Raise `Unauthorized` if the key was revoked or the session ended while the request
        ran."""
        if not self.is_valid():
            raise Unauthorized(ENDED)

    def actor(self) -> Actor:
        """The sender as the audit log names it."""
        return Actor(self.key_id or _without_key(self.address), self.address, current_request_id())


_current: ContextVar[Client] = ContextVar("caller", default=Client(""))  # noqa: B039  frozen


def set_client(scope: Scope, caller: Client) -> None:
    """Record `caller` for this request, for the threads that work for it and for its log lines
    (field `key`)."""
    scope.setdefault("state", {})[_STATE] = caller
    _current.set(caller)
    if caller.key_id is not None:
        structlog.contextvars.bind_contextvars(key=caller.key_id)


def current_client() -> Client:
    """Of the request that is being answered, also in threads that work for it. Outside of a request
    its address is empty."""
    return _current.get()


def current_actor() -> Actor:
    """The present caller as the audit log names it."""
    return current_client().actor()


def current_request_id() -> str | None:
    """Of the request that is being answered, in threads that work for it too."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def get_client(scope: Scope) -> Client:
    """The sender of a request."""
    found = scope.get("state", {}).get(_STATE)
    if isinstance(found, Client):
        return found
    client = scope.get("client")
    return Client(client[0] if client else "")


def get_client_id(scope: Scope) -> str:
    """`key ID` or `address NETWORK`: what limits per caller count by."""
    return str(get_client(scope))


def get_key_id(scope: Scope) -> str | None:
    """Id of the request's API key; `None` where no key is needed or none came."""
    return get_client(scope).key_id


def _without_key(address: str) -> str:
    parsed = parse_address(address)
    return "local" if address == "" or (parsed is not None and parsed.is_loopback) else "anonymous"
