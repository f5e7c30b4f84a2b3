"""`mm bench crash --library-faults`: a library of a real service, and what happens to its catalog
and its files."""

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
PICTURES = 12
VIDEO_SECONDS = 4
ENCODE_SECONDS = 300.0
POLL_SECONDS = 0.2
NOT_COPIED = shutil.ignore_patterns("run", "locks", "log", "broker", "graphs")


def run_library_faults(points: int, seed: int, first: int, on_progress: OnProgress) -> FaultReport:
    """`points` times each of nine faults, then one library that lost its catalog is rebuilt and
    processed.

    Raises `Unavailable` when the service cannot be started.
    """
    folder = Path(tempfile.mkdtemp(prefix="mm-library-"))
    report = FaultReport(seed)
    home, yesterday = folder / "home", folder / "yesterday.db"
    before = _make(home, yesterday, on_progress)
    _run(home, yesterday, folder, (points, seed, first), report, on_progress)
    _encode_anew(home, folder / "rebuilt", before, report, on_progress)
    if report.passed:
        shutil.rmtree(folder)
    else:
        on_progress(f"The library stays in {folder}.")
    return report


def _files() -> list[File]:
    films = [media.make_video(number, VIDEO_SECONDS) for number in range(2)]
    return [*films, media.make_audio(), *(media.make_image(seed) for seed in range(PICTURES))]


def _make(home: Path, yesterday: Path, on_progress: OnProgress) -> Inventory:
    """A library by a real service, and an older copy of its catalog: half of the uploads, and one
    that is deleted later."""
    files = _files()
    with service_under_test(home, on_progress=on_progress) as (system, inventory), Client(system.url, timeout=60.0) as client:
        for number, file in enumerate(files):
            if number == len(files) // 2:
                _settle(inventory)
                with closing(sqlite3.connect(home / "catalog.db")) as catalog, closing(sqlite3.connect(yesterday)) as copy:
                    catalog.backup(copy)
            client.add(file.data, name=file.name, tags=["crash", f"number {number}"])
        _settle(inventory)
        client.delete(files[0].item)
        return _settle(inventory)


def _settle(inventory: InventoryReader) -> Inventory:
    """The inventory when every job has ended. Raises `Unavailable`."""
    end = time.monotonic() + ENCODE_SECONDS
    while True:
        seen = inventory.read()
        if all(job.state not in {"queued", "running"} for job in seen.jobs):
            return seen
        if time.monotonic() > end:
            raise Unavailable(f"Jobs did not end within {ENCODE_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)


def _run(
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
        words = (folder / "faults.log").read_text().strip().splitlines()
        report.final_violations.append(f"The run ended with {process.returncode}: {words[-1] if words else 'no words'}")


def _encode_anew(home: Path, rebuilt: Path, before: Inventory, report: FaultReport, on_progress: OnProgress) -> None:
    """Lose the catalog, rebuild it by `mm doctor --rebuild`, and let a real service process
    everything."""
    shutil.copytree(home, rebuilt, ignore=NOT_COPIED)
    (rebuilt / "cache" / "graphs").symlink_to(home / "cache" / "graphs")
    for path in rebuilt.glob("catalog.db*"):
        path.unlink()
    result = recover(Settings(home=rebuilt), "rebuild")
    with service_under_test(rebuilt, on_progress=on_progress) as (_, inventory):
        after = _settle(inventory)
    if after.items != before.items:
        report.final_violations.append(f"Items after a rebuild: {after.items}; before: {before.items}.")
    if after.segments != before.segments:
        report.final_violations.append("Moments after a rebuild are not those before it.")
    report.final_violations += after.damaged
    moments = sum(map(len, after.segments.values()))
    report.encoded = (
        f"rebuilt without a catalog: {result.items} items, {result.reused} of them with the vectors that were there, "
        f"{moments} segments as before"
    )
