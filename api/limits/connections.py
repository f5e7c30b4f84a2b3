"""All connections of one process: their number, their networks, and which are idle."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from api.addresses import get_network

if TYPE_CHECKING:
    from mm.settings import Settings


class Connection(Protocol):
    """A connection that can be closed when there are too many."""

    def close_idle(self) -> None:
        """Close it while it waits for the head of a request."""
        ...


class Connections:
    """Limits open connections, in total and per network. Used on one event loop only.

    Above a limit, the connection that has been idle longest is closed, not the new one: a client
    that opens many without a request displaces its own, and an active client is served.
    """

    def __init__(self, settings: Settings) -> None:
        self._share = 1.0 if settings.is_local and not settings.needs_key else settings.caller_share
        self.total = settings.max_connections
        self._proxies = settings.proxy_networks
        self.closed = 0
        """Number of connections that were closed or refused over a limit."""
        self._networks: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()
        self._idle: dict[str, dict[Connection, None]] = {}  # by network, longest first

    @property
    def share(self) -> int:
        """Maximum number of connections of one network."""
        return max(1, math.floor(self.total * self._share))

    @property
    def open(self) -> int:
        """Number of open connections."""
        return len(self._networks)

    @property
    def waiting(self) -> int:
        """Number of connections that wait for the head of a request."""
        return sum(map(len, self._idle.values()))

    def add(self, connection: Connection, address: str) -> bool:
        """Register a new connection as idle. Returns False if it must be refused, because no other
        can be closed."""
        network = get_network(address)
        if not self._make_room(network):
            self.closed += 1
            return False
        self._networks[connection] = network
        self._counts[network] += 1
        self.mark_idle(connection)
        return True

    def mark_idle(self, connection: Connection) -> None:
        """Record that the connection waits for a request."""
        if connection in self._networks:
            idle = self._idle.setdefault(self._networks[connection], {})
            idle.pop(connection, None)
            idle[connection] = None

    def mark_busy(self, connection: Connection) -> None:
        """Record that a request of the connection is being processed."""
        network = self._networks.get(connection)
        if network is not None and network in self._idle:
            self._idle[network].pop(connection, None)
            if not self._idle[network]:
                del self._idle[network]

    def remove(self, connection: Connection) -> None:
        """Record that the connection is closed."""
        self.mark_busy(connection)
        network = self._networks.pop(connection, None)
        if network is not None:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]

    def _make_room(self, network: str) -> bool:
        if self._counts[network] >= self._get_limit(network) and not self._close_idle(network):
            return False
        if self.open < self.total:
            return True
        largest = max(self._idle, key=lambda name: self._counts[name], default=None)
        return largest is not None and self._close_idle(largest)

    def _get_limit(self, network: str) -> int:
        """Return the limit of a network; a trusted proxy has the connections of all its clients."""
        try:
            address = ipaddress.ip_network(network).network_address
        except ValueError:
            return self.share
        return self.total if any(address in proxies for proxies in self._proxies) else self.share

    def _close_idle(self, network: str) -> bool:
        """Close the connection of a network that has been idle longest, if there is one."""
        connection = next(iter(self._idle.get(network, ())), None)
        if connection is None:
            return False
        self.remove(connection)
        self.closed += 1
        connection.close_idle()
        return True
