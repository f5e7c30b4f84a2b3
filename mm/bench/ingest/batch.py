"""How long does each file of a batch wait in a whole service, and how many are made searchable a
second?

Times are those that the service itself notes: a job's `created_at` is when its upload was accepted,
`updated_at` when it ended.
"""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from mm.bench.ingest.photos import motifs, photo
from mm.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.client import Client
    from mm.schemas import Job

LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Batch:
    """Files to send, in their order, each with the sort that the report counts it in."""

    files: Sequence[tuple[str, Path]]


@dataclass(frozen=True)
class BatchReport:
    """`waits` has, for each sort, the seconds from accepting each of its files until it could be
    searched."""

    seconds: float
    cpu: float
    waits: dict[str, list[float]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """A table."""
        count = sum(map(len, self.waits.values()))
        return [
            f"{count} files from the first upload until all can be searched: {self.seconds:.1f} s, {self.cpu:.1f} CPU s, "
            f"{count / self.seconds:.2f} files/s, {1000 * self.cpu / count:.0f} CPU ms a file",
            "| files | from accepted to searchable, median s | longest s |",
            "| --- | --- | --- |",
            *(f"| {len(of)} {sort} | {statistics.median(of):.1f} | {max(of):.1f} |" for sort, of in self.waits.items()),
        ]


def write_photos(folder: Path, count: int, seed: int) -> list[Path]:
    """Photos of 12 megapixels, each under bytes of its own."""
    material = motifs(seed)
    paths = [folder / f"photo {number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(photo(material[number % len(material)], number))
    return paths


def run(client: Client, batch: Batch) -> BatchReport:
    """Send all files one after the other and wait for the last job. Raises `Conflict` when one of
    them fails."""
    started, cpu = time.time(), _cpu_seconds()
    sent = [(sort, client.add(path).job.id) for sort, path in batch.files]
    ended = {job_id: _ended(client, job_id) for _, job_id in sent}
    cpu = _cpu_seconds() - cpu
    last = max(job.updated_at.timestamp() for job in ended.values())
    waits: dict[str, list[float]] = {}
    for sort, job_id in sent:
        job = ended[job_id]
        waits.setdefault(sort, []).append((job.updated_at - job.created_at).total_seconds())
    return BatchReport(last - started, cpu, waits)


def _ended(client: Client, job_id: str) -> Job:
    while (job := client.job(job_id)).state in {"queued", "running"}:
        time.sleep(LOOK_SECONDS)
    if job.state != "done":
        raise Conflict(f"The job {job_id} is {job.state}: {job.error}")
    return job


def _cpu_seconds() -> float:
    """Processor time of this process and of all below it, those that ended included."""
    us = psutil.Process()
    times = []
    for process in (us, *us.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times.append(process.cpu_times())
    return float(sum(t.user + t.system + t.children_user + t.children_system for t in times))
