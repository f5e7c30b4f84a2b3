"""Counters of the processes of an idle service, and the delay until a new item is found.

Linux only.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import psutil
from PIL import Image

from mm.bench.meter import CLOCK_TICKS
from mm.errors import Unavailable
from mm.schemas import Filters

if TYPE_CHECKING:
    from mm.client import Client

SIDE = 64  # pixels of the images that are added
POLL_SECONDS = 0.05  # between two searches for an item
SEARCH_SECONDS = 60.0
DECODER, WORKER_CHILD = "decoding child", "working process"


@dataclass(frozen=True, slots=True)
class Counters:
    """Processor seconds and wake-ups (voluntary context switches) of a process since its start."""

    cpu: float
    wakeups: int


@dataclass(frozen=True, slots=True)
class Row:
    """Usage of one process."""

    process: str
    cpu_percent: float  # of one core
    wakeups: float  # per second


@dataclass(frozen=True, slots=True)
class IdleReport:
    """Idle processes, and seconds from the 202 of each upload until a search finds the item."""

    seconds: float
    rows: list[Row]
    found: list[float]  # the name is a key of `--json`

    def lines(self) -> list[str]:
        """The report as Markdown."""
        total = Row("all", sum(row.cpu_percent for row in self.rows), sum(row.wakeups for row in self.rows))
        table = [f"| {row.process} | {row.cpu_percent:.2f} | {row.wakeups:.1f} |" for row in (*self.rows, total)]
        lines = [f"| at rest for {self.seconds:.0f} s | CPU, % of a core | wake-ups a second |", "| --- | --- | --- |", *table]
        if self.found:
            times = f"median {median(self.found):.2f} s, longest {max(self.found):.2f} s"
            lines.append(f"From the response 202 to an upload until a search finds the item, {len(self.found)} images: {times}.")
        return lines


def measure_at_rest(processes: Callable[[], Mapping[str, int]], seconds: float) -> list[Row]:
    """Measure processes and their descendants for `seconds`.

    `processes` returns process ids by name. Processes that start or end meanwhile are left out.
    """
    names = list_process_tree(processes())
    before = {pid: read_counters(pid) for pid in names}
    start = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - start
    rows: list[Row] = []
    for pid, name in names.items():
        first, last = before[pid], read_counters(pid)
        if first is not None and last is not None:
            rows.append(Row(name, 100 * (last.cpu - first.cpu) / elapsed, (last.wakeups - first.wakeups) / elapsed))
    return _summed(rows)


def list_process_tree(processes: Mapping[str, int]) -> dict[int, str]:
    """Names by process id of the processes and their descendants.

    A descendant of several processes is named after the first of them.
    """
    names = {pid: name for name, pid in processes.items()}
    for name, pid in processes.items():
        for child in _list_descendants(pid):
            with suppress(psutil.NoSuchProcess):  # it has ended; the others are listed all the same
                if child.pid not in names:
                    names[child.pid] = _child_name(name, child)
    return names


def _list_descendants(pid: int) -> list[psutil.Process]:
    """Those of a process that has ended are none."""
    with suppress(psutil.NoSuchProcess):
        children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        return children
    return []


def read_counters(pid: int) -> Counters | None:
    """Sum the counters of the threads of a process; `None` if it has ended."""
    cpu, wakeups = 0.0, 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
                cpu += _cpu_seconds(thread)
                wakeups += _voluntary_switches(thread)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Counters(cpu, wakeups)


def time_to_search(client: Client, number: int) -> float:
    """Add a small image and return the seconds from the response until a search finds it.

    Raises `Unavailable` when no search finds it.
    """
    added = client.add(make_image(number), name=f"idle {number}.png")
    start = time.monotonic()
    filters = Filters(items=[added.item.id])
    while not client.search(f"make_image {number}", k=1, floor=0.0, filters=filters).hits:
        if time.monotonic() - start > SEARCH_SECONDS:
            raise Unavailable(f"{added.item.name} is not found within {SEARCH_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - start


def make_image(number: int) -> bytes:
    """A PNG of noise, reproducible by number."""
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _cpu_seconds(thread: Path) -> float:
    """From schedstat in nanoseconds if the kernel has it, else in clock ticks."""
    with suppress(OSError, ValueError, IndexError):
        return int((thread / "schedstat").read_text().split()[0]) / 1e9
    fields = (thread / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def _voluntary_switches(thread: Path) -> int:
    lines = (thread / "status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:")), 0)


def _child_name(parent: str, child: psutil.Process) -> str:
    command = " ".join(child.cmdline())
    if "mm.media.children.fork_server" in command:
        return f"{parent}: {DECODER}"
    return f"{parent}: {WORKER_CHILD}" if "workers" in command else parent


def _summed(rows: list[Row]) -> list[Row]:
    """Merge rows of one name: all processes of a database server have the same name."""
    named: dict[str, Row] = {}
    for row in rows:
        before = named.get(row.process, Row(row.process, 0.0, 0.0))
        named[row.process] = Row(row.process, before.cpu_percent + row.cpu_percent, before.wakeups + row.wakeups)
    return list(named.values())
