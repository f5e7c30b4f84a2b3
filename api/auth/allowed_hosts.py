"""Check of the `Host` header in a service without keys.

A web page can make its own host name resolve to this machine (DNS rebinding); for the browser, the
page then has the same origin as the service. Only the `Host` header identifies such a request.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mm.errors import Forbidden

if TYPE_CHECKING:
    from mm.settings import Settings

_NOT_IN_HOST = frozenset("@/?#\\")
"""Characters with which the host of a URL would differ from the `Host` header in it."""


class AllowedHosts:
    """IP addresses, `localhost`, the name in MM_HOST, and the names in MM_ALLOWED_HOSTS."""

    def __init__(self, settings: Settings) -> None:
        names = {name.strip() for name in settings.allowed_hosts.lower().split(",")}
        self._names = frozenset({*names, settings.host.lower(), "localhost"} - {""})

    def check(self, host: str) -> None:
        """Raise `Forbidden` unless the `Host` header is an IP address or an allowed name; the port
        is ignored."""
        try:
            name = "" if _NOT_IN_HOST & set(host) else urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = host
        if name in self._names:
            return
        try:
            ipaddress.ip_address(name)
        except ValueError:
            raise Forbidden(
                f"The host name {name[:100]!r} is not allowed. A service without keys accepts IP addresses, localhost and the "
                "names in MM_ALLOWED_HOSTS; add this name there, or require keys (MM_KEYS=on)."
            ) from None
