"""Access with and without keys, rate limits, and security headers."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mm
from api.addresses import get_network
from api.app import create_app
from api.auth.middleware import require_keys
from api.auth.scopes import required_scope
from api.http.headers import SECURITY_HEADERS
from api.limits.rate_limiter import MAX_CLIENTS, RateLimiter
from mm.errors import Forbidden, TooMany, Unauthorized
from mm.keys import KeyFile
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import ApiServer, assert_problem, run_server
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[tuple[ApiServer, dict[str, str]]]:
    """A service that requires keys, and a key of each scope."""
    home = with_graphs(tmp_path_factory.mktemp("locked"), graphs)
    keys = {scope: KeyFile(home).add(scope, scope)[1] for scope in ("read", "write", "admin")}
    with run_server(Settings(home=home, keys="on", import_root=home, max_waiting_jobs=2)) as service:
        yield service, keys


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_response_has_security_headers(api: ApiServer) -> None:
    paths = ["/", "/static/app.js", "/v1/media", "/v1/nothing", "/metrics", "/openapi.json", "/healthz"]
    for response in [*map(api.client.get, paths), api.client.put("/v1/media"), api.client.post("/v1/search", json={})]:
        assert set(map(str.lower, SECURITY_HEADERS)) <= set(response.headers), response.request.url
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "cache-control" in response.headers
    assert api.client.get("/v1/media").headers["cache-control"] == "no-store"
    assert "script-src 'self'" in api.client.get("/").headers["content-security-policy"]


def test_responses_have_no_cors_headers(api: ApiServer) -> None:
    foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for response in (
        api.client.get("/v1/media", headers=foreign),
        api.client.options("/v1/search", headers=foreign),
        api.client.post("/v1/search", json={"text": "a"}, headers=foreign),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", "", "127.0.0.1.evil.example", "[::1", "a b"])
def test_foreign_host_header_is_refused(api: ApiServer, host: str) -> None:
    assert api.client.get("/v1/media", headers={"Host": host}).status_code in {400, 403}  # 400 is from uvicorn


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8321", "192.168.1.7"])
def test_ip_address_and_localhost_host_headers_are_allowed(api: ApiServer, host: str) -> None:
    assert api.client.get("/v1/media", headers={"Host": host}).status_code == 200


def test_request_without_valid_key_reaches_public_paths_only(locked: tuple[ApiServer, dict[str, str]]) -> None:
    service, _ = locked
    for path in ("/healthz", "/readyz", "/openapi.json", "/static/style/base.css"):
        assert service.client.get(path).status_code in {200, 503}, path
    for headers in ({}, bearer("mm_000000000000_x"), {"Authorization": "Basic x"}, {"Cookie": "mm_key=x"}, bearer("é")):
        raw = {name.encode(): value.encode() for name, value in headers.items()}
        response = service.client.get("/v1/media", headers=raw)
        assert "mm keys add" in assert_problem(response, 401, "unauthorized")["detail"]
        assert response.headers["www-authenticate"] == "Bearer"
    for method, path in (("GET", "/metrics"), ("POST", "/v1/search"), ("DELETE", "/v1/media/x"), ("GET", "/v1/nothing")):
        assert service.client.request(method, path).status_code == 401


def test_scopes_allow_their_routes_only(locked: tuple[ApiServer, dict[str, str]]) -> None:
    service, keys = locked

    def allowed(scope: str, method: str, path: str, **body: object) -> bool:
        response = service.client.request(method, path, headers=bearer(keys[scope]), json=body)
        assert response.status_code != 401
        return response.status_code != 403

    asks = [("GET", "/v1/media"), ("POST", "/v1/search"), ("GET", "/metrics")]
    changes = [("DELETE", "/v1/media/0"), ("POST", "/v1/jobs/0/cancel"), ("POST", "/v1/media")]
    assert all(allowed(scope, *request) for scope in keys for request in asks)
    assert [allowed(scope, *request) for request in changes for scope in keys] == [False, True, True] * 3
    assert [allowed(scope, "POST", "/v1/media/import", folder="none") for scope in keys] == [False, False, True]


def test_new_route_requires_a_key() -> None:
    open_paths = {path for path in create_app(Settings()).openapi()["paths"] if required_scope("GET", path) is None}
    assert open_paths == {"/healthz", "/readyz"}


INSPECTION_ROUTES = ("/v1/inspectors", "/v1/inspections", "/v1/lines", "/v1/scales", "/v1/lesions")


def test_inspection_routes_refuse_a_missing_key_and_a_key_without_the_scope(locked: tuple[ApiServer, dict[str, str]]) -> None:
    service, keys = locked
    operations = [
        (method.upper(), path)
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        for method in methods
        if path.startswith(INSPECTION_ROUTES)
    ]
    assert {path.split("/")[2] for _, path in operations} == {prefix.split("/")[2] for prefix in INSPECTION_ROUTES}

    def send(scope: str | None, method: str, path: str) -> int:
        headers = {} if scope is None else bearer(keys[scope])
        return service.client.request(method, re.sub(r"\{\w+\}", "none", path), headers=headers).status_code

    for operation in operations:
        method, path = operation
        is_line = path.startswith("/v1/lines")
        needed = "read" if method == "GET" else "admin" if is_line else "write"
        assert send(None, *operation) == 401, operation
        scopes = list(keys)
        allowed = [scope for scope in scopes if send(scope, *operation) not in {401, 403}]
        assert allowed == scopes[scopes.index(needed) :], operation


def test_revoked_key_is_refused_at_once(locked: tuple[ApiServer, dict[str, str]]) -> None:
    service, _ = locked
    keys = KeyFile(service.service.settings.root)
    _, secret = keys.add("short", "read")
    assert service.client.get("/v1/media", headers=bearer(secret)).status_code == 200
    keys.revoke("short")
    assert service.client.get("/v1/media", headers=bearer(secret)).status_code == 401


def test_client_sends_its_api_key(locked: tuple[ApiServer, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    service, keys = locked
    with mm.Client(service.url) as client, pytest.raises(Unauthorized):
        client.items()
    with mm.Client(service.url, api_key=keys["read"]) as client:
        assert client.items().items == []
        with pytest.raises(Forbidden, match="the scope write"):
            client.add(media.image(1), name="a.png")
    monkeypatch.setenv("MM_API_KEY", keys["read"])
    with mm.Client(service.url) as client:
        assert client.items().items == []
        assert keys["read"] not in repr(client._address)


def test_sign_in_sets_a_safe_session_cookie(locked: tuple[ApiServer, dict[str, str]]) -> None:
    service, keys = locked
    with httpx2.Client(base_url=service.url) as browser:
        page = browser.get("/")
        assert (page.status_code, 'action="/session"' in page.text) == (401, True)
        assert "form-action 'self'" in page.headers["content-security-policy"]
        wrong = browser.post("/session", data={"key": "mm_000000000000_x"})
        assert (wrong.status_code, "not valid" in wrong.text) == (401, True)
        assert browser.post("/session", content=b"key=" + b"x" * 5000).status_code == 401
        foreign = browser.post("/session", data={"key": keys["read"]}, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        done = browser.post("/session", data={"key": keys["read"]})
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=strict"} <= set(done.headers["set-cookie"].split("; "))
        assert browser.get("/").status_code == 200
        assert browser.get("/v1/media").status_code == 200
        assert browser.delete("/v1/media/x").status_code == 403


def test_require_keys_when_reachable_from_other_machines(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        require_keys(Settings(home=tmp_path, host=host))
    for host in ("0.0.0.0", "::", "192.168.1.7", "media.example"):
        with pytest.raises(Forbidden, match="mm keys add") as refusal:
            require_keys(Settings(home=tmp_path, host=host))
        assert host in str(refusal.value)
        assert "MM_KEYS=off" in str(refusal.value)
        require_keys(Settings(home=tmp_path, host=host, keys="off"))
    with pytest.raises(Forbidden):
        require_keys(Settings(home=tmp_path, keys="on"))
    KeyFile(tmp_path).add("one", "read")
    require_keys(Settings(home=tmp_path, host="0.0.0.0"))


def test_upload_is_refused_while_job_queue_is_full(locked: tuple[ApiServer, dict[str, str]]) -> None:
    service, keys = locked
    responses = [service.client.post("/v1/media", content=media.image(n), headers=bearer(keys["write"])) for n in range(3)]
    assert [response.status_code for response in responses] == [202, 202, 429]
    assert "MM_MAX_WAITING_JOBS" in assert_problem(responses[2], 429, "too-many")["detail"]
    assert int(responses[2].headers["retry-after"]) >= 1
    assert service.client.get("/v1/media").status_code == 401
    metrics = service.client.get("/metrics", headers=bearer(keys["read"])).text
    assert 'mm_refusals_total{reason="too-many"} 1.0' in metrics
    assert 'mm_refusals_total{reason="unauthorized"}' in metrics


def test_too_many_response_has_retry_after(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs), rate_per_minute=3)) as service:
        responses = [service.client.get("/v1/jobs") for _ in range(4)]
        assert [response.status_code for response in responses] == [200, 200, 200, 429]
        assert_problem(responses[3], 429, "too-many")
        assert 1 <= int(responses[3].headers["retry-after"]) <= 20
        assert service.client.get("/healthz").status_code == 200
        opened = list(itertools.takewhile(lambda _: service.client.get("/openapi.json").status_code == 200, range(1000)))
        assert 15 <= len(opened) < 1000, "public paths have five times the limit"
        assert service.client.get("/healthz").status_code == 200


@given(st.lists(st.floats(0, 100), max_size=200), st.integers(1, 100))
def test_rate_limiter_never_exceeds_rate_in_any_interval(pauses: list[float], per_minute: int) -> None:
    now = 0.0
    rates = RateLimiter(per_minute, clock=lambda: now)
    taken: list[float] = []
    waits: list[float] = []
    for pause in pauses:
        now += pause
        try:
            rates.take("a")
        except TooMany as refusal:
            waits.append(refusal.retry_after)
        else:
            taken.append(now)
    assert all(0 < wait <= 60 / per_minute + 1e-6 for wait in waits)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= per_minute + (taken[last] - taken[first]) * per_minute / 60 + 1e-3


def test_rate_limiter_separates_clients_and_discards_oldest() -> None:
    rates = RateLimiter(1, clock=lambda: 0.0)
    for client in range(MAX_CLIENTS + 10):
        rates.take(str(client))
    assert len(rates._buckets) == MAX_CLIENTS
    assert get_network("2001:db8::1") == get_network("2001:db8::ffff") != get_network("2001:db8:1::1")
    assert get_network("10.0.0.1") != get_network("10.0.0.2")
    assert get_network("") == ""
