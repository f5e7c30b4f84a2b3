"""Delay of each file of a batch, from its acceptance until it can be searched, and the throughput.

The times are those of the service: a job's `created_at` is the acceptance of its upload,
`updated_at` its end.
"""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from mm.bench.ingest.photos import make_motifs, make_photo
from mm.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.client import Client
    from mm.schemas import Job

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Batch:
    """Files in upload order, each with the category under which the report counts it."""

    files: Sequence[tuple[str, Path]]


@dataclass(frozen=True)
class BatchReport:
    """`waits` has, by category, the seconds from acceptance to searchable of each file."""

    seconds: float
    cpu: float
    waits: dict[str, list[float]] = field(default_factory=dict)
    caption_seconds: float | None = None
    """Until all captions are written too; None if they are not waited for."""
    caption_cpu: float = 0.0
    """Processor seconds of that longer time."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        count = sum(map(len, self.waits.values()))
        return [
            f"{count} files from the first upload until all can be searched: {self.seconds:.1f} s, {self.cpu:.1f} CPU s, "
            f"{count / self.seconds:.2f} files/s, {1000 * self.cpu / count:.0f} CPU ms a file",
            *self._caption_lines(count),
            "| files | from accepted to searchable, median s | longest s |",
            "| --- | --- | --- |",
            *(
                f"| {len(waits)} {category} | {statistics.median(waits):.1f} | {max(waits):.1f} |"
                for category, waits in self.waits.items()
            ),
        ]

    def compare_lines(self, without: BatchReport) -> list[str]:
        """Times with captions divided by those without."""
        return [
            f"until all can be searched, captions on / off: {self.seconds / without.seconds:.2f} of the time",
            f"until all captions are written: {(self.caption_seconds or 0.0) / without.seconds:.2f} of the time, "
            f"{self.caption_cpu / without.cpu:.2f} of the processor time",
        ]

    def _caption_lines(self, count: int) -> list[str]:
        if self.caption_seconds is None:
            return []
        return [
            f"until all captions are written: {self.caption_seconds:.1f} s, {self.caption_cpu:.1f} CPU s, "
            f"{1000 * self.caption_cpu / count:.0f} CPU ms a file"
        ]


def write_photos(folder: Path, count: int, seed: int) -> list[Path]:
    """Write photos of 12 megapixels, each with unique bytes."""
    motifs = make_motifs(seed)
    paths = [folder / f"photo {number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(make_photo(motifs[number % len(motifs)], number))
    return paths


def run(client: Client, batch: Batch, *, wait_for_captions: bool = False) -> BatchReport:
    """Upload all files in order and wait for the last job, and for all captions if so requested.

    Raises `Conflict` when a job fails.
    """
    started, cpu = time.time(), _cpu_seconds()
    sent = [(category, client.add(path).job.id) for category, path in batch.files]
    jobs = {job_id: _wait_for_job(client, job_id) for _, job_id in sent}
    cpu_before, cpu = cpu, _cpu_seconds() - cpu
    ended = max(job.updated_at.timestamp() for job in jobs.values())
    waits: dict[str, list[float]] = {}
    for category, job_id in sent:
        job = jobs[job_id]
        waits.setdefault(category, []).append((job.updated_at - job.created_at).total_seconds())
    if not wait_for_captions:
        return BatchReport(ended - started, cpu, waits)
    for job in jobs.values():
        while not client.captions(job.item_id).captions:
            time.sleep(POLL_SECONDS)
    return BatchReport(ended - started, cpu, waits, time.time() - started, _cpu_seconds() - cpu_before)


def _wait_for_job(client: Client, job_id: str) -> Job:
    while (job := client.job(job_id)).state in {"queued", "running"}:
        time.sleep(POLL_SECONDS)
    if job.state != "done":
        raise Conflict(f"The job {job_id} is {job.state}: {job.error}")
    return job


def _cpu_seconds() -> float:
    """Processor time of this process and its descendants, including those that have ended."""
    own = psutil.Process()
    times = []
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times.append(process.cpu_times())
    return float(sum(t.user + t.system + t.children_user + t.children_system for t in times))
