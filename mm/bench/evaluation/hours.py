"""Seconds of an evaluation by hours of video, on simulated sets, with the line through them.

Every number is of simulated videos; that of `TARGET_HOURS` is extrapolated.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.bench.meter import Meter
from mm.data.activitynet.simulation.build import SimulationRequest, build_simulated_set
from mm.data.sets.catalog import describe_set, read_set
from mm.errors import InvalidInput
from mm.evaluation.evaluate_set import SetRequest, evaluate_set, open_cache
from mm.settings import Settings

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.spaces import Space

TARGET_HOURS = 1000.0
SPLIT, TASK = "train", "paragraphs"
REPEATS = 3
MIN_SIZES = 3
"""Of a line whose deviations say something."""


@dataclass(frozen=True, slots=True)
class SizeTiming:
    """Evaluations with an empty cache, medians: read the set, encode it, measure `TASK`."""

    num_videos: int
    """That were read; missing and damaged files are not among them."""
    hours: float
    seconds: float
    cpu: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class HoursReport:
    """Timings of several sizes, and the line through them by least squares."""

    timings: list[SizeTiming]
    side: int
    seconds_per_hour: float
    """Slope of the line."""
    fixed_seconds: float
    """Its intercept."""
    cpu_seconds_per_hour: float
    """Slope of processor time, which other programs change less."""
    largest_deviation: float
    """Seconds, of a timing from the line."""
    target_hours: float
    target_seconds: float
    """Extrapolated."""

    def lines(self) -> list[str]:
        """Markdown table, and what is extrapolated."""
        speed = f"{3600 / self.seconds_per_hour:.1f} times real time"
        return [
            f"simulated ActivityNet, {self.side} x {self.side}, split {SPLIT}, task {TASK}, empty cache, medians:",
            "| videos | hours of video | seconds | seconds per hour of video | CPU s | peak MB |",
            "| --- | --- | --- | --- | --- | --- |",
            *(
                f"| {each.num_videos} | {each.hours:.3f} | {each.seconds:.1f} | {each.seconds / each.hours:.0f} | "
                f"{each.cpu:.1f} | {each.peak_bytes / 1e6:.0f} |"
                for each in self.timings
            ),
            f"line: {self.fixed_seconds:.1f} s and {self.seconds_per_hour:.1f} s per hour of video ({speed}), "
            f"deviations up to {self.largest_deviation:.1f} s; of processor time {self.cpu_seconds_per_hour:.1f} s per hour",
            f"EXTRAPOLATED, not measured: {self.target_hours:g} hours of such video in {self.target_seconds / 3600:.1f} hours, "
            f"{self.target_hours / max(each.hours for each in self.timings):.0f} times the largest size measured.",
        ]


def measure_hours(
    sizes: Sequence[int],
    minutes: float,
    side: int,
    space: Space,
    weights: Sequence[Path],
    reader: MediaReader,
    settings: Settings,
    on_progress: Callable[[str], None] = lambda line: None,
    repeats: int = REPEATS,
) -> HoursReport:
    """Evaluate simulated sets of so many videos of up to `minutes`, each with an empty cache.

    A timing is the median of `repeats` evaluations.

    Raises `InvalidInput` for fewer than `MIN_SIZES` sizes, and as `build_simulated_set`.
    """
    if len(set(sizes)) < MIN_SIZES:
        raise InvalidInput(f"A slope needs {MIN_SIZES} different sizes or more, not {len(set(sizes))}.")
    described = describe_set("activitynet")
    timings: list[SizeTiming] = []
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        for size in sorted(set(sizes)):
            root = Path(folder) / str(size)
            build_simulated_set(SimulationRequest(size, minutes, side=side), root, reader, on_progress)
            request = SetRequest(described, root, SPLIT, TASK)
            if not timings:
                _warm_up(request, space, reader, settings)
            meters = []
            for number in range(repeats):
                fresh = replace_home(settings, Path(folder) / f"home-{size}-{number}")
                with Meter() as meter:
                    run = evaluate_set(request, space, weights, reader, fresh, f"size-{size}", "mm bench eval")
                meters.append(meter)
            failed = {failure.id for failure in run.outcome.failed}
            videos = [item for item in read_set(described, root, SPLIT).present if item.id not in failed]
            hours = sum(item.duration or 0.0 for item in videos) / 3600
            seconds, cpu = (statistics.median(getattr(meter, name) for meter in meters) for name in ("seconds", "cpu"))
            timings.append(SizeTiming(len(videos), hours, seconds, cpu, max(meter.peak for meter in meters)))
            on_progress(f"{len(videos)} videos, {hours:.3f} hours: {seconds:.1f} s")
            shutil.rmtree(root)
    return fit_line(timings, side)


def fit_line(timings: Sequence[SizeTiming], side: int, target_hours: float = TARGET_HOURS) -> HoursReport:
    """The line through timings by least squares, and its value at `target_hours`."""
    hours = np.array([each.hours for each in timings])
    seconds = np.array([each.seconds for each in timings])
    slope, intercept = np.polyfit(hours, seconds, 1).tolist()
    cpu_slope = float(np.polyfit(hours, [each.cpu for each in timings], 1)[0])
    deviation = float(np.abs(seconds - (intercept + slope * hours)).max())
    at_target = intercept + slope * target_hours
    return HoursReport(list(timings), side, slope, intercept, cpu_slope, deviation, target_hours, at_target)


def replace_home(settings: Settings, home: Path) -> Settings:
    """The same settings with an empty cache of features and the same graphs."""
    (home / "cache").mkdir(parents=True)
    if (graphs := settings.root / "cache" / "graphs").exists():
        (home / "cache" / "graphs").symlink_to(graphs)
    return Settings(**{**settings.model_dump(), "home": home})  # a copy would keep the cached root


def _warm_up(request: SetRequest, space: Space, reader: MediaReader, settings: Settings) -> None:
    """Load the towers with one video."""
    from mm.evaluation.features.encode import SetEncoder

    item = read_set(request.described, request.root, request.split).present[0]
    with closing(open_cache(settings)):
        SetEncoder(space, reader, settings).encode([item.path] if item.path else [])
    space.text.embed(["A circle moves."])
