"""Latencies of an honest client, alone and beside hostile connections of each kind."""

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
"""Largest ratio of the 99th percentiles with and without an attack."""
VIDEO_SECONDS, VIDEO_FPS = 300.0, 5
NUM_ROUNDS = 4
"""Alternations of both measurements, because other load on the machine varies."""
LEAD_SECONDS = 2.0
"""Seconds of the attack before and after the measurement."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running API with keys."""

    port: int
    pid: int
    honest_key: str
    hostile_key: str


@dataclass(frozen=True, slots=True)
class AttackResult:
    """Measurements with one kind of attack, and alone just before."""

    kind: Kind
    alone: Times
    beside: Times
    responses: Counter[str]
    """Responses to the attacker by status; `closed` counts connections without a response."""
    cpu_alone: float
    cpu_beside: float
    """Processor time of the API and of its ended children, in cores."""

    def combine(self, other: AttackResult) -> AttackResult:
        """Merge both."""
        return AttackResult(
            self.kind,
            self.alone.combine(other.alone),
            self.beside.combine(other.beside),
            self.responses + other.responses,
            self.cpu_alone + other.cpu_alone,
            self.cpu_beside + other.cpu_beside,
        )

    def ratio(self, step: str) -> float:
        """Ratio of the 99th percentiles with and without the attack."""
        return self.beside.quantile(step, 0.99) / self.alone.quantile(step, 0.99)

    @property
    def passed(self) -> bool:
        """Whether there is no error and no ratio above `TARGET`."""
        return not self.beside.errors and all(self.ratio(step) <= TARGET for step in STEPS)

    def row(self) -> str:
        """A row of the table."""
        steps = [
            f"{_milliseconds(self.alone, step)} -> {_milliseconds(self.beside, step)} ({self.ratio(step):.1f})" for step in STEPS
        ]
        responses = ", ".join(f"{count:,} {status}" for status, count in self.responses.most_common())
        rounds = len(self.beside.seconds["search"])
        cells = [
            self.kind,
            *steps,
            str(rounds),
            str(len(self.beside.errors)),
            f"{self.cpu_alone:.2f} -> {self.cpu_beside:.2f}",
            responses,
        ]
        return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True, slots=True)
class FloodReport:
    """All rounds of one run."""

    connections: int
    rounds: list[AttackResult]

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.rounds)

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        head = [f"{self.connections} connections of", *(f"{step}: p50 / p99 ms alone -> beside (ratio of p99)" for step in STEPS)]
        head += ["rounds", "errors", "API, cores alone -> beside", "responses to the attacker"]
        errors = [f"{result.kind}: {error}" for result in self.rounds for error in result.beside.errors[:5]]
        return [
            "| " + " | ".join(head) + " |",
            "| --- |" + " --- |" * (len(head) - 1),
            *(result.row() for result in self.rounds),
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
        on_progress(f"generating a video of {VIDEO_SECONDS:.0f} s with one key frame")
        video = Path(name) / "video.mp4"
        write_video(video, seconds=VIDEO_SECONDS, fps=VIDEO_FPS, key_frame_every=round(VIDEO_SECONDS * VIDEO_FPS) + 1)
        item, job = client.add(video.read_bytes(), video.name)
        for kind in kinds:
            on_progress(
                f"{kind}: {seconds:.0f} s undisturbed, {seconds:.0f} s beside {connections} connections, in {NUM_ROUNDS} rounds"
            )
            round_seconds = seconds / NUM_ROUNDS
            attack = Attack(kind, service.port, service.hostile_key, connections, round_seconds + 2 * LEAD_SECONDS, item, job)
            total = AttackResult(kind, Times(), Times(), Counter(), 0.0, 0.0)
            for _ in range(NUM_ROUNDS):
                alone, cpu_alone = _measure(service, client, round_seconds)
                with _run_attack(attack) as responses:
                    beside, cpu_beside = _measure(service, client, round_seconds)
                total = total.combine(
                    AttackResult(kind, alone, beside, responses, cpu_alone / NUM_ROUNDS, cpu_beside / NUM_ROUNDS)
                )
            rounds.append(total)
            on_progress(total.row())
    return FloodReport(connections, rounds)


def _measure(service: Service, client: HonestClient, seconds: float) -> tuple[Times, float]:
    cpu, started = _cpu(service.pid), time.monotonic()
    times = client.run(seconds)
    return times, (_cpu(service.pid) - cpu) / (time.monotonic() - started)


@contextmanager
def _run_attack(attack: Attack) -> Iterator[Counter[str]]:
    """Run an attack during the block; the counter is filled at its end."""
    responses: Counter[str] = Counter()
    with subprocess.Popen(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(attack)) + "\n")
        process.stdin.flush()
        try:
            time.sleep(LEAD_SECONDS)
            yield responses
        except BaseException:
            process.kill()
            raise
        output, _ = process.communicate()
        responses.update(json.loads(output)["responses"])


def _milliseconds(times: Times, step: str) -> str:
    return f"{1000 * times.quantile(step, 0.5):.0f} / {1000 * times.quantile(step, 0.99):.0f}"


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
