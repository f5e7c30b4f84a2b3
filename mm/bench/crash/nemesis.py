"""Kills: the victim, the phase of work and the time, drawn from a seed for reproducible runs."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Victim = Literal["decoder", "child", "worker", "broker", "API", "postgresql"]
"""`child` is the worker process that executes tasks, `decoder` the child that opens files."""
Phase = Literal["ingest", "upload", "delete", "rebuild"]
PHASES: tuple[Phase, ...] = get_args(Phase)
TRIGGERS: dict[Phase, tuple[str, ...]] = {
    "ingest": ("time", "shards/incoming", "shards", "index"),
    "upload": ("time", "blobs/incoming", "blobs"),
    "delete": ("time", "blobs", "index"),
    "rebuild": ("time", "index"),
}
"""`time`, or the folder whose next change triggers the kill."""
LONGEST_DELAY = 2.0  # seconds from the start of a phase, and longest wait for a trigger or victim
LONGEST_LAG = 0.02  # seconds between a change in a folder and the kill
POLL_SECONDS = 0.0005


@dataclass(frozen=True)
class Point:
    """One kill."""

    number: int
    victim: Victim
    phase: Phase
    trigger: str
    delay: float
    """Seconds from the trigger; for `time`, from the start of the phase."""

    def __str__(self) -> str:
        return f"{self.number:4d} {self.victim:<10} {self.phase:<7} {self.trigger:<15} {self.delay * 1000:6.0f} ms"


def draw_point(seed: int, number: int, victims: Sequence[Victim]) -> Point:
    """Draw point `number` of a run; all pairs of victim and phase occur before one repeats."""
    pairs = [(victim, phase) for victim in victims for phase in PHASES]
    round_number, index = divmod(number, len(pairs))
    random.Random(f"{seed} {round_number}").shuffle(pairs)
    victim, phase = pairs[index]
    rng = random.Random(f"{seed} point {number}")
    trigger = rng.choice(TRIGGERS[phase])
    return Point(number, victim, phase, trigger, rng.uniform(0.0, LONGEST_DELAY if trigger == "time" else LONGEST_LAG))


class KillableSystem(Protocol):
    """A system whose processes can be killed."""

    @property
    def home(self) -> Path: ...
    def kill(self, victim: Victim) -> bool:
        """Send SIGKILL. False if the victim does not run at the moment."""


def kill_at_point(system: KillableSystem, point: Point) -> tuple[float, bool]:
    """Wait for the trigger and kill the victim, if it runs before a time limit.

    Returns the time in seconds of `time.monotonic()`, and whether a process was killed.
    """
    deadline = time.monotonic() + LONGEST_DELAY
    if point.trigger != "time":
        folder = system.home / point.trigger
        before = _names(folder)
        while _names(folder) == before and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    time.sleep(point.delay)
    deadline = time.monotonic() + LONGEST_DELAY
    while not (killed := system.kill(point.victim)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return time.monotonic(), killed


def _names(folder: Path) -> frozenset[str]:
    """Files in a folder and one level below."""
    names: set[str] = set()
    try:
        for path in folder.iterdir():
            names.add(path.name)
            if path.is_dir() and path.name != "incoming":
                names.update(f"{path.name}/{below.name}" for below in path.iterdir())
    except OSError:  # removed meanwhile
        pass
    return frozenset(names)
