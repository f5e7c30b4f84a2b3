"""Address and scheme of a request that came through a reverse proxy, taken from its headers only if
the proxy is named.

Without MM_TRUSTED_PROXIES the headers are ignored, whoever sends them: a client could otherwise
choose its own address.
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
    """ASGI middleware: sets `client` and `scheme` from `X-Forwarded-For` and `X-Forwarded-Proto` of
    a trusted proxy."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._trusted and client and self._trusts(parse_address(client[0])):
            headers = Headers(scope=scope)
            scope["client"] = (self._sender(client[0], headers.getlist("x-forwarded-for")), 0)
            # Each proxy of a chain may append its own; the last is from the proxy that is connected
            # here.
            scheme = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
            if scheme in {"http", "https"}:
                scope["scheme"] = scheme
        await self._app(scope, receive, send)

    def _sender(self, peer: str, forwarded: list[str]) -> str:
        """The right-most address that is not a trusted proxy; left of it everything is the client's
        own word."""
        sender = peer
        for entry in reversed(",".join(forwarded).split(",")):
            address = parse_address(entry)
            if address is None:
                return sender
            sender = str(address)
            if not self._trusts(address):
                return sender
        return sender

    def _trusts(self, address: IPAddress | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)
