"""Client address and scheme of requests through a trusted reverse proxy (MM_TRUSTED_PROXIES).

The forwarding headers of all other peers are ignored: a client could otherwise choose its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from api.addresses import parse_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from api.addresses import IPAddress
    from mm.settings import Network


class TrustedProxies:
    """ASGI middleware: sets `client` and `scheme` from `X-Forwarded-For` and `-Proto`."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if self._trusted and peer and self._is_trusted(parse_address(peer[0])):
            headers = Headers(scope=scope)
            scope["client"] = (self._find_client(peer[0], headers.getlist("x-forwarded-for")), 0)
            # Each proxy of a chain may append a value; the last one is of the connected proxy.
            scheme = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
            if scheme in {"http", "https"}:
                scope["scheme"] = scheme
        await self._app(scope, receive, send)

    def _find_client(self, peer: str, forwarded: list[str]) -> str:
        """Return the right-most address that is not a trusted proxy; the entries to the left of it
        are unverified input of the client."""
        client = peer
        for entry in reversed(",".join(forwarded).split(",")):
            address = parse_address(entry)
            if address is None:
                return client
            client = str(address)
            if not self._is_trusted(address):
                return client
        return client

    def _is_trusted(self, address: IPAddress | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)
