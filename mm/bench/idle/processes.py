"""What a service costs that nobody uses, and how soon an item that is added to it at rest can be
found. Linux only."""

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

from mm.bench.meter import TICK
from mm.errors import Unavailable
from mm.schemas import Filters

if TYPE_CHECKING:
    from mm.client import Client

SIDE = 64  # px of the pictures that are added
LOOK_SECONDS = 0.05  # between two questions for an item
FOUND_SECONDS = 60.0
DECODER, WORKING = "decoding child", "working process"


@dataclass(frozen=True, slots=True)
class Counters:
    """Of one process since its start: seconds of processor time, and how often it woke up
    (voluntary context switches)."""

    cpu: float
    wakeups: int


@dataclass(frozen=True, slots=True)
class Row:
    """What one process took."""

    process: str
    cpu_percent: float  # of one core
    wakeups: float  # a second


@dataclass(frozen=True, slots=True)
class IdleReport:
    """Processes at rest, and seconds from the 202 of each upload until a search found the item."""

    seconds: float
    rows: list[Row]
    found: list[float]

    def lines(self) -> list[str]:
        """The report as Markdown."""
        total = Row("all", sum(row.cpu_percent for row in self.rows), sum(row.wakeups for row in self.rows))
        table = [f"| {row.process} | {row.cpu_percent:.2f} | {row.wakeups:.1f} |" for row in (*self.rows, total)]
        lines = [f"| at rest for {self.seconds:.0f} s | CPU, % of a core | wake-ups a second |", "| --- | --- | --- |", *table]
        if self.found:
            times = f"median {median(self.found):.2f} s, longest {max(self.found):.2f} s"
            lines.append(f"From the 202 of an upload until a search finds it, {len(self.found)} pictures: {times}.")
        return lines


def measure_at_rest(processes: Callable[[], Mapping[str, int]], seconds: float) -> list[Row]:
    """Let `seconds` pass, and say what each process took and what those did that it has started.

    `processes` are ids by name. One that ended or began meanwhile is left out.
    """
    names = list_process_tree(processes())
    before = {pid: read_counters(pid) for pid in names}
    begin = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begin
    rows: list[Row] = []
    for pid, name in names.items():
        first, last = before[pid], read_counters(pid)
        if first is not None and last is not None:
            rows.append(Row(name, 100 * (last.cpu - first.cpu) / passed, (last.wakeups - first.wakeups) / passed))
    return _summed(rows)


def list_process_tree(processes: Mapping[str, int]) -> dict[int, str]:
    """Names by process id of the processes given and of all that they started, which belong to the
    first one given."""
    names = {pid: name for name, pid in processes.items()}
    for name, pid in processes.items():
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(pid).children(recursive=True):
                if child.pid not in names:
                    names[child.pid] = _child_name(name, child)
    return names


def read_counters(pid: int) -> Counters | None:
    """The counters of a process, over its threads; None when it is gone."""
    cpu, wakeups = 0.0, 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended
                cpu += _cpu_seconds(thread)
                wakeups += _voluntary_switches(thread)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Counters(cpu, wakeups)


def time_to_search(client: Client, number: int) -> float:
    """Add a small make_image and return the seconds from the answer until a search finds it. Raises
    `Unavailable` when none does."""
    added = client.add(make_image(number), name=f"idle {number}.png")
    begin = time.monotonic()
    wanted = Filters(items=[added.item.id])
    while not client.search(f"make_image {number}", k=1, floor=0.0, filters=wanted).hits:
        if time.monotonic() - begin > FOUND_SECONDS:
            raise Unavailable(f"{added.item.name} is not found after {FOUND_SECONDS:.0f} s.")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - begin


def make_image(number: int) -> bytes:
    """A PNG of noise, the same for the same number."""
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _cpu_seconds(thread: Path) -> float:
    """Nanoseconds where the kernel counts them, else ticks of 10 ms."""
    with suppress(OSError, ValueError, IndexError):
        return int((thread / "schedstat").read_text().split()[0]) / 1e9
    fields = (thread / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _voluntary_switches(thread: Path) -> int:
    lines = (thread / "status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:")), 0)


def _child_name(parent: str, child: psutil.Process) -> str:
    command = " ".join(child.cmdline())
    if "mm.media.children.child" in command:
        return f"{parent}: {DECODER}"
    return f"{parent}: {WORKING}" if "workers" in command else parent


def _summed(rows: list[Row]) -> list[Row]:
    """One row for each name: the processes of a database server have one name."""
    named: dict[str, Row] = {}
    for row in rows:
        before = named.get(row.process, Row(row.process, 0.0, 0.0))
        named[row.process] = Row(row.process, before.cpu_percent + row.cpu_percent, before.wakeups + row.wakeups)
    return list(named.values())
