"""Connections that open, send requests and close in any order, and those closed at a limit."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from api.limits.connections import Connections
from mm.settings import Settings

ACTIONS = ["open", "request", "respond", "close"]


class Line:
    """A connection that records that it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def close_idle(self) -> None:
        self.closed = True


def connections(total: int, share: float) -> Connections:
    return Connections(Settings(host="0.0.0.0", max_connections=total, caller_share=share))


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "request", "respond", "close"]), st.integers(0, 3), st.integers(0, 50)), max_size=80
    ),
    st.integers(1, 8),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_connections_never_exceed_total_or_share(steps: list[tuple[str, int, int]], total: int, share: float) -> None:
    registry = connections(total, share)
    lines: list[tuple[str, Line]] = []
    busy: set[int] = set()
    for action, network, index in steps:
        if action == "open":
            line, address = Line(), f"10.0.0.{network}"
            if registry.add(line, address):
                lines.append((address, line))
            else:
                of_network = [other for network, other in lines if network == address]
                full = len(of_network) >= registry.share
                assert all(id(other) in busy for other in (of_network if full else [other for _, other in lines]))
        elif lines:
            address, line = lines[index % len(lines)]
            if action == "request":
                registry.mark_busy(line)
                busy.add(id(line))
            elif action == "respond":
                registry.mark_idle(line)
                busy.discard(id(line))
            else:
                registry.remove(line)
                lines.remove((address, line))
                busy.discard(id(line))
        assert not [line for _, line in lines if line.closed and id(line) in busy], "a busy connection was closed"
        lines = [(address, line) for address, line in lines if not line.closed]
        assert registry.open == len(lines) <= total
        assert max(Counter(address for address, _ in lines).values(), default=0) <= registry.share
        assert registry.waiting == len(lines) - len(busy)


def test_connections_over_share_close_longest_idle_of_same_address() -> None:
    registry = connections(8, 0.5)
    mine, theirs = Line(), [Line() for _ in range(5)]
    assert registry.add(mine, "10.0.0.1")
    assert all(registry.add(line, "10.0.0.2") for line in theirs)
    assert [line.closed for line in theirs] == [True, False, False, False, False]
    assert not mine.closed


def test_connections_of_trusted_proxy_have_no_share() -> None:
    registry = Connections(
        Settings(host="0.0.0.0", max_connections=8, caller_share=0.25, trusted_proxies="10.0.0.0/24, fd00::/16")
    )
    lines = [Line() for _ in range(8)]
    assert all(registry.add(line, "10.0.0.2") for line in lines)
    assert not any(line.closed for line in lines)
    assert registry.add(Line(), "fd00::7")
    assert registry.add(Line(), "192.168.0.1")
    assert [line.closed for line in lines] == [True] * 2 + [False] * 6


def test_connections_over_total_close_one_of_largest_address() -> None:
    registry = connections(4, 1.0)
    mine, theirs = Line(), [Line() for _ in range(3)]
    assert registry.add(mine, "10.0.0.1")
    assert all(registry.add(line, "10.0.0.2") for line in theirs)
    assert registry.add(Line(), "10.0.0.3")
    assert [line.closed for line in theirs] == [True, False, False]
    assert not mine.closed
    assert registry.closed == 1
