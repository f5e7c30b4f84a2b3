"""Faults of the catalog and the files of a library, for `mm bench crash --library-faults`.

python -m indexes.bench.library_faults HOME YESTERDAY POINTS SEED FIRST WORK

`HOME` is a library at rest, `YESTERDAY` an older copy of its catalog, `WORK` an empty folder. Each
point works on a copy of the library: something happens to it, at rest or while it is open; then it
is opened, written to and swept as a service would, with every file as old as garbage collection
asks for; then a person mends it in one of the ways that there are. No file may be gone at any time,
and what is mended has every item with its name and tags. One JSON line a point.
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

from indexes.bench.library_harm import FAULTS, Fault, Material, Way, read_only
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
DIGITS = 64
"""Of a name of a blob or shard."""
ANOTHER = b"a file that comes in while something is wrong"


@dataclass
class Seen:
    """What a library holds. Items by SHA-256; files by their name."""

    items: Mapping[str, tuple[str, tuple[str, ...]]]
    files: frozenset[str]
    segments: int
    evidence: int


@dataclass
class Outcome:
    """What became of one point."""

    fault: str
    number: int
    running: bool
    way: Way
    refused: bool
    violations: list[str] = field(default_factory=list)


def look(store: Store) -> Seen:
    """Everything that must not be lost."""
    with store.database.read() as session:
        rows = store.catalog.find_items_by_blob(list(session.scalars(select(Item.sha256))))
        segments, evidence = (
            session.execute(select(func.count()).select_from(table)).scalar_one() for table in (Segment, Evidence)
        )
    items = {row.sha256: (row.name, row.tags) for row in rows}
    return Seen(items, frozenset(kept(store.settings.root)), segments, evidence)


def kept(home: Path) -> Iterator[str]:
    """Names of the blobs and shards of a home folder that are what they were, in the trash and out
    of it."""
    for path in (*home.rglob("*"), *(home.parent / "blobs that are away").rglob("*")):
        digest = path.name.split(".")[0]
        if len(digest) == DIGITS and path.suffix != ".json" and path.is_file() and hash_file(path) == digest:
            yield path.name


class Point:
    """One fault on one copy of the library."""

    def __init__(self, fault: Fault, number: int, seed: int, material: Material, base: Seen, *, processes: bool) -> None:
        """`processes` starts the service's own as well."""
        self._rng = random.Random(f"{seed} {fault.name} {number}")
        self._fault = fault
        self._material = material
        self._base = base
        self._processes = processes
        self._settings = Settings(home=material.home)
        way = fault.ways[number % len(fault.ways)]
        running = self._rng.random() < 0.5 and not processes
        self.outcome = Outcome(fault.name, number, running, way, refused=False)

    def run(self) -> Outcome:
        """Harm, look, mend, look. Raises `Unavailable` where the fault cannot be made."""
        catalog = self._material.catalog.read_bytes()
        target = self._material.home / self._fault.read_only if self._fault.read_only else None
        if self.outcome.running:
            with open_store(self._settings) as store:
                store.check()
                self._fault.harm(self._material, self._rng)
                with read_only(target):
                    self._serve(store)
        else:
            self._fault.harm(self._material, self._rng)
        with read_only(target):
            self._start()
            self._nothing_lost("after the start")
            if self._processes and not self._fault.starts:
                self._start_processes()
        if self.outcome.way == "restore":
            self._restore(catalog)
        else:
            ACTIONS[self.outcome.way](self._settings, lambda line: None)
        self._nothing_lost(f"after {self.outcome.way}")
        self._mended()
        return self.outcome

    def _serve(self, store: Store) -> None:
        """What a service does that runs. Errors with a name are answers; nothing else is."""
        with suppress(MMError), store.blobs.open_writer() as writer:
            writer.write(ANOTHER)
        for _ in range(2):
            with suppress(MMError):
                store.sweep(0.0)
        self._nothing_lost("while it was swept")

    def _start(self) -> None:
        try:
            with open_store(self._settings) as store:
                self._serve(store)
        except Unavailable:
            self.outcome.refused = True
            return
        if not self._fault.starts:
            self._wrong("It was opened.")

    def _start_processes(self) -> None:
        environment = {
            **os.environ,
            "MM_HOME": str(self._material.home),
            "MM_BROKER_URL": "redis://127.0.0.1:1/0",
            "MM_PORT": "0",
        }
        for module in PROCESSES:
            try:
                done = subprocess.run(
                    [sys.executable, "-P", "-m", module], env=environment, capture_output=True, timeout=START_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                self._wrong(f"{module} started.")
                continue
            last = done.stderr.strip().split(b"\n")[-1]
            if done.returncode != 1 or not last.endswith(b"."):
                self._wrong(f"{module} ended with {done.returncode}: {done.stderr[-300:]!r}")
        self._nothing_lost("after processes started")

    def _restore(self, catalog: bytes) -> None:
        """Put back what was there."""
        away = self._material.home.parent / "blobs that are away"
        if away.exists():
            shutil.rmtree(self._material.blobs, ignore_errors=True)
            away.rename(self._material.blobs)
        elif not self._fault.read_only:
            for ending in ("-wal", "-shm"):
                self._material.catalog.with_name(f"catalog.db{ending}").unlink(missing_ok=True)
            self._material.catalog.write_bytes(catalog)

    def _mended(self) -> None:
        """Whether all is there that the way promises."""
        with open_store(self._settings) as store:
            store.check()
            for _ in range(2):
                store.sweep(0.0)
            seen = look(store)
        self._nothing_lost("after it was mended")
        if self.outcome.way in {"restore", "rebuild"}:
            for sha256, item in self._base.items.items():
                if seen.items.get(sha256) != item:
                    self._wrong(f"{item[0]} is {seen.items.get(sha256)} after {self.outcome.way}.")
        if self.outcome.way == "restore" and (seen.segments, seen.evidence) != (self._base.segments, self._base.evidence):
            self._wrong(f"{seen.segments} segments and {seen.evidence} pieces of evidence are there.")
        if self.outcome.way == "empty" and seen.items:
            self._wrong(f"{len(seen.items)} items are there after empty.")

    def _nothing_lost(self, when: str) -> None:
        for name in sorted(self._base.files - set(kept(self._material.home))):
            self._wrong(f"{name} is gone or damaged {when}.")

    def _wrong(self, sentence: str) -> None:
        self.outcome.violations.append(sentence)


def make_other(folder: Path) -> Path:
    """The catalog of a library of one item."""
    with open_store(Settings(home=folder)) as store:
        store.catalog.add_item(
            NewItem(
                sha256="0" * 64, name="somebody else's", kind="image", content_type="image/png", size=1, duration=0.0, width=1,
                height=1, fps=0.0, has_audio=False,
            )
        )  # fmt: skip
    return folder / "catalog.db"


def run(home: Path, yesterday: Path, points: int, seed: int, first: int, work: Path) -> Iterator[Outcome]:
    """`points` points of each fault. The first of each starts the service's own processes too."""
    with open_store(Settings(home=home)) as store:
        store.sweep(0.0)
        base = look(store)
        store.identity.record_revision()
    other = make_other(work / "other")
    for fault in FAULTS:
        for number in range(first, first + points):
            folder = work / "point"
            shutil.copytree(home, folder / "home", symlinks=True, ignore=shutil.ignore_patterns("run", "locks", "log", "broker"))
            material = Material(folder / "home", yesterday, other)
            yield Point(fault, number, seed, material, base, processes=number == 0).run()
            shutil.rmtree(folder)


def main(arguments: Sequence[str]) -> None:
    log_to_stderr()
    home, yesterday, points, seed, first, work = arguments
    for outcome in run(Path(home), Path(yesterday), int(points), int(seed), int(first), Path(work)):
        sys.stdout.write(json.dumps(outcome.__dict__) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
