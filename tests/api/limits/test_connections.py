"""Connections that are opened, ask, are answered and closed in any order, and what is closed when
there are too many."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from api.limits.connections import Connections
from mm.settings import Settings


class Line:
    """A connection that notes that it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def close_waiting(self) -> None:
        self.closed = True


def connections(total: int, share: float) -> Connections:
    return Connections(Settings(host="0.0.0.0", max_connections=total, caller_share=share))


@given(
    st.lists(st.tuples(st.sampled_from(["open", "ask", "answer", "close"]), st.integers(0, 3), st.integers(0, 50)), max_size=80),
    st.integers(1, 8),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_connections_never_exceed_the_total_or_a_share(steps: list[tuple[str, int, int]], total: int, share: float) -> None:
    every = connections(total, share)
    lines: list[tuple[str, Line]] = []
    busy: set[int] = set()
    for what, network, which in steps:
        if what == "open":
            line, address = Line(), f"10.0.0.{network}"
            if every.add(line, address):
                lines.append((address, line))
            else:
                of_network = [one for where, one in lines if where == address]
                full = len(of_network) >= every.share
                assert all(id(one) in busy for one in (of_network if full else [one for _, one in lines]))
        elif lines:
            address, line = lines[which % len(lines)]
            if what == "ask":
                every.work(line)
                busy.add(id(line))
            elif what == "answer":
                every.wait(line)
                busy.discard(id(line))
            else:
                every.remove(line)
                lines.remove((address, line))
                busy.discard(id(line))
        assert not [line for _, line in lines if line.closed and id(line) in busy], "one that was being answered was closed"
        lines = [(address, line) for address, line in lines if not line.closed]
        assert every.open == len(lines) <= total
        assert max(Counter(address for address, _ in lines).values(), default=0) <= every.share
        assert every.waiting == len(lines) - len(busy)


def test_connections_beyond_a_share_displace_the_longest_wait_of_the_same_address() -> None:
    every = connections(8, 0.5)
    mine, theirs = Line(), [Line() for _ in range(5)]
    assert every.add(mine, "10.0.0.1")
    assert all(every.add(line, "10.0.0.2") for line in theirs)
    assert [line.closed for line in theirs] == [True, False, False, False, False]
    assert not mine.closed


def test_connections_of_a_trusted_proxy_are_not_counted_as_one_address() -> None:
    every = Connections(Settings(host="0.0.0.0", max_connections=8, caller_share=0.25, trusted_proxies="10.0.0.0/24, fd00::/16"))
    lines = [Line() for _ in range(8)]
    assert all(every.add(line, "10.0.0.2") for line in lines)
    assert not any(line.closed for line in lines)
    assert every.add(Line(), "fd00::7")
    assert every.add(Line(), "192.168.0.1")
    assert [line.closed for line in lines] == [True] * 2 + [False] * 6


def test_connections_beyond_the_total_displace_one_of_the_address_with_most() -> None:
    every = connections(4, 1.0)
    mine, theirs = Line(), [Line() for _ in range(3)]
    assert every.add(mine, "10.0.0.1")
    assert all(every.add(line, "10.0.0.2") for line in theirs)
    assert every.add(Line(), "10.0.0.3")
    assert [line.closed for line in theirs] == [True, False, False]
    assert not mine.closed
    assert every.closed == 1
