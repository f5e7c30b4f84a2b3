"""All connections of one process: how many, of whom, and which of them wait for a request."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from api.addresses import get_network

if TYPE_CHECKING:
    from mm.settings import Settings


class Connection(Protocol):
    """What is closed when there are too many."""

    def close_waiting(self) -> None:
        """Close it; it has sent no complete head of a request that is not answered."""
        ...


class Connections:
    """Used on one event loop only.

    Beyond a limit the connection that has waited longest for a request is closed, not the new one:
    who opens many and asks nothing displaces its own, and a client that asks at once is served.
    """

    def __init__(self, settings: Settings) -> None:
        self._part = 1.0 if settings.is_local and not settings.needs_key else settings.caller_share
        self.total = settings.max_connections
        self._proxies = settings.proxy_networks
        self.closed = 0
        """Connections that were closed, or refused, for want of room."""
        self._networks: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()
        self._waiting: dict[str, dict[Connection, None]] = {}  # by network, longest first

    @property
    def share(self) -> int:
        """Most of one address."""
        return max(1, math.floor(self.total * self._part))

    @property
    def open(self) -> int:
        """Connections that are open."""
        return len(self._networks)

    @property
    def waiting(self) -> int:
        """Connections that wait for the head of a request."""
        return sum(map(len, self._waiting.values()))

    def add(self, connection: Connection, address: str) -> bool:
        """Take a new connection, which waits for a request. False when there is no room and no
        other could be closed."""
        network = get_network(address)
        if not self._make_room(network):
            self.closed += 1
            return False
        self._networks[connection] = network
        self._counts[network] += 1
        self.wait(connection)
        return True

    def wait(self, connection: Connection) -> None:
        """The connection waits for a request from now on."""
        if connection in self._networks:
            waiting = self._waiting.setdefault(self._networks[connection], {})
            waiting.pop(connection, None)
            waiting[connection] = None

    def work(self, connection: Connection) -> None:
        """A request of the connection is being answered."""
        network = self._networks.get(connection)
        if network is not None and network in self._waiting:
            self._waiting[network].pop(connection, None)
            if not self._waiting[network]:
                del self._waiting[network]

    def remove(self, connection: Connection) -> None:
        """The connection is closed."""
        self.work(connection)
        network = self._networks.pop(connection, None)
        if network is not None:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]

    def _make_room(self, network: str) -> bool:
        if self._counts[network] >= self._most(network) and not self._close_one(network):
            return False
        if self.open < self.total:
            return True
        greediest = max(self._waiting, key=lambda one: self._counts[one], default=None)
        return greediest is not None and self._close_one(greediest)

    def _most(self, network: str) -> int:
        """A trusted proxy has the connections of all its clients."""
        try:
            address = ipaddress.ip_network(network).network_address
        except ValueError:
            return self.share
        return self.total if any(address in proxies for proxies in self._proxies) else self.share

    def _close_one(self, network: str) -> bool:
        connection = next(iter(self._waiting.get(network, ())), None)
        if connection is None:
            return False
        self.remove(connection)
        self.closed += 1
        connection.close_waiting()
        return True
