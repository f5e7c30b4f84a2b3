"""One kill after the other on one running system, each followed by a look at everything."""

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
QUESTIONS = ("coloured blocks", "film number 2", "a dog in the snow")
SETTLE_SECONDS = 60.0
"""Longest wait for an answer that is right, and for all parts to run again; it is looked at until
then."""
LOOK_SECONDS = 0.1


class System(KillableSystem, Protocol):
    """A service of one home folder, started anew where it is killed."""

    url: str
    victims: Sequence[Victim]
    orphan_seconds: float
    """How long a file may be an orphan at most, by the settings of the sweeper."""

    def is_running(self) -> bool:
        """Whether every part runs."""
        ...

    def lock_catalog(self) -> AbstractContextManager[None]:
        """While the block runs, another process holds the catalog."""
        ...

    def find_stray_processes(self) -> list[str]:
        """Processes of this home folder that belong to no part."""
        ...


class Run:
    """A workload on a system, point by point."""

    def __init__(self, system: System, inventory: InventoryReader, seed: int, chunks: int) -> None:
        """`chunks` is the number of chunks of a film, at two seconds each."""
        self._system = system
        self._inventory = inventory
        self._seed = seed
        self._history = History()
        self._workload = Workload(system.url, self._history)
        self._films = [media.make_video(number, 2 * chunks) for number in range(VIDEOS)]
        self._others = [media.make_image(0), media.make_audio()]
        self._orphans = OrphanTracker(system.orphan_seconds)
        self.report = Report(seed)

    def prepare(self) -> None:
        """Take everything in without a fault, to know what must be there. Raises `Unavailable`."""
        jobs = [(file, self._workload.add(file)) for file in (*self._films, *self._others)]
        for file, job in jobs:
            if (state := self._workload.wait(file, job)) != "done":
                raise Unavailable(f"{file.name} is {state} before anything was killed.")
        self._expected = Expected.from_inventory(self._inventory.read())

    def run_points(self, first: int, count: int, on_progress: Callable[[str], None]) -> None:
        """Kill and check, `count` times from point `first` on."""
        for number in range(first, first + count):
            outcome = self._point(draw_point(self._seed, number, self._system.victims))
            self.report.outcomes.append(outcome)
            on_progress(outcome.line())
            for line in outcome.violations:
                on_progress(f"       {line}")

    def run_locked(self, seconds: float) -> None:
        """Let another process hold the catalog for so long in the middle of the work, then check as
        after a kill."""
        film, other = self._films[:2]
        self._workload.delete(film)
        self._workload.delete(other)
        violations = self.report.final_violations
        job = self._workload.add(film)
        with self._system.lock_catalog():
            begin = time.monotonic()
            answer = self._workload.try_to_add(other)
            waited = time.monotonic() - begin
            time.sleep(max(seconds - waited, 0.0))
        if "catalog" not in answer:
            violations.append(f"An upload to a catalog that was held was answered: {answer or 'taken'}")
        try:
            jobs = [(film, job), (other, self._workload.add(other))]
            ends = [self._workload.wait(file, job) for file, job in jobs]
            recovered = time.monotonic() - begin - seconds
            inventory = self._settle()
            violations += checker.check_at_rest(self._history, inventory, self._expected)
            violations += self._answers(inventory)
            most = max(chunk.attempts for chunk in inventory.chunks)
            self.report.lock_summary = (
                f"catalog held for {seconds:.0f} s: an upload was told so after {waited:.1f} s ({answer}), the jobs ended "
                f"{' and '.join(ends)} {recovered:.1f} s later, no chunk was begun more than {most} times"
            )
        except MMError as error:
            violations.append(str(error))

    def finish(self) -> Report:
        """Wait for the sweeper and look at all answers given."""
        self.report.final_violations += self._late()
        self.report.operations = Counter(f"{op.kind} {op.outcome}" for op in self._history.operations)
        self._workload.close()
        return self.report

    def _point(self, point: Point) -> Outcome:
        rng = random.Random(f"{self._seed} files {point.number}")
        film, other = rng.sample(self._films, 2)
        if self._history.is_present(film.item) is not False:
            self._workload.delete(film)
        killed: list[tuple[float, bool]] = []
        nemesis = threading.Thread(target=lambda: killed.append(kill_at_point(self._system, point)), name="nemesis")
        violations: list[str] = []
        repeated = 0
        begin = time.monotonic()
        try:
            with BackgroundSearcher(self._workload, QUESTIONS[0]):
                nemesis.start()
                waiting = self._disturb(point, film, other)
                nemesis.join()
                for file, job in waiting:
                    self._workload.wait(file, job)
            inventory = self._settle()
            violations += checker.check_at_rest(self._history, inventory, self._expected)
            violations += self._answers(inventory)
            violations += self._orphans.check(inventory.orphans, time.monotonic())
            violations += self._system.find_stray_processes()
            repeated = sum(chunk.attempts - 1 for chunk in inventory.chunks if chunk.item == film.item)
        except MMError as error:
            violations.append(str(error))
        finally:
            nemesis.join()
        if not killed:
            violations.append(f"What was killed cannot be started again: {point.victim}.")
        at, hit = killed[0] if killed else (begin, False)
        return Outcome(point, hit, time.monotonic() - at, repeated, violations)

    def _disturb(self, point: Point, film: File, other: File) -> list[tuple[File, str]]:
        """What goes on while something is killed. Returns the jobs to wait for."""
        match point.phase:
            case "ingest":
                return [(film, self._workload.add(film))]
            case "upload":
                cutter = threading.Thread(target=self._workload.abort_upload, args=(media.make_video(VIDEOS + point.number, 2),))
                cutter.start()
                job = self._workload.add_slowly(film)
                cutter.join()
                return [(film, job)]
            case "delete":
                self._workload.request_thumbnail(other)
                job = self._workload.add(film)
                self._workload.delete(other)
                return [(film, job), (other, self._workload.add(other))]
            case "rebuild":
                shutil.rmtree(self._system.home / "index", ignore_errors=True)
                job = self._workload.add(film)
                with self._history.record("rebuild"):
                    shutil.rmtree(self._system.home / "index", ignore_errors=True)
                return [(film, job)]

    def _settle(self) -> Inventory:
        """The inventory when all parts run and jobs that nobody was told of have ended too. Raises
        `Unavailable`."""
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
            time.sleep(LOOK_SECONDS)

    def _answers(self, inventory: Inventory) -> list[str]:
        """What is wrong with the answers, once there are any; an index that is being built is
        waited for."""
        wrong: list[str] = []
        for question in QUESTIONS:
            end = time.monotonic() + SETTLE_SECONDS
            while (hits := self._workload.search(question)) is None and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)
            if hits is None:
                wrong.append(f"{question!r} was not answered within {SETTLE_SECONDS:.0f} s.")
            else:
                wrong += checker.check_results(question, hits, inventory.results.get(question, []))
        return wrong

    def _late(self) -> list[str]:
        """What is found only now: files that outlive the sweeper's period, and answers that were
        wrong when they were given."""
        end = time.monotonic() + self._system.orphan_seconds
        while (orphans := self._inventory.read().orphans) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        return [*(f"Nothing points to {name}, and it stays." for name in orphans), *checker.check_searches(self._history)]
