"""The names under which a service without keys answers.

A page on the Internet can have its own name resolve to this machine (DNS rebinding) and is then of
the same origin as the service. Where no key is needed, only the `Host` header tells such a request
apart.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mm.errors import Forbidden

if TYPE_CHECKING:
    from mm.settings import Settings

_NOT_IN_HOST = frozenset("@/?#\\")
"""Characters that would make a URL of a `Host` header have another host than the header."""


class AllowedHosts:
    """Addresses, `localhost`, the name in MM_HOST and those in MM_ALLOWED_HOSTS."""

    def __init__(self, settings: Settings) -> None:
        named = {name.strip() for name in settings.allowed_hosts.lower().split(",")}
        self._names = frozenset({*named, settings.host.lower(), "localhost"} - {""})

    def check(self, host: str) -> None:
        """Raise `Forbidden` unless the `Host` header is an address or an allowed name; its port
        does not matter."""
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
                f"The name {name[:100]!r} is not allowed. A service without keys answers to addresses, localhost and the names "
                "in MM_ALLOWED_HOSTS; add this name there, or use keys (MM_KEYS=on)."
            ) from None
