"""Kill processes of one running system, and check the library after each kill."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from mm.bench.crash import checker, media
from mm.bench.crash.checker import Expected, OrphanTracker
from mm.bench.crash.history import History
from mm.bench.crash.nemesis import KillableSystem, Point, draw_point, kill_at_point
from mm.bench.crash.report import Outcome, Report
from mm.bench.crash.workload import BackgroundSearcher, Workload
from mm.errors import MMError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from mm.bench.crash.inventory import Inventory, InventoryReader
    from mm.bench.crash.media import File
    from mm.bench.crash.nemesis import Victim

VIDEOS = 4
QUERIES = ("coloured blocks", "video number 2", "a dog in the snow")
SETTLE_SECONDS = 60.0
"""Longest wait until all processes run and all results are correct."""
POLL_SECONDS = 0.1


class System(KillableSystem, Protocol):
    """A service of one home folder that restarts killed processes."""

    url: str
    victims: Sequence[Victim]
    orphan_seconds: float
    """Longest time for which the sweeper may leave an orphaned file."""

    def is_running(self) -> bool:
        """Whether every process runs."""
        ...

    def lock_catalog(self) -> AbstractContextManager[None]:
        """Lock the catalog by another process for as long as the block lasts."""
        ...

    def find_stray_processes(self) -> list[str]:
        """Processes of this home folder that the supervisor does not own."""
        ...


class CrashRun:
    """Runs a workload on a system, and kills one process per point."""

    def __init__(self, system: System, inventory: InventoryReader, seed: int, chunks: int) -> None:
        """`chunks` is the number of two-second chunks per video."""
        self._system = system
        self._inventory = inventory
        self._seed = seed
        self._history = History()
        self._workload = Workload(system.url, self._history)
        self._videos = [media.make_video(number, 2 * chunks) for number in range(VIDEOS)]
        self._others = [media.make_image(0), media.make_audio()]
        self._orphans = OrphanTracker(system.orphan_seconds)
        self.report = Report(seed)

    def prepare(self) -> None:
        """Ingest all files without faults, to record what is expected. Raises `Unavailable`."""
        jobs = [(file, self._workload.add(file)) for file in (*self._videos, *self._others)]
        for file, job in jobs:
            if (state := self._workload.wait(file, job)) != "done":
                raise Unavailable(f"{file.name} is {state} before the first kill.")
        self._expected = Expected.from_inventory(self._inventory.read())

    def run_points(self, first: int, count: int, on_progress: Callable[[str], None]) -> None:
        """Kill and check, `count` times, starting with point `first`."""
        for number in range(first, first + count):
            outcome = self._run_point(draw_point(self._seed, number, self._system.victims))
            self.report.outcomes.append(outcome)
            on_progress(outcome.line())
            for line in outcome.violations:
                on_progress(f"       {line}")

    def run_locked(self, seconds: float) -> None:
        """Lock the catalog for `seconds` during work, then check as after a kill."""
        video, other = self._videos[:2]
        self._workload.delete(video)
        self._workload.delete(other)
        violations = self.report.final_violations
        job = self._workload.add(video)
        with self._system.lock_catalog():
            begin = time.monotonic()
            refusal = self._workload.try_to_add(other)
            waited = time.monotonic() - begin
            time.sleep(max(seconds - waited, 0.0))
        if "catalog" not in refusal:
            violations.append(f"The response to an upload to a locked catalog: {refusal or 'accepted'}")
        try:
            jobs = [(video, job), (other, self._workload.add(other))]
            ends = [self._workload.wait(file, job) for file, job in jobs]
            recovered = time.monotonic() - begin - seconds
            inventory = self._settle()
            violations += checker.check_at_rest(self._history, inventory, self._expected)
            violations += self._check_results(inventory)
            max_attempts = max(chunk.attempts for chunk in inventory.chunks)
            self.report.lock_summary = (
                f"catalog locked for {seconds:.0f} s: an upload was refused after {waited:.1f} s ({refusal}), the jobs ended "
                f"{' and '.join(ends)} {recovered:.1f} s later, no chunk was started more than {max_attempts} times"
            )
        except MMError as error:
            violations.append(str(error))

    def finish(self) -> Report:
        """Wait for the sweeper, check all recorded searches, and return the report."""
        self.report.final_violations += self._check_at_end()
        self.report.operations = Counter(f"{op.kind} {op.outcome}" for op in self._history.operations)
        self._workload.close()
        return self.report

    def _run_point(self, point: Point) -> Outcome:
        rng = random.Random(f"{self._seed} files {point.number}")
        video, other = rng.sample(self._videos, 2)
        if self._history.is_present(video.item) is not False:
            self._workload.delete(video)
        killed: list[tuple[float, bool]] = []
        nemesis = threading.Thread(target=lambda: killed.append(kill_at_point(self._system, point)), name="nemesis")
        violations: list[str] = []
        repeated = 0
        begin = time.monotonic()
        try:
            with BackgroundSearcher(self._workload, QUERIES[0]):
                nemesis.start()
                pending = self._start_phase(point, video, other)
                nemesis.join()
                for file, job in pending:
                    self._workload.wait(file, job)
            inventory = self._settle()
            violations += checker.check_at_rest(self._history, inventory, self._expected)
            violations += self._check_results(inventory)
            violations += self._orphans.check(inventory.orphans, time.monotonic())
            violations += self._system.find_stray_processes()
            repeated = sum(chunk.attempts - 1 for chunk in inventory.chunks if chunk.item == video.item)
        except MMError as error:
            violations.append(str(error))
        finally:
            nemesis.join()
        if not killed:
            violations.append(f"The killed process could not be restarted: {point.victim}.")
        at, was_killed = killed[0] if killed else (begin, False)
        return Outcome(point, was_killed, time.monotonic() - at, repeated, violations)

    def _start_phase(self, point: Point, video: File, other: File) -> list[tuple[File, str]]:
        """Start the work during which the victim is killed. Returns the jobs to wait for."""
        match point.phase:
            case "ingest":
                return [(video, self._workload.add(video))]
            case "upload":
                aborted = threading.Thread(target=self._workload.abort_upload, args=(media.make_video(VIDEOS + point.number, 2),))
                aborted.start()
                job = self._workload.add_slowly(video)
                aborted.join()
                return [(video, job)]
            case "delete":
                self._workload.request_thumbnail(other)
                job = self._workload.add(video)
                self._workload.delete(other)
                return [(video, job), (other, self._workload.add(other))]
            case "rebuild":
                shutil.rmtree(self._system.home / "index", ignore_errors=True)
                job = self._workload.add(video)
                with self._history.record("rebuild"):
                    shutil.rmtree(self._system.home / "index", ignore_errors=True)
                return [(video, job)]

    def _settle(self) -> Inventory:
        """Wait until all processes run and all jobs have ended, and return the inventory.

        Raises `Unavailable`.
        """
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                inventory = self._inventory.read()
                if (self._system.is_running() and all(job.state not in {"queued", "running"} for job in inventory.jobs)) or (
                    time.monotonic() > end
                ):
                    return inventory
            except Unavailable:
                if time.monotonic() > end:
                    raise
            time.sleep(POLL_SECONDS)

    def _check_results(self, inventory: Inventory) -> list[str]:
        """Violations in search results; waits until the index is built and searches succeed."""
        violations: list[str] = []
        for query in QUERIES:
            end = time.monotonic() + SETTLE_SECONDS
            while (hits := self._workload.search(query)) is None and time.monotonic() < end:
                time.sleep(POLL_SECONDS)
            if hits is None:
                violations.append(f"{query!r} had no response within {SETTLE_SECONDS:.0f} s.")
            else:
                violations += checker.check_results(query, hits, inventory.results.get(query, []))
        return violations

    def _check_at_end(self) -> list[str]:
        """Violations at the end of the run: orphans that remain, and wrong search results."""
        end = time.monotonic() + self._system.orphan_seconds
        while (orphans := self._inventory.read().orphans) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return [*(f"{name} is still an orphaned file." for name in orphans), *checker.check_searches(self._history)]
