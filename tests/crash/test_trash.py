"""Edits, deletion, restoring and final deletion of an item: SIGKILL at any step loses nothing.

A process is killed before each commit and each change of a file name in turn. Then the row, the
bytes and the description are of before or of after the change, and a sweep makes them agree.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from indexes import Store, open_store
from indexes.catalog.database import WRITES
from indexes.catalog.records import ItemEdit, ItemRow
from indexes.recover.catalog import verify_rows
from indexes.storage.descriptions import Description
from mm.settings import Settings
from tests.indexes.library import new_item

DATA = b"the bytes of a photo"
MAX_STEPS = 20
Change = Callable[[Store, str], object]


def edit(store: Store, item: str) -> object:
    store.catalog.edit_items([item], ItemEdit(name="after.png", add_tags=["after"], favourite=True))
    return store.describe_items([item])


def trash(store: Store, item: str) -> object:
    store.catalog.trash_items([item])
    return store.describe_items([item])


def restore(store: Store, item: str) -> object:
    store.catalog.restore_items([item])
    return store.describe_items([item])


def delete(store: Store, item: str) -> object:
    return store.delete_item(item)


def upload_again(store: Store, item: str) -> object:
    row = store.catalog.get_item(item, with_trash=True)
    assert row is not None
    store.catalog.add_item(new_item("x", sha256=row.sha256, name="again.png", tags=["again"]))
    return store.describe_items([item])


@pytest.mark.parametrize(
    ("change", "in_trash"), [(edit, False), (trash, False), (restore, True), (upload_again, True), (delete, True)]
)
def test_kill_at_any_step_leaves_item_of_before_or_after(tmp_path: Path, change: Change, in_trash: bool) -> None:
    home = tmp_path / "template"
    before, after = make_library(home, in_trash), tmp_path / "after"
    shutil.copytree(home, after)
    assert not run_killed(after, change, before.id, MAX_STEPS)
    expected = read_row(after, before.id)
    outcomes = set()
    for step in range(1, MAX_STEPS):
        killed = tmp_path / str(step)
        shutil.copytree(home, killed)
        if not run_killed(killed, change, before.id, step):
            break
        outcomes.add(check(killed, before, expected))
    assert step > 1, "no step was reached"
    assert outcomes == {"before", "after"}


def make_library(home: Path, in_trash: bool) -> ItemRow:
    with open_store(Settings(home=home)) as store:
        with store.blobs.open_writer() as writer:
            writer.write(DATA)
            sha256, _ = writer.commit()
        item, _, _ = store.catalog.add_item(new_item("x", sha256=sha256, name="before.png", tags=["before"]))
        store.descriptions.write(item)
        if in_trash:
            trash(store, item.id)
        row = store.catalog.get_item(item.id, with_trash=True)
        assert row is not None
        return row


def run_killed(home: Path, change: Change, item: str, step: int) -> bool:
    """Run a change in a process that is killed before its given step. Returns whether it was."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with open_store(Settings(home=home)) as store:
                kill_at(store, step)
                change(store, item)
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert ended == 0 or os.WIFSIGNALED(ended)
    return os.WIFSIGNALED(ended)


def kill_at(store: Store, step: int) -> None:
    """Kill this process before the given commit or change of a name of a file."""
    steps = [0]

    def count(*changed: object) -> None:
        if isinstance(changed[0], Connection) and not changed[0].get_execution_options().get(WRITES):
            return  # a read transaction
        steps[0] += 1
        if steps[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store.database._engine, "commit", count)
    for name in ("replace", "unlink"):
        setattr(Path, name, _before(count, getattr(Path, name)))


def _before(count: Callable[..., None], real: Callable[..., object]) -> Callable[..., object]:
    def wrapper(*args: object, **kwargs: object) -> object:
        count(*args)
        return real(*args, **kwargs)

    return wrapper


def read_row(home: Path, item: str) -> ItemRow | None:
    with open_store(Settings(home=home)) as store:
        return store.catalog.get_item(item, with_trash=True)


def check(home: Path, before: ItemRow, after: ItemRow | None) -> str:
    with open_store(Settings(home=home)) as store:
        row = store.catalog.get_item(before.id, with_trash=True)
        assert row in (None, before) or comparable(row) == comparable(after)
        verify_rows(store.database, store.descriptions)  # no catalog is called damaged
        if row is None:
            assert after is None
            store.collect_garbage(0.0)
            assert not store.blobs.path(before.sha256).exists()
            return "after"
        assert store.blobs.path(before.sha256).read_bytes() == DATA
        store.describe_items()
        assert store.descriptions.read(before.sha256) == Description.from_item(row)
        assert store.collect_garbage(0.0) == 0
        assert store.blobs.path(before.sha256).read_bytes() == DATA
        return "before" if comparable(row) == comparable(before) else "after"


def comparable(row: ItemRow | None) -> object:
    return None if row is None else (row.name, row.tags, row.favourite, row.version, row.trashed_at is None, row.status)
