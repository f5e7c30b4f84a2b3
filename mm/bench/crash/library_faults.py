"""`mm bench crash --library-faults`: faults in the catalog and the files of a library."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mm.bench.crash import media
from mm.bench.crash.library_fault_report import FaultOutcome, FaultReport
from mm.bench.crash.service import service_under_test
from mm.client import Client
from mm.embedded.environment import build_environment
from mm.embedded.recover import recover
from mm.errors import Unavailable
from mm.settings import Settings

if TYPE_CHECKING:
    from mm.bench.crash.inventory import Inventory, InventoryReader
    from mm.bench.crash.media import File

OnProgress = Callable[[str], None]
NUM_IMAGES = 12
VIDEO_SECONDS = 4
ENCODE_SECONDS = 300.0
POLL_SECONDS = 0.2
NOT_COPIED = shutil.ignore_patterns("run", "locks", "log", "broker", "graphs")


def run_library_faults(points: int, seed: int, first: int, on_progress: OnProgress) -> FaultReport:
    """Cause each of nine faults `points` times, then rebuild and process a library without catalog.

    Raises `Unavailable` when the service cannot be started.
    """
    folder = Path(tempfile.mkdtemp(prefix="mm-library-"))
    report = FaultReport(seed)
    home, yesterday = folder / "home", folder / "yesterday.db"
    before = _make_library(home, yesterday, on_progress)
    _run_faults(home, yesterday, folder, (points, seed, first), report, on_progress)
    _rebuild_and_process(home, folder / "rebuilt", before, report, on_progress)
    if report.passed:
        shutil.rmtree(folder)
    else:
        on_progress(f"The library is kept in {folder}.")
    return report


def _files() -> list[File]:
    videos = [media.make_video(number, VIDEO_SECONDS) for number in range(2)]
    return [*videos, media.make_audio(), *(media.make_image(seed) for seed in range(NUM_IMAGES))]


def _make_library(home: Path, yesterday: Path, on_progress: OnProgress) -> Inventory:
    """Make a library with a real service, and a copy of its catalog after half of the uploads.

    The first item of the copy is deleted from the library.
    """
    files = _files()
    with service_under_test(home, on_progress=on_progress) as (system, inventory), Client(system.url, timeout=60.0) as client:
        for number, file in enumerate(files):
            if number == len(files) // 2:
                _wait_for_jobs(inventory)
                with closing(sqlite3.connect(home / "catalog.db")) as catalog, closing(sqlite3.connect(yesterday)) as copy:
                    catalog.backup(copy)
            client.add(file.data, name=file.name, tags=["crash", f"number {number}"])
        _wait_for_jobs(inventory)
        client.delete(files[0].item)
        client.delete_for_good(files[0].item)
        return _wait_for_jobs(inventory)


def _wait_for_jobs(reader: InventoryReader) -> Inventory:
    """Wait until every job has ended, and return the inventory. Raises `Unavailable`."""
    end = time.monotonic() + ENCODE_SECONDS
    while True:
        inventory = reader.read()
        if all(job.state not in {"queued", "running"} for job in inventory.jobs):
            return inventory
        if time.monotonic() > end:
            raise Unavailable(f"Jobs did not end within {ENCODE_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)


def _run_faults(
    home: Path, yesterday: Path, folder: Path, numbers: tuple[int, int, int], report: FaultReport, on_progress: OnProgress
) -> None:
    work = folder / "work"
    work.mkdir()
    arguments = [str(home), str(yesterday), *map(str, numbers), str(work)]
    command = [sys.executable, "-P", "-m", "indexes.bench.library_faults", *arguments]
    with (folder / "faults.log").open("wb") as log:
        process = subprocess.Popen(command, env=build_environment(Settings()), stdout=subprocess.PIPE, stderr=log, text=True)
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                outcome = FaultOutcome.model_validate_json(line)
                report.outcomes.append(outcome)
                on_progress(outcome.line())
    if process.returncode:
        lines = (folder / "faults.log").read_text().strip().splitlines()
        report.final_violations.append(f"The run ended with {process.returncode}: {lines[-1] if lines else 'nothing was logged'}")


def _rebuild_and_process(home: Path, rebuilt: Path, before: Inventory, report: FaultReport, on_progress: OnProgress) -> None:
    """Remove the catalog, rebuild it as `mm doctor --rebuild`, and let a service process it."""
    shutil.copytree(home, rebuilt, ignore=NOT_COPIED)
    (rebuilt / "cache" / "graphs").symlink_to(home / "cache" / "graphs")
    for path in rebuilt.glob("catalog.db*"):
        path.unlink()
    result = recover(Settings(home=rebuilt), "rebuild")
    with service_under_test(rebuilt, on_progress=on_progress) as (_, inventory):
        after = _wait_for_jobs(inventory)
    if after.items != before.items:
        report.final_violations.append(f"Items after a rebuild: {after.items}; before: {before.items}.")
    if after.segments != before.segments:
        report.final_violations.append("Segments after a rebuild differ from those before it.")
    report.final_violations += after.damaged
    segments = sum(map(len, after.segments.values()))
    report.rebuild_summary = (
        f"rebuilt without a catalog: {result.items} items, {result.reused} of them with existing vectors, "
        f"{segments} segments as before"
    )
