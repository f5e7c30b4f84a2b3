"""The current request: its id, and the client that sent it."""

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

REVOKED = "The API key was revoked, or the session ended, during the request. Send it again with a valid key."
_STATE = "client"


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a request: an address, and an API key or a session where one is needed."""

    address: str
    """Address of the client, or of an untrusted proxy; empty if the server has none."""
    key: ApiKey | None = None
    """`None` if no key is needed or none was sent."""
    session: SessionRow | None = None
    """Session of the browser, if the key was identified by one."""
    is_valid: Callable[[], bool] = field(default=lambda: True, compare=False, repr=False)
    """Whether the key or the session is still valid. May read the catalog: call it in a thread."""

    @property
    def key_id(self) -> str | None:
        return None if self.key is None else self.key.id

    def __str__(self) -> str:
        return f"address {get_network(self.address)}" if self.key is None else f"key {self.key.id}"

    def require_valid(self) -> None:
        """Raise `Unauthorized` if the key was revoked or the session ended during the request."""
        if not self.is_valid():
            raise Unauthorized(REVOKED)

    def actor(self) -> Actor:
        """The client as an actor of the audit log."""
        return Actor(self.key_id or _name_without_key(self.address), self.address, current_request_id())


_current: ContextVar[Client] = ContextVar("client", default=Client(""))  # noqa: B039  frozen


def set_client(scope: Scope, client: Client) -> None:
    """Store the client in the scope, for the threads of the request, and for its log lines (field
    `key`)."""
    scope.setdefault("state", {})[_STATE] = client
    _current.set(client)
    if client.key_id is not None:
        structlog.contextvars.bind_contextvars(key=client.key_id)


def current_client() -> Client:
    """Client of the current request, in its threads too. Its address is empty outside requests."""
    return _current.get()


def current_actor() -> Actor:
    """Client of the current request as an actor of the audit log."""
    return current_client().actor()


def current_request_id() -> str | None:
    """Id of the current request, in its threads too. `None` outside requests."""
    request_id: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return request_id


def get_client(scope: Scope) -> Client:
    """Return the client of a request; before authentication, its address alone."""
    client = scope.get("state", {}).get(_STATE)
    if isinstance(client, Client):
        return client
    peer = scope.get("client")
    return Client(peer[0] if peer else "")


def get_client_id(scope: Scope) -> str:
    """Return `key ID` or `address NETWORK`: the unit of all limits per client."""
    return str(get_client(scope))


def _name_without_key(address: str) -> str:
    parsed = parse_address(address)
    return "local" if address == "" or (parsed is not None and parsed.is_loopback) else "anonymous"
