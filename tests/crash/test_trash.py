"""Edits, deletion, restoring and final deletion of an item: SIGKILL at any step loses nothing.

A process is killed before each commit and each change of a file name in turn. Then the row, the
bytes and the description are of before or of after the change, and a sweep makes them agree.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexes import open_store
from indexes.catalog.records import ItemRow
from indexes.recover.catalog import verify_rows
from indexes.storage.descriptions import Description
from mm.settings import Settings
from tests.crash.killed_change import trash
from tests.indexes.library import new_item

DATA = b"the bytes of a photo"
MAX_STEPS = 20


@pytest.mark.parametrize(
    ("change", "in_trash"), [("edit", False), ("trash", False), ("restore", True), ("upload_again", True), ("delete", True)]
)
def test_kill_at_any_step_leaves_item_of_before_or_after(tmp_path: Path, change: str, in_trash: bool) -> None:
    home = tmp_path / "template"
    before, after = make_library(home, in_trash), tmp_path / "after"
    with run_changes(change, before.id) as run_killed:
        shutil.copytree(home, after)
        assert not run_killed(after, MAX_STEPS)
        expected = read_row(after, before.id)
        outcomes = set()
        for step in range(1, MAX_STEPS):
            killed = tmp_path / str(step)
            shutil.copytree(home, killed)
            if not run_killed(killed, step):
                break
            outcomes.add(check(killed, before, expected))
    assert step > 1, "no step was reached"
    assert outcomes == {"before", "after"}


@contextmanager
def run_changes(change: str, item: str) -> Iterator[Callable[[Path, int], bool]]:
    """A function that runs a change in a process that is killed before a step, if it has it."""
    command = [sys.executable, "-m", "tests.crash.killed_change", change, item]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        requests, outcomes = process.stdin, process.stdout
        assert requests is not None
        assert outcomes is not None

        def run_killed(home: Path, step: int) -> bool:
            requests.write(f"{step} {home}\n")
            requests.flush()
            outcome = outcomes.readline().strip()
            assert outcome in ("killed", "done"), outcome
            return outcome == "killed"

        yield run_killed


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
