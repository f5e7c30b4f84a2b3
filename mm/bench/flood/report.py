"""An honest client, undisturbed and beside many hostile connections of each kind, in turns."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import psutil

from mm.bench.flood.attack import Attack, Kind, command
from mm.bench.flood.honest import STEPS, HonestClient, Times
from mm.bench.flood.video import write_video

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: tuple[Kind, ...] = get_args(Kind)
TARGET = 3.0
"""Most that the 99th percentile beside an attack may be, in those of the undisturbed client."""
VIDEO_SECONDS, VIDEO_FPS = 300.0, 5
NUM_ROUNDS = 4
"""In which the two are measured, because other load on the machine comes and goes."""
LEAD_SECONDS = 2.0
"""Of an attack before the honest client begins, and behind its end: a warm start, and no early end.
"""


@dataclass(frozen=True, slots=True)
class Service:
    """An API that runs and wants keys."""

    port: int
    pid: int
    honest_key: str
    hostile_key: str


@dataclass(frozen=True, slots=True)
class AttackResult:
    """One kind of attack, with the same client undisturbed just before."""

    kind: Kind
    alone: Times
    beside: Times
    answers: Counter[str]
    """What the attacker got, by status; `closed` are connections that ended without an answer."""
    cpu_alone: float
    cpu_beside: float
    """Processor time of the API and of its children that ended, in cores."""

    def combine(self, other: AttackResult) -> AttackResult:
        """Both together."""
        return AttackResult(
            self.kind,
            self.alone.combine(other.alone),
            self.beside.combine(other.beside),
            self.answers + other.answers,
            self.cpu_alone + other.cpu_alone,
            self.cpu_beside + other.cpu_beside,
        )

    def ratio(self, step: str) -> float:
        """The 99th percentile beside the attack by that of the undisturbed client."""
        return self.beside.quantile(step, 0.99) / self.alone.quantile(step, 0.99)

    @property
    def passed(self) -> bool:
        """No error, and no step over `TARGET`."""
        return not self.beside.errors and all(self.ratio(step) <= TARGET for step in STEPS)

    def row(self) -> str:
        """A row of the table."""
        steps = [
            f"{_milliseconds(self.alone, step)} -> {_milliseconds(self.beside, step)} ({self.ratio(step):.1f})" for step in STEPS
        ]
        answers = ", ".join(f"{count:,} {status}" for status, count in self.answers.most_common())
        rounds = len(self.beside.seconds["search"])
        cells = [
            self.kind,
            *steps,
            str(rounds),
            str(len(self.beside.errors)),
            f"{self.cpu_alone:.2f} -> {self.cpu_beside:.2f}",
            answers,
        ]
        return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True, slots=True)
class FloodReport:
    """All rounds of one run."""

    connections: int
    rounds: list[AttackResult]

    @property
    def passed(self) -> bool:
        return all(one.passed for one in self.rounds)

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        head = [f"{self.connections} connections of", *(f"{step}: p50 / p99 ms alone -> beside (ratio of p99)" for step in STEPS)]
        head += ["rounds", "errors", "API, cores alone -> beside", "what the attacker got"]
        errors = [f"{one.kind}: {error}" for one in self.rounds for error in one.beside.errors[:5]]
        return [
            "| " + " | ".join(head) + " |",
            "| --- |" + " --- |" * (len(head) - 1),
            *(one.row() for one in self.rounds),
            *errors,
        ]


def run(
    service: Service, kinds: Sequence[Kind], connections: int, seconds: float, on_progress: Callable[[str], None]
) -> FloodReport:
    """Measure `seconds` undisturbed and as long beside each kind of attack. Raises what httpx
    raises when nothing answers."""
    url = f"http://127.0.0.1:{service.port}"
    rounds: list[AttackResult] = []
    with tempfile.TemporaryDirectory(prefix="mm-flood-") as name, HonestClient(url, service.honest_key, Path(name)) as client:
        on_progress(f"making a film of {VIDEO_SECONDS:.0f} s with one key frame")
        film = Path(name) / "film.mp4"
        write_video(film, seconds=VIDEO_SECONDS, fps=VIDEO_FPS, key_frame_every=round(VIDEO_SECONDS * VIDEO_FPS) + 1)
        item, job = client.add(film.read_bytes(), film.name)
        for kind in kinds:
            on_progress(
                f"{kind}: {seconds:.0f} s undisturbed, {seconds:.0f} s beside {connections} connections, in {NUM_ROUNDS} turns"
            )
            turn = seconds / NUM_ROUNDS
            attack = Attack(kind, service.port, service.hostile_key, connections, turn + 2 * LEAD_SECONDS, item, job)
            total = AttackResult(kind, Times(), Times(), Counter(), 0.0, 0.0)
            for _ in range(NUM_ROUNDS):
                alone, cpu_alone = _measured(service, client, turn)
                with _attacked(attack) as answers:
                    beside, cpu_beside = _measured(service, client, turn)
                total = total.combine(AttackResult(kind, alone, beside, answers, cpu_alone / NUM_ROUNDS, cpu_beside / NUM_ROUNDS))
            rounds.append(total)
            on_progress(total.row())
    return FloodReport(connections, rounds)


def _measured(service: Service, client: HonestClient, seconds: float) -> tuple[Times, float]:
    before, started = _cpu(service.pid), time.monotonic()
    times = client.run(seconds)
    return times, (_cpu(service.pid) - before) / (time.monotonic() - started)


@contextmanager
def _attacked(attack: Attack) -> Iterator[Counter[str]]:
    """An attack around the block; its answers are counted when the block has ended."""
    answers: Counter[str] = Counter()
    with subprocess.Popen(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(attack)) + "\n")
        process.stdin.flush()
        try:
            time.sleep(LEAD_SECONDS)
            yield answers
        except BaseException:
            process.kill()
            raise
        said, _ = process.communicate()
        answers.update(json.loads(said)["answers"])


def _milliseconds(times: Times, step: str) -> str:
    return f"{1000 * times.quantile(step, 0.5):.0f} / {1000 * times.quantile(step, 0.99):.0f}"


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
