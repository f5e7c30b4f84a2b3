"""The audit log: one immutable row per change, in the same transaction. Also sessions."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from indexes import Store, open_store
from indexes.catalog.audit import LOCAL, Actor, AuditFilters, NewAudit
from indexes.catalog.records import NamedSpace, NewItem
from indexes.catalog.sessions import MAX_SESSIONS
from indexes.recover.__main__ import adopt, empty, rebuild
from mm.errors import InvalidInput
from mm.settings import Settings
from mm.spaces.types import SpaceId
from tests.indexes.integrity.test_garbage import add_orphaned_blob, age

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.indexes.conftest import Clock

ALL = AuditFilters()
BY = Actor("0123456789ab", "10.0.0.1", "request-1")


def new_item(number: int, *tags: str) -> NewItem:
    return NewItem(
        sha256=hashlib.sha256(bytes([number])).hexdigest(),
        name=f"{number}.png", kind="image", content_type="image/png", size=1, duration=0.0,
        width=1, height=1, fps=0.0, has_audio=False, tags=tags,
    )  # fmt: skip


def actions(store: Store) -> list[tuple[str, str, str]]:
    """Return actor, action and subject of each row, oldest first."""
    rows, _ = store.catalog.list_audit(ALL, 500)
    return [(row.actor, row.action, row.subject) for row in reversed(rows)]


def test_audit_change_of_item_adds_one_row(store: Store) -> None:
    item, job, _ = store.catalog.add_item(new_item(1, "a"), BY)
    store.catalog.add_item(new_item(1, "a"), BY)  # nothing changes
    store.catalog.add_item(new_item(1, "b"), BY)
    store.catalog.cancel_job(job.id, BY)
    store.catalog.cancel_job(job.id, BY)  # it is over
    store.catalog.add_item(new_item(1), BY)
    assert store.catalog.delete_item(item.id, BY)
    assert not store.catalog.delete_item(item.id, BY)
    expected = [
        ("item.add", item.id),
        ("item.tag", item.id),
        ("job.cancel", job.id),
        ("item.retry", item.id),
        ("item.delete", item.id),
    ]
    assert actions(store) == [(BY.name, *row) for row in expected]
    (newest, *_), _ = store.catalog.list_audit(ALL, 1)
    assert (newest.address, newest.request_id, newest.detail["name"]) == (BY.address, BY.request_id, "1.png")


def test_audit_retry_of_failed_item_adds_one_row(store: Store) -> None:
    item, job, _ = store.catalog.add_item(new_item(1, "a"), BY)
    store.catalog.retry_item(item.id, None, by=BY)  # it is in process
    store.catalog.update_job(job.id, state="failed", error="broken")
    store.catalog.retry_item(item.id, None, by=BY)
    store.catalog.retry_item(item.id, None, by=BY)
    assert actions(store) == [(BY.name, "item.add", item.id), (BY.name, "item.retry", item.id)]


def test_audit_change_of_space_adds_one_row(store: Store) -> None:
    here, there = NamedSpace("lite", SpaceId("lite", 1)), NamedSpace("other", SpaceId("other", 1))
    store.catalog.start_reindex(here, there, BY)
    store.catalog.stop_reindex(BY)
    store.catalog.resume_reindex(leave_out=False, by=BY)
    store.catalog.undo_reindex(BY)
    store.catalog.start_reindex(here, there)
    assert store.catalog.finish_reindex()
    target = str(there.id)
    by_key = [(BY.name, f"space.{action}", target) for action in ("move", "stop", "resume", "undo")]
    assert actions(store) == [*by_key, ("local", "space.move", target), ("worker", "space.done", target)]


@pytest.mark.parametrize("method", ["add", "delete"])
def test_audit_failed_transaction_rolls_back_change_and_row(store: Store, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    item, _, _ = store.catalog.add_item(new_item(1))
    before = actions(store)

    def fail(*args: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("indexes.catalog.items.add_audit", fail)
        change = {"add": lambda: store.catalog.add_item(new_item(2)), "delete": lambda: store.catalog.delete_item(item.id)}[
            method
        ]
        with pytest.raises(ZeroDivisionError):
            change()
    assert actions(store) == before
    assert store.catalog.get_item(item.id) is not None
    assert store.catalog.count_rows().items == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "UPDATE audit SET id = id + 1000",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = (SELECT min(id) FROM audit)",
    ],
)
def test_audit_table_refuses_update_and_delete(store: Store, statement: str) -> None:
    store.catalog.add_item(new_item(1))
    before = actions(store)
    with pytest.raises(DBAPIError, match="append-only"), store.database.write() as session:
        session.execute(text(statement))
    assert actions(store) == before


def test_audit_table_refuses_replace_and_truncate(store: Store) -> None:
    assert store.catalog.record_audit(LOCAL, NewAudit(action="key.add", detail={}, source="s" * 32))
    columns = "id, at, actor, address, action, subject, detail, source"
    values = "'2026-01-01', 'x', '', 'x', '', '{}'"
    statements = [
        f"INSERT OR REPLACE INTO audit ({columns}) SELECT id, {values}, NULL FROM audit",
        f"INSERT OR REPLACE INTO audit ({columns}) SELECT id + 1, {values}, source FROM audit",
    ]
    for statement in statements if store.database.dialect == "sqlite" else ["TRUNCATE audit"]:
        with pytest.raises(DBAPIError, match="append-only"), store.database.write() as session:
            session.execute(text(statement))
    assert actions(store) == [("local", "key.add", "")]


def test_record_audit_with_same_source_writes_once(store: Store) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    new = NewAudit(action="key.add", subject="k", detail={"name": "laptop"}, at=at, source="a" * 32)
    assert [store.catalog.record_audit(LOCAL, new) for _ in range(3)] == [True, False, False]
    rows, following = store.catalog.list_audit(ALL, 10)
    assert ([row.at for row in rows], following) == ([at], None)


def test_record_audit_with_same_source_concurrently_writes_once(store: Store) -> None:
    meet = Barrier(8)

    def copy(number: int) -> int:
        new = NewAudit(action="key.add", detail={}, source=f"{number:032x}")
        meet.wait(60)
        return store.catalog.record_audit(LOCAL, new)

    for number in range(5):
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(copy, [number] * 8)) == 1
    assert len(actions(store)) == 5


def test_audit_garbage_collection_records_files_without_command(store: Store) -> None:
    orphaned = add_orphaned_blob(store, b"left")
    age(orphaned)
    assert store.sweep(3600.0) == 1
    store.sweep(3600.0)
    today = next((store.settings.root / "blobs" / "trash").iterdir())
    today.rename(today.with_name("2020-01-01"))
    store.sweep(3600.0)
    assert actions(store) == [("worker", "garbage.trash", "blobs"), ("worker", "garbage.delete", "trash")]
    (_, trashed), _ = store.catalog.list_audit(ALL, 2)
    assert trashed.detail == {"files": 1, "names": [orphaned.name]}


@pytest.mark.parametrize("command", [adopt, rebuild, empty])
def test_audit_recovery_action_adds_one_row(
    sqlite_store: Store, command: Callable[[Settings, Callable[[str], None]], object]
) -> None:
    command(sqlite_store.settings, print)
    with open_store(sqlite_store.settings) as store:
        assert actions(store) == [("local", f"library.{command.__name__}", "")]


def test_list_audit_returns_pages_and_applies_filters(store: Store, clock: Clock) -> None:
    start = datetime.fromtimestamp(clock.now, UTC)
    for number in range(7):
        clock.now += 60
        actor = Actor(f"{number % 2:012x}")
        store.catalog.record_audit(
            actor, NewAudit(action="item.add" if number < 3 else "item.delete", subject=str(number), detail={})
        )

    def subjects(**filters: object) -> str:
        subjects, cursor = "", None
        while True:
            rows, cursor = store.catalog.list_audit(AuditFilters(**filters), 2, cursor)  # type: ignore[arg-type]
            subjects += "".join(row.subject for row in rows)
            if cursor is None:
                return subjects

    assert subjects() == "6543210"
    assert subjects(action="item.add") == "210"
    assert subjects(actor=f"{0:012x}") == "6420"
    assert subjects(since=start + timedelta(seconds=5 * 60)) == "654"
    assert subjects(action="item.delete", actor=f"{1:012x}") == "53"
    with pytest.raises(InvalidInput):
        store.catalog.list_audit(ALL, 2, "before-x")


def test_record_audit_any_text_is_stored_truncated(sqlite_store: Store) -> None:
    @given(st.text(), st.text(), st.lists(st.text(), max_size=30))
    @settings_of_hypothesis(max_examples=25)
    def check(subject: str, value: str, values: list[str]) -> None:
        new = NewAudit(action="x", subject=subject, detail={"a": value * 9, "b": values})
        sqlite_store.catalog.record_audit(LOCAL, new)
        (row, *_), _ = sqlite_store.catalog.list_audit(ALL, 1)
        assert row.subject == subject.replace("\0", "")[:200]
        assert row.detail == {"a": (value * 9)[:200], "b": [text[:200] for text in values[:20]]}

    check()


def test_find_session_by_token_until_it_ends(store: Store, settings: Settings) -> None:
    session, token = store.catalog.start_session("k" * 12, 3600, BY)
    assert store.catalog.find_session(token) == session
    assert store.catalog.find_session(token + "x") is None
    with open_store(settings, clock=lambda: session.created_at.timestamp()) as other:  # another process
        assert other.catalog.find_session(token) == session
        assert other.catalog.end_session(session.id, BY)
    assert store.catalog.find_session(token) is None
    assert not store.catalog.end_session(session.id, BY)
    assert actions(store) == [(BY.name, "session.start", session.id), (BY.name, "session.end", session.id)]


def test_session_token_is_not_stored(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        _, token = store.catalog.start_session("k" * 12, 3600, BY)
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("catalog.db*"))


def test_find_session_after_expiry_returns_none(store: Store, clock: Clock) -> None:
    _, token = store.catalog.start_session("k" * 12, 10, BY)
    clock.now += 9.9
    assert store.catalog.find_session(token) is not None
    clock.now += 0.1
    assert store.catalog.find_session(token) is None


def test_start_session_beyond_limit_ends_oldest(store: Store, clock: Clock) -> None:
    tokens = []
    for _ in range(MAX_SESSIONS + 2):
        clock.now += 1
        tokens.append(store.catalog.start_session("k" * 12, 1e6, BY)[1])
    _, other = store.catalog.start_session("o" * 12, 1e6, BY)
    alive = [token for token in tokens if store.catalog.find_session(token)]
    assert alive == tokens[2:]
    assert store.catalog.end_sessions({"k" * 12}, LOCAL) == MAX_SESSIONS
    assert not [token for token in tokens if store.catalog.find_session(token)]
    assert store.catalog.find_session(other) is not None
