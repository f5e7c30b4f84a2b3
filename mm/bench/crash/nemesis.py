"""What is killed, while what is done, and when: drawn from a seed, so that a run can be had
again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Victim = Literal["decoder", "child", "worker", "broker", "API", "postgresql"]
"""`child` is the process of the worker that executes tasks, `decoder` the one that opens files for
it or for the API."""
Phase = Literal["ingest", "upload", "delete", "rebuild"]
PHASES: tuple[Phase, ...] = get_args(Phase)
TRIGGERS: dict[Phase, tuple[str, ...]] = {
    "ingest": ("time", "shards/incoming", "shards", "index"),
    "upload": ("time", "blobs/incoming", "blobs"),
    "delete": ("time", "blobs", "index"),
    "rebuild": ("time", "index"),
}
"""`time`, or the folder whose next change sets the kill off."""
LONGEST_DELAY = 2.0  # seconds from the start of a phase, or from nothing at all having happened
LONGEST_LAG = 0.02  # seconds between a change in a folder and the kill
LOOK_SECONDS = 0.0005


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
    """Point `number` of a run. Each victim meets each phase once before any meets one twice."""
    pairs = [(victim, phase) for victim in victims for phase in PHASES]
    turn, place = divmod(number, len(pairs))
    random.Random(f"{seed} {turn}").shuffle(pairs)
    victim, phase = pairs[place]
    rng = random.Random(f"{seed} point {number}")
    trigger = rng.choice(TRIGGERS[phase])
    return Point(number, victim, phase, trigger, rng.uniform(0.0, LONGEST_DELAY if trigger == "time" else LONGEST_LAG))


class KillableSystem(Protocol):
    """A system whose processes can be killed."""

    @property
    def home(self) -> Path: ...
    def kill(self, victim: Victim) -> bool:
        """SIGKILL. False if there is no such process just now."""


def kill_at_point(system: KillableSystem, point: Point) -> tuple[float, bool]:
    """Wait for the moment and kill. Returns when, in seconds of `time.monotonic()`, and whether
    there was something to kill.

    A victim that is not there (a decoder that is not needed yet) is waited for, and forgone in the
    end.
    """
    give_up = time.monotonic() + LONGEST_DELAY
    if point.trigger != "time":
        folder = system.home / point.trigger
        before = _names(folder)
        while _names(folder) == before and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)
    time.sleep(point.delay)
    give_up = time.monotonic() + LONGEST_DELAY
    while not (killed := system.kill(point.victim)) and time.monotonic() < give_up:
        time.sleep(LOOK_SECONDS)
    return time.monotonic(), killed


def _names(folder: Path) -> frozenset[str]:
    """Files in a folder and one level below."""
    names: set[str] = set()
    try:
        for path in folder.iterdir():
            names.add(path.name)
            if path.is_dir() and path.name != "incoming":
                names.update(f"{path.name}/{below.name}" for below in path.iterdir())
    except OSError:  # gone in this moment
        pass
    return frozenset(names)
