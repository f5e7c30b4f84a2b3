"""Changes items of libraries, each in a process that is killed before a given step.

`python -m tests.crash.killed_change CHANGE ITEM` reads a step and the folder of a library from each
line, and writes `killed` or `done`. It has one thread: the child of a process with several can wait
for a lock that no thread holds any more.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, event

from indexes import Store, open_store
from indexes.catalog.database import WRITES
from indexes.catalog.records import ItemEdit
from mm.settings import Settings
from tests.indexes.library import new_item


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


CHANGES: dict[str, Callable[[Store, str], object]] = {
    change.__name__: change for change in (edit, trash, restore, delete, upload_again)
}


def run_killed(home: Path, change: Callable[[Store, str], object], item: str, step: int) -> bool:
    """Run a change in a child that is killed before its given step. Returns whether it was."""
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


if __name__ == "__main__":
    for line in sys.stdin:
        of_step, _, folder = line.rstrip("\n").partition(" ")
        was_killed = run_killed(Path(folder), CHANGES[sys.argv[1]], sys.argv[2], int(of_step))
        sys.stdout.write("killed\n" if was_killed else "done\n")
        sys.stdout.flush()
