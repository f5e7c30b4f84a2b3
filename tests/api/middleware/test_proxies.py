"""Client address and scheme from forwarding headers, which are used only from trusted proxies."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.addresses import parse_address
from api.auth.wrong_keys import WrongKeyLimiter
from api.middleware.proxies import TrustedProxies
from mm.errors import InvalidInput
from mm.keys import KeyFile
from mm.settings import Settings, load_settings
from tests.api.conftest import run_server
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

PUBLIC = st.ip_addresses(v=4).filter(lambda address: address not in ip_network("10.0.0.0/8"))


def resolve_client(trusted: str, peer: str, *headers: tuple[str, str]) -> tuple[str, str]:
    """Return address and scheme of a request from `peer`, as the application receives them."""
    result: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        result.append((scope["client"][0], scope["scheme"]))

    async def nothing(*args: Message) -> Message:
        raise AssertionError

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope: Scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": raw}
    middleware = TrustedProxies(app, Settings(trusted_proxies=trusted).proxy_networks)
    anyio.run(middleware, scope, nothing, nothing)
    return result[0]


def forwarded_header(value: str) -> tuple[str, str]:
    return ("x-forwarded-for", value)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.1"])
def test_forwarding_headers_are_ignored_without_trusted_proxies(peer: str) -> None:
    assert resolve_client("", peer, forwarded_header("1.2.3.4"), ("x-forwarded-proto", "https")) == (peer, "http")


@pytest.mark.parametrize(
    ("trusted", "peer", "values", "address"),
    [
        ("127.0.0.1", "127.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", "127.0.0.2", ["1.2.3.4"], "127.0.0.2"),
        ("127.0.0.1", "127.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # the left one is unverified input of the client
        ("127.0.0.1, 10.0.0.0/8", "127.0.0.1", ["6.6.6.6, 1.2.3.4, 10.1.1.1"], "1.2.3.4"),
        ("127.0.0.1,10.0.0.0/8", "10.9.9.9", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("127.0.0.1", "127.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),  # two headers
        ("127.0.0.1", "127.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("::1", "::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("2001:db8::/32", "2001:db8::1", ["2001:db9::7"], "2001:db9::7"),
        ("127.0.0.1", "::ffff:127.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", "127.0.0.1", ["1.2.3.4, unknown"], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", [], "127.0.0.1"),
    ],
)
def test_trusted_proxies_take_rightmost_untrusted_address(trusted: str, peer: str, values: list[str], address: str) -> None:
    assert resolve_client(trusted, peer, *map(forwarded_header, values))[0] == address


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS"], "https"),
        (["http, https"], "https"),
        (["https", "http"], "http"),
        (["ftp"], "http"),
        ([], "http"),
    ],
)
def test_trusted_proxies_take_scheme_of_nearest_proxy(values: list[str], scheme: str) -> None:
    assert resolve_client("127.0.0.1", "127.0.0.1", *(("x-forwarded-proto", value) for value in values))[1] == scheme


@given(st.lists(st.one_of(st.text("0123456789.:[]a, ", max_size=20), PUBLIC.map(str)), max_size=6), PUBLIC)
def test_forwarded_entries_of_client_do_not_change_its_address(sent: list[str], client: object) -> None:
    assert resolve_client("10.0.0.0/8", "10.0.0.1", forwarded_header(", ".join([*sent, str(client)])))[0] == str(client)


@given(st.text())
def test_parse_address_returns_address_or_none(text: str) -> None:
    assert (result := parse_address(text)) is None or ip_address(str(result)) == result


@pytest.mark.parametrize("value", ["localhost", "10.0.0.1/8", "1.2.3", "10.0.0.0/8, proxy"])
def test_invalid_trusted_proxies_setting_raises(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_TRUSTED_PROXIES", value)
    with pytest.raises(InvalidInput, match="MM_TRUSTED_PROXIES"):
        load_settings()


@pytest.fixture
def _no_refill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock, so that no token is added while the test runs."""
    monkeypatch.setattr("api.auth.middleware.WrongKeyLimiter", partial(WrongKeyLimiter, clock=lambda: 0.0))


@pytest.mark.usefixtures("_no_refill")
def test_forwarded_header_does_not_reset_wrong_key_limit(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    _, secret = KeyFile(home).add("one", "read")
    with run_server(Settings(home=home, keys="on", wrong_keys_per_minute=3)) as service:
        statuses = []
        for number in range(12):
            headers = {"X-Forwarded-For": f"1.2.3.{number}", "Authorization": "Bearer mm_000000000000_x"}
            statuses.append(service.client.get("/v1/media", headers=headers).status_code)
        assert statuses == [401] * 3 + [429] * 9
        for response in (
            service.client.get("/v1/media", headers={"Authorization": "Bearer x"}),
            service.client.get("/v1/media", headers={"Cookie": "mm_session=x"}),
            service.client.post("/session", data={"key": "x"}),
            httpx2.post(f"{service.url}/session", data={"key": "mm_000000000000_x"}),
        ):
            assert (response.status_code, int(response.headers["retry-after"]) >= 1) == (429, True)
        assert service.client.get("/v1/media", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert service.client.post("/session", data={"key": secret}).status_code == 303
        metrics = service.client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).text
        assert 'mm_refusals_total{reason="too-many"} 13.0' in metrics


@pytest.mark.usefixtures("_no_refill")
def test_wrong_key_limit_counts_addresses_behind_trusted_proxy(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    KeyFile(home).add("one", "read")
    with run_server(Settings(home=home, keys="on", wrong_keys_per_minute=2, trusted_proxies="127.0.0.1")) as service:

        def status(client: str) -> int:
            headers = {"X-Forwarded-For": client, "Authorization": "Bearer x"}
            return service.client.get("/v1/media", headers=headers).status_code

        assert [status("1.2.3.4") for _ in range(3)] == [401, 401, 429]
        assert status("1.2.3.5") == 401
        assert status("6.6.6.6, 1.2.3.4") == 429
        many = [status(f"1.2.4.{number}") for number in range(50)]  # one per address, over the total of 40
        assert many == [401] * 37 + [429] * 13
