"""Sign-in and sign-out of browsers: the cookie is a random session, never the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
from click.testing import CliRunner

import mm
from indexes import open_store
from indexes.catalog.audit import LOCAL, AuditFilters
from mm.cli.main import main
from mm.keys import KeyFile
from mm.settings import Settings
from tests.api.conftest import ApiServer, KeyedServer, run_server
from tests.graphs import with_graphs
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

COOKIE = "mm_session"
OVER_TLS = "__Host-mm_session"


def parse_cookie(response: httpx2.Response, name: str) -> tuple[str, set[str]]:
    """Return value and attributes of a cookie that a response sets; empty if it does not set it."""
    for header in response.headers.get_list("set-cookie"):
        pair, *attributes = header.split("; ")
        if pair.startswith(f"{name}="):
            return pair.partition("=")[2], set(attributes)
    return "", set()


def cookie_header(token: str, name: str = COOKIE) -> dict[str, str]:
    return {"Cookie": f"{name}={token}"}


def test_session_cookie_is_not_the_key(keyed: KeyedServer) -> None:
    _, headers = keyed.key("read")
    secret = headers["Authorization"].removeprefix("Bearer ")
    response = httpx2.post(f"{keyed.url}/session", data={"key": secret})
    token, attributes = parse_cookie(response, COOKIE)
    assert attributes == {"HttpOnly", "SameSite=strict", "Path=/"}
    assert secret not in str(response.headers)
    client = keyed.running.client
    assert client.get("/v1/media", headers=cookie_header(token)).status_code == 200
    assert client.get("/v1/media", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get("/v1/media", headers=cookie_header(secret)).status_code == 401


def test_old_key_cookie_is_refused_and_deleted(keyed: KeyedServer) -> None:
    _, headers = keyed.key("admin")
    old = cookie_header(headers["Authorization"].removeprefix("Bearer "), "mm_key")
    for response in (keyed.running.client.get(path, headers=old) for path in ("/", "/session", "/v1/media")):
        assert response.status_code == 401
        value, attributes = parse_cookie(response, "mm_key")
        assert (value, "Max-Age=0" in attributes) == ('""', True)


def test_sign_out_ends_the_session_on_the_server(keyed: KeyedServer) -> None:
    with keyed.browser("read") as (browser, key_id):
        token = browser.cookies[COOKIE]
        assert browser.get("/v1/session").json()["key_id"] == key_id
        foreign = browser.delete("/session", headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, browser.get("/v1/media").status_code) == (403, 200)
        assert browser.delete("/session").status_code == 204
        assert COOKIE not in browser.cookies
        assert browser.get("/").status_code == 401
    assert keyed.running.client.get("/v1/media", headers=cookie_header(token)).status_code == 401  # a copy of the cookie
    assert keyed.running.client.delete("/session").status_code == 204


def test_revoked_key_ends_its_sessions(keyed: KeyedServer) -> None:
    with keyed.browser("read") as (browser, key_id), keyed.browser("read") as (other, _):
        assert browser.get("/v1/media").status_code == 200
        keyed.keys.revoke(key_id)
        refused = browser.get("/v1/media")
        assert (refused.status_code, "Max-Age=0" in parse_cookie(refused, COOKIE)[1]) == (401, True)
        assert other.get("/v1/media").status_code == 200


def test_sign_in_starts_new_session_and_ends_previous(keyed: KeyedServer) -> None:
    _, headers = keyed.key("read")
    form = {"key": headers["Authorization"].removeprefix("Bearer ")}
    with keyed.browser("read") as (browser, _):
        before = browser.cookies[COOKIE]
        browser.post("/session", data=form)
        after = browser.cookies[COOKIE]
        assert after != before
        assert browser.get("/v1/media").status_code == 200
    assert keyed.running.client.get("/v1/media", headers=cookie_header(before)).status_code == 401
    planted = httpx2.post(f"{keyed.url}/session", data=form, headers=cookie_header("planted"))
    assert parse_cookie(planted, COOKIE)[0] not in {"", "planted", after}


def test_session_has_the_scope_of_its_key(keyed: KeyedServer) -> None:
    with keyed.browser("read") as (browser, _):
        assert browser.delete("/v1/media/x").status_code == 403
        assert browser.get("/v1/audit").status_code == 403
        session = browser.get("/v1/session").json()
        assert (session["scope"], session["expires_at"] is not None) == ("read", True)
    _, headers = keyed.key("write")
    assert keyed.running.client.get("/v1/session", headers=headers).json()["expires_at"] is None


def test_session_that_another_process_ended_is_refused(keyed: KeyedServer) -> None:
    with keyed.browser("read") as (browser, _), open_store(keyed.running.service.settings) as other:
        session = other.catalog.find_session(browser.cookies[COOKIE])
        assert session is not None
        assert browser.get("/v1/media").status_code == 200
        assert other.catalog.end_session(session.id, LOCAL)
        # within `CACHE_SECONDS`
        wait_for(lambda: browser.get("/v1/media").status_code == 401, "the session is refused")


def test_session_after_session_hours_is_refused(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    _, secret = KeyFile(home).add("one", "read")
    settings = Settings(home=home, keys="on", session_hours=1e-9)
    with run_server(settings) as service, httpx2.Client(base_url=service.url) as browser:
        assert browser.post("/session", data={"key": secret}).status_code == 303
        assert browser.get("/v1/media").status_code == 401
        assert browser.get("/").status_code == 401
    with open_store(settings) as store:
        assert [row.action for row in store.catalog.list_audit(AuditFilters(), 10)[0]].count("session.start") == 1


def test_session_cookie_over_tls_has_host_prefix_and_secure(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    _, secret = KeyFile(home).add("one", "read")
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4", "Host": "media.example"}
    with run_server(Settings(home=home, keys="on", trusted_proxies="127.0.0.1")) as service:
        response = httpx2.post(f"{service.url}/session", data={"key": secret}, headers=https)
        token, attributes = parse_cookie(response, OVER_TLS)
        assert attributes == {"HttpOnly", "SameSite=strict", "Path=/", "Secure"}
        assert service.client.get("/v1/media", headers=https | cookie_header(token, OVER_TLS)).status_code == 200
        # A cookie without the prefix may be set by a page of another host of the domain.
        assert service.client.get("/v1/media", headers=https | cookie_header(token)).status_code == 401
        gone = service.client.delete("/session", headers=https | cookie_header(token, OVER_TLS))
        assert {"Max-Age=0", "Secure", "Path=/"} <= parse_cookie(gone, OVER_TLS)[1]
    with run_server(Settings(home=home, keys="on")) as service:  # the same header from a proxy that is not trusted
        response = httpx2.post(f"{service.url}/session", data={"key": secret}, headers=https)
        assert (parse_cookie(response, OVER_TLS)[0], "Secure" in parse_cookie(response, COOKIE)[1]) == ("", False)


def test_service_without_keys_has_no_sessions(api: ApiServer) -> None:
    client = api.client
    assert client.get("/session").status_code == 404
    assert client.get("/v1/session").json() == {"key_id": None, "name": None, "scope": None, "expires_at": None}
    assert client.get("/", headers={"Cookie": "mm_session=x"}).status_code == 200


def test_admin_key_lists_and_ends_sessions(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _, admin = keyed.key("admin")
    monkeypatch.setenv("MM_API_KEY", admin["Authorization"].removeprefix("Bearer "))
    with keyed.browser("write") as (browser, key_id), keyed.browser("read") as (other, _):
        for client in (browser, other):
            assert client.get("/v1/sessions").status_code == 403
        with mm.Client(keyed.url) as client:
            (mine,) = [session for session in client.sessions() if session.key_id == key_id]
            assert mine.expires_at > mine.created_at
            assert browser.cookies[COOKIE] not in str(client.sessions())
        listed = CliRunner().invoke(main, ["keys", "sessions", "--url", keyed.url])
        assert f"{mine.id}\t{mine.name}\t" in listed.stdout
        assert CliRunner().invoke(main, ["keys", "end-session", mine.id, "--url", keyed.url]).exit_code == 0
        assert CliRunner().invoke(main, ["keys", "end-session", mine.id, "--url", keyed.url]).exit_code == 1
        wait_for(lambda: browser.get("/v1/media").status_code == 401, "the session is refused")
        assert other.get("/v1/media").status_code == 200
