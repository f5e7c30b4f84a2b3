"""Who sends a request: the id of its API key, or the network that it comes from. Set once a request by the authentication."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from api.rates import network_of

if TYPE_CHECKING:
    from starlette.types import Scope

_STATE = "caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request."""

    network: str
    """IPv4 address or IPv6 /64 network; empty when the server does not know it."""
    key_id: str | None = None
    """Id of the API key, never the key; `None` where no key is needed or none came."""

    def __str__(self) -> str:
        return f"address {self.network}" if self.key_id is None else f"key {self.key_id}"


_current: ContextVar[Caller] = ContextVar("caller", default=Caller(""))  # noqa: B039  frozen


def set_caller(scope: Scope, caller: Caller) -> None:
    """Record `caller` for this request, for the threads that work for it and for its log lines (field `key`)."""
    scope.setdefault("state", {})[_STATE] = caller
    _current.set(caller)
    if caller.key_id is not None:
        structlog.contextvars.bind_contextvars(key=caller.key_id)


def current_caller() -> Caller:
    """Of the request that is being answered, also in threads that work for it. Outside of a request its network is empty."""
    return _current.get()


def caller_of(scope: Scope) -> str:
    """`key ID` or `address NETWORK`: what limits per caller count by."""
    return str(_caller(scope))


def key_id_of(scope: Scope) -> str | None:
    """Id of the request's API key; `None` where no key is needed or none came."""
    return _caller(scope).key_id


def _caller(scope: Scope) -> Caller:
    found = scope.get("state", {}).get(_STATE)
    if isinstance(found, Caller):
        return found
    client = scope.get("client")
    return Caller(network_of(client[0]) if client else "")
