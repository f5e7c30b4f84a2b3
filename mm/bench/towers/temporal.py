"""Time and memory of one pass of the temporal network over a video, in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from mm.errors import Unavailable
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.motion import NUM_MOTIONS
from mm.models.temporal.tower import TemporalTower
from mm.numerics import normalize_rows

ROUNDS = 5
PROGRAM = "import sys; from mm.bench.towers.temporal import main; main(*sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class TemporalReport:
    """Medians of `ROUNDS` passes."""

    frames: int
    fps: float
    seconds: float
    peak_mb: float
    """Peak resident memory of the process, including Python and the weights."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        minutes = self.frames / self.fps / 60
        return [
            "| video | frames | one pass, median | peak memory of the process |",
            "| --- | --- | --- | --- |",
            f"| {minutes:.0f} min at {self.fps:g} a second | {self.frames:,} | {self.seconds:.2f} s | {self.peak_mb:.0f} MB |",
        ]


def measure(weights: Path, minutes: float, fps: float) -> TemporalReport:
    """Measure with synthetic frames. Raises `Unavailable` when the process fails."""
    arguments = [sys.executable, "-c", PROGRAM, str(weights), str(minutes), str(fps)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"The bench process failed: {done.stderr.strip().splitlines()[-1]}")
    return TemporalReport(**json.loads(done.stdout))


def main(weights: str, minutes: str, fps: str) -> None:
    """Measure in this process, and print the report as JSON."""
    tower = TemporalTower(Path(weights))
    random = np.random.default_rng(0)
    count = round(float(minutes) * 60 * float(fps))
    vectors = normalize_rows(random.normal(size=(count, tower.config.dim)).astype(np.float32))
    frames = FrameSequence(np.arange(count) / float(fps), vectors, random.random((count, NUM_MOTIONS)).astype(np.float32))
    durations = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        tower.predict_boundaries(frames)
        durations.append(time.perf_counter() - start)
    # Not `getrusage`: its maximum includes the memory of the parent process at the fork.
    peak = next(int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    sys.stdout.write(json.dumps(asdict(TemporalReport(count, float(fps), median(durations), peak))))
