"""The audit log over HTTP, the client and the command: each change has its key and request id."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from click.testing import CliRunner

import mm
from api.auth.failure_log import MAX_NETWORKS, ROW_SECONDS, FailureLog
from api.auth.key_changes import copy_key_changes
from indexes import open_store
from indexes.catalog.audit import Actor, AuditFilters
from mm.cli.main import main
from mm.errors import Forbidden, Unavailable
from mm.keys import KeyFile
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import KeyedServer, assert_problem

if TYPE_CHECKING:
    from pathlib import Path

    from indexes import Store


def read_entries(keyed: KeyedServer, **params: str) -> list[dict[str, Any]]:
    """Return the newest rows, the oldest of them first."""
    _, admin = keyed.key("admin")
    response = keyed.running.client.get("/v1/audit", params={"limit": "200", **params}, headers=admin)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["entries"]
    return entries[::-1]


def test_audit_entries_of_items_have_key_and_request_id(keyed: KeyedServer) -> None:
    key_id, headers = keyed.key("write")

    def ask(method: str, path: str, request_id: str, content: bytes | None = None) -> Any:
        named = {**headers, "X-Request-ID": request_id}
        response = keyed.running.client.request(method, path, content=content, headers=named)
        return response.json() if response.content else None

    done = ask("POST", "/v1/media?name=a.png&tag=x", "r1", media.image(921))
    ask("POST", "/v1/media?name=a.png&tag=y", "r2", media.image(921))
    ask("POST", f"/v1/jobs/{done['job']['id']}/cancel", "r3")
    ask("DELETE", f"/v1/media/{done['item']['id']}", "r4")
    ask("DELETE", f"/v1/media/{done['item']['id']}", "r5")
    item, job = done["item"]["id"], done["job"]["id"]
    expected = [("item.add", item, "r1"), ("item.tag", item, "r2"), ("job.cancel", job, "r3"), ("item.trash", item, "r4")]
    rows = read_entries(keyed, key=key_id)
    assert [(row["action"], row["subject"], row["request_id"]) for row in rows] == expected
    assert {(row["actor"], row["address"]) for row in rows} == {(key_id, "127.0.0.1")}
    assert (rows[0]["detail"]["name"], rows[1]["detail"]["tags"]) == ("a.png", ["y"])


def test_resumable_upload_is_recorded_with_its_key(keyed: KeyedServer) -> None:
    key_id, headers = keyed.key("write")
    data = media.image(922)
    begin = {
        **headers,
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(data)),
        "Content-Type": "application/offset+octet-stream",
    }
    assert keyed.running.client.post("/v1/uploads", content=data, headers=begin).status_code == 201
    assert [row["action"] for row in read_entries(keyed, key=key_id)] == ["item.add"]


def test_import_writes_audit_row_per_file_and_one_in_total(keyed: KeyedServer, import_root: Path) -> None:
    (import_root / "audited").mkdir()
    (import_root / "audited" / "a.png").write_bytes(media.image(923))
    (import_root / "audited" / "b.png").write_bytes(b"no picture")
    key_id, headers = keyed.key("admin")
    keyed.running.client.post("/v1/media/import", json={"folder": "audited"}, headers=headers)
    add, whole = read_entries(keyed, key=key_id)
    assert (add["action"], whole["action"], whole["subject"]) == ("item.add", "import", "audited")
    assert whole["detail"] == {"files": 1, "refused": 1}


def test_sign_in_and_sign_out_are_recorded_with_the_key(keyed: KeyedServer) -> None:
    with keyed.browser("read") as (browser, key_id):
        browser.delete("/session")
    rows = read_entries(keyed, key=key_id)
    assert [row["action"] for row in rows] == ["session.start", "session.end"]
    assert len({row["subject"] for row in rows}) == 1


def test_mm_keys_changes_are_recorded_once(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    home = keyed.running.service.settings.root
    monkeypatch.setenv("MM_HOME", str(home))
    assert CliRunner().invoke(main, ["keys", "add", "recorded", "--scope", "read"]).exit_code == 0
    assert CliRunner().invoke(main, ["keys", "revoke", "recorded"]).exit_code == 0
    for _ in range(2):
        rows = [row for row in read_entries(keyed, key="local") if row["detail"].get("name") == "recorded"]
        assert [(row["action"], row["detail"]["scope"]) for row in rows] == [("key.add", "read"), ("key.revoke", "read")]
    assert rows[0]["subject"] == rows[1]["subject"]
    assert rows[0]["detail"]["user"] != ""
    assert '"changes"' not in KeyFile(home).path.read_text()


def test_audit_log_is_readable_by_admin_only_and_not_writable(keyed: KeyedServer) -> None:
    client = keyed.running.client
    for scope in ("read", "write"):
        assert_problem(client.get("/v1/audit", headers=keyed.key(scope)[1]), 403, "forbidden")  # type: ignore[arg-type]
    assert client.get("/v1/audit").status_code == 401
    _, admin = keyed.key("admin")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, "/v1/audit", headers=admin).status_code == 405
    secret = keyed.key("write")[1]["Authorization"].removeprefix("Bearer ")
    with mm.Client(keyed.url, api_key=secret) as writer, pytest.raises(Forbidden):
        writer.audit()


def test_audit_log_is_paged_and_filtered(keyed: KeyedServer) -> None:
    for _ in range(3):
        keyed.key("read")
    _, admin = keyed.key("admin")
    with mm.Client(keyed.url, api_key=admin["Authorization"].removeprefix("Bearer ")) as client:
        ids = []
        page = client.audit(action="key.add", limit=2)
        for _ in range(2):
            ids += [entry.id for entry in page.entries]
            assert page.next is not None
            page = client.audit(action="key.add", limit=2, cursor=page.next)
        assert ids == sorted(set(ids), reverse=True)
        assert len(ids) == 4
        assert client.audit(since=datetime.now(UTC) + timedelta(days=1)).entries == []
        assert client.audit(key="local", since=datetime(2020, 1, 1)).entries
    for params in ({"cursor": "x"}, {"limit": "0"}, {"since": "yesterday"}):
        assert_problem(keyed.running.client.get("/v1/audit", params=params, headers=admin), 400, "invalid-input")


def test_mm_audit_prints_rows_and_json_lines(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id, admin = keyed.key("admin")
    monkeypatch.setenv("MM_API_KEY", admin["Authorization"].removeprefix("Bearer "))
    run = CliRunner().invoke
    shown = run(main, ["audit", "--url", keyed.url, "--action", "key.add", "--limit", "1"])
    assert shown.exit_code == 0
    assert f"\tkey.add\t{key_id}\t" in shown.stdout
    printed = run(main, ["audit", "--url", keyed.url, "--json", "--since", "2020-01-01", "--limit", "3"]).stdout
    # The service runs in the same process and may log in between.
    ids = [json.loads(line)["id"] for line in printed.splitlines() if line.startswith("{")]
    assert (len(ids), ids) == (3, sorted(ids, reverse=True))
    monkeypatch.setenv("MM_API_KEY", keyed.key("read")[1]["Authorization"].removeprefix("Bearer "))
    assert run(main, ["audit", "--url", keyed.url]).exit_code == 1


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with open_store(Settings(home=tmp_path)) as opened:
        yield opened


def read_actions(store: Store) -> list[tuple[str, dict[str, object]]]:
    return [(row.action, row.detail) for row in reversed(store.catalog.list_audit(AuditFilters(), 500)[0])]


def test_key_changes_survive_crash_and_unavailable_catalog(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = KeyFile(tmp_path)
    keys.add("one", "read")
    keys.revoke("one")

    def fail(*args: object) -> None:
        raise Unavailable("The catalog does not response.")

    with monkeypatch.context() as patched:
        patched.setattr(type(store.catalog), "record_audit", fail)
        with pytest.raises(Unavailable):
            copy_key_changes(keys, store.catalog)
    with monkeypatch.context() as patched:
        patched.setattr(keys, "remove_changes", fail)  # killed between the row and the file
        with pytest.raises(Unavailable):
            copy_key_changes(keys, store.catalog)
    assert copy_key_changes(KeyFile(tmp_path), store.catalog) == 2
    assert copy_key_changes(KeyFile(tmp_path), store.catalog) == 0
    assert [action for action, _ in read_actions(store)] == ["key.add", "key.revoke"]


def test_revoked_key_loses_its_sessions_in_the_catalog(store: Store, tmp_path: Path) -> None:
    key, _ = KeyFile(tmp_path).add("one", "read")
    _, token = store.catalog.start_session(key.id, 3600, Actor(key.id))
    KeyFile(tmp_path).revoke("one")
    copy_key_changes(KeyFile(tmp_path), store.catalog)
    assert store.catalog.find_session(token) is None
    assert [action for action, _ in read_actions(store)] == ["session.start", "key.add", "key.revoke", "session.end"]


def test_failure_log_aggregates_flood_of_wrong_keys(store: Store) -> None:
    now = 0.0
    failures = FailureLog(lambda: now)

    async def flood() -> None:
        nonlocal now
        for number in range(2000):
            now += ROW_SECONDS / 1000
            await failures.add(store.catalog, Actor("anonymous", f"10.0.{number // 250}.{number % 250}"))
        await failures.flush(store.catalog)
        await failures.flush(store.catalog)  # nothing is left

    anyio.run(flood)
    rows = read_actions(store)
    assert {action for action, _ in rows} == {"auth.fail"}
    assert sum(int(str(detail["count"])) for _, detail in rows) == 2000
    assert len(rows) <= 4
    assert all(len(detail["networks"]) <= MAX_NETWORKS for _, detail in rows)  # type: ignore[arg-type]


def test_failure_log_keeps_count_while_catalog_is_unavailable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = FailureLog()

    def fail(*args: object) -> None:
        raise Unavailable("The catalog does not response.")

    async def go() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(type(store.catalog), "record_audit", fail)
            await failures.add(store.catalog, Actor("anonymous", "10.0.0.1"))
        await failures.flush(store.catalog)

    anyio.run(go)
    assert [detail["count"] for _, detail in read_actions(store)] == [1]


def test_wrong_keys_over_http_are_in_audit_log(keyed: KeyedServer) -> None:
    before = sum(row["detail"]["count"] for row in read_entries(keyed, action="auth.fail"))
    keyed.running.client.post("/session", data={"key": "mm_000000000000_x"})
    keyed.running.client.get("/v1/media", headers={"Authorization": "Bearer x"})
    keyed.running.client.get("/v1/media")  # without a key
    assert sum(row["detail"]["count"] for row in read_entries(keyed, action="auth.fail")) == before + 2
