"""Fault injection into a library, for `mm bench crash --library-faults`.

python -m indexes.bench.library_faults HOME OLDER_CATALOG POINTS SEED FIRST WORK

`HOME` is a library at rest, `OLDER_CATALOG` an older copy of its catalog, `WORK` an empty folder.
Each point damages a copy of the library, at rest or while it is open. Then the copy is opened,
written to and swept as by a service, with a minimum age of 0 for garbage collection, and repaired
by one of the repairs that apply. No blob or shard may be lost at any time, and a repaired library
has every item with its name and tags. Prints one JSON line for each point.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from indexes.bench.library_harm import FAULTS, Fault, LibraryFixture, Repair, mount_read_only
from indexes.catalog.records import NewItem
from indexes.catalog.tables import Evidence, Item, Segment
from indexes.recover.__main__ import ACTIONS
from indexes.recover.stderr_logs import log_to_stderr
from indexes.store import Store, open_store
from mm.errors import MMError, Unavailable
from mm.files import hash_file
from mm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

PROCESSES = ("api", "workers")
START_SECONDS = 120.0
NAME_DIGITS = 64
"""Hex digits in the name of a blob or shard."""
NEW_BLOB = b"a blob that is uploaded while the fault is present"


@dataclass
class Contents:
    """Contents of a library that must not be lost."""

    items: Mapping[str, tuple[str, tuple[str, ...]]]
    """Name and tags by SHA-256."""
    files: frozenset[str]
    """Names of intact blobs and shards."""
    num_segments: int
    num_evidence: int


@dataclass
class Outcome:
    """Outcome of one point."""

    fault: str
    number: int
    running: bool
    """Whether the library was open when it was damaged."""
    repair: Repair
    refused: bool
    """Whether the damaged library could not be opened."""
    violations: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """One line, as `mm.bench.crash` reads it."""
        fields = dict(self.__dict__)
        return json.dumps({"way": fields.pop("repair"), **fields})


def read_contents(store: Store) -> Contents:
    """Read the contents of an open library."""
    with store.database.read() as session:
        rows = store.catalog.find_items_by_blob(list(session.scalars(select(Item.sha256))))
        num_segments, num_evidence = (
            session.execute(select(func.count()).select_from(table)).scalar_one() for table in (Segment, Evidence)
        )
    items = {row.sha256: (row.name, row.tags) for row in rows}
    return Contents(items, frozenset(intact_files(store.settings.root)), num_segments, num_evidence)


def intact_files(*folders: Path) -> Iterator[str]:
    """Names of the blobs and shards below some folders whose hash matches, the trash included."""
    for path in (path for folder in folders for path in folder.rglob("*")):
        digest = path.name.split(".")[0]
        if len(digest) == NAME_DIGITS and path.suffix != ".json" and path.is_file() and hash_file(path) == digest:
            yield path.name


class FaultPoint:
    """One fault on one copy of the library."""

    def __init__(
        self, fault: Fault, number: int, seed: int, fixture: LibraryFixture, base: Contents, *, start_processes: bool
    ) -> None:
        """`start_processes` starts the API and the workers as processes too."""
        self._rng = random.Random(f"{seed} {fault.name} {number}")
        self._fault = fault
        self._fixture = fixture
        self._base = base
        self._start_service = start_processes
        self._settings = Settings(home=fixture.home)
        repair = fault.repairs[number % len(fault.repairs)]
        running = self._rng.random() < 0.5 and not start_processes
        self.outcome = Outcome(fault.name, number, running, repair, refused=False)

    def run(self) -> Outcome:
        """Damage, use and repair the library. Raises `Unavailable` if injection fails."""
        catalog = self._fixture.catalog.read_bytes()
        target = self._fixture.home / self._fault.read_only if self._fault.read_only else None
        if self.outcome.running:
            with open_store(self._settings) as store:
                store.check()
                self._fault.harm(self._fixture, self._rng)
                with mount_read_only(target):
                    self._use(store)
        else:
            self._fault.harm(self._fixture, self._rng)
        with mount_read_only(target):
            self._open()
            self._check_files("after the start")
            if self._start_service and not self._fault.can_start:
                self._start_processes()
        if self.outcome.repair == "restore":
            self._restore(catalog)
        else:
            ACTIONS[self.outcome.repair](self._settings, lambda line: None)
        self._check_files(f"after {self.outcome.repair}")
        self._check_repaired()
        return self.outcome

    def _use(self, store: Store) -> None:
        """Upload and sweep as a running service does; documented errors are allowed."""
        with suppress(MMError), store.blobs.open_writer() as writer:
            writer.write(NEW_BLOB)
        for _ in range(2):
            with suppress(MMError):
                store.sweep(0.0)
        self._check_files("during the sweep")

    def _open(self) -> None:
        try:
            with open_store(self._settings) as store:
                self._use(store)
        except Unavailable:
            self.outcome.refused = True
            return
        if not self._fault.can_start:
            self._add_violation("The damaged library was opened.")

    def _start_processes(self) -> None:
        environment = {
            **os.environ,
            "MM_HOME": str(self._fixture.home),
            "MM_BROKER_URL": "redis://127.0.0.1:1/0",
            "MM_PORT": "0",
        }
        for module in PROCESSES:
            try:
                done = subprocess.run(
                    [sys.executable, "-P", "-m", module], env=environment, capture_output=True, timeout=START_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                self._add_violation(f"{module} started.")
                continue
            last = done.stderr.strip().split(b"\n")[-1]
            if done.returncode != 1 or not last.endswith(b"."):
                self._add_violation(f"{module} exited with {done.returncode}: {done.stderr[-300:]!r}")
        self._check_files("after processes started")

    def _restore(self, catalog: bytes) -> None:
        """Undo the fault, as a restored backup does."""
        if self._fixture.moved_blobs.exists():
            shutil.rmtree(self._fixture.blobs, ignore_errors=True)
            self._fixture.moved_blobs.rename(self._fixture.blobs)
        elif not self._fault.read_only:
            for ending in ("-wal", "-shm"):
                self._fixture.catalog.with_name(f"catalog.db{ending}").unlink(missing_ok=True)
            self._fixture.catalog.write_bytes(catalog)

    def _check_repaired(self) -> None:
        """Check the contents that the repair guarantees."""
        with open_store(self._settings) as store:
            store.check()
            for _ in range(2):
                store.sweep(0.0)
            contents = read_contents(store)
        self._check_files("after the repair")
        repair = self.outcome.repair
        if repair in {"restore", "rebuild"}:
            for sha256, item in self._base.items.items():
                if contents.items.get(sha256) != item:
                    self._add_violation(f"{item[0]} is {contents.items.get(sha256)} after {repair}.")
        rows = (contents.num_segments, contents.num_evidence)
        if repair == "restore" and rows != (self._base.num_segments, self._base.num_evidence):
            self._add_violation(f"The library has {rows[0]} segments and {rows[1]} pieces of evidence after {repair}.")
        if repair == "empty" and contents.items:
            self._add_violation(f"The library has {len(contents.items)} items after empty.")

    def _check_files(self, when: str) -> None:
        intact = set(intact_files(self._fixture.home, self._fixture.moved_blobs))
        for name in sorted(self._base.files - intact):
            self._add_violation(f"{name} is missing or damaged {when}.")

    def _add_violation(self, sentence: str) -> None:
        self.outcome.violations.append(sentence)


def create_other_catalog(folder: Path) -> Path:
    """The catalog of a new library with one item."""
    with open_store(Settings(home=folder)) as store:
        store.catalog.add_item(
            NewItem(
                sha256="0" * 64, name="item of another library", kind="image", content_type="image/png", size=1, duration=0.0,
                width=1, height=1, fps=0.0, has_audio=False,
            )
        )  # fmt: skip
    return folder / "catalog.db"


def run(home: Path, older_catalog: Path, points: int, seed: int, first: int, work: Path) -> Iterator[Outcome]:
    """Run `points` points of each fault, numbered from `first`; number 0 also starts processes."""
    with open_store(Settings(home=home)) as store:
        store.sweep(0.0)
        base = read_contents(store)
        store.identity.record_revision()
    other_catalog = create_other_catalog(work / "other")
    for fault in FAULTS:
        for number in range(first, first + points):
            folder = work / "point"
            shutil.copytree(home, folder / "home", symlinks=True, ignore=shutil.ignore_patterns("run", "locks", "log", "broker"))
            fixture = LibraryFixture(folder / "home", older_catalog, other_catalog)
            yield FaultPoint(fault, number, seed, fixture, base, start_processes=number == 0).run()
            shutil.rmtree(folder)


def main(arguments: Sequence[str]) -> None:
    log_to_stderr()
    home, older_catalog, points, seed, first, work = arguments
    for outcome in run(Path(home), Path(older_catalog), int(points), int(seed), int(first), Path(work)):
        sys.stdout.write(outcome.to_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
