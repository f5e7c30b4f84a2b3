"""Time and memory of the ingest of a video, beside decoding alone and a naive method.

Ours is the real service, with a worker in its own process, from the upload until the item can be
searched.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from mm.bench.ingest.process_meter import ProcessMeter, Usage
from mm.bench.ingest.video import write_video
from mm.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from mm.bench.ingest.video import Size
    from mm.client import Client

FLOOR, NAIVE, OURS, SPEECH = "floor", "naive", "ours", "ours, with speech"
LABELS = {
    FLOOR: "lower bound: PyAV decodes every frame",
    NAIVE: "naive: decord, one frame a second, eager torch one by one",
    OURS: "ours, without speech",
    SPEECH: "ours, speech recognised",
}
WARM_UP_SECONDS = 6.0  # of video that is ingested first, because a worker loads its towers once
OnProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: a client, and the process id of its worker."""

    client: Client
    worker: int


@dataclass(frozen=True, slots=True)
class Videos:
    """The same frames without and with audio; `with_speech` is None when speech is not measured."""

    silent: Path
    with_speech: Path | None
    seconds: float


@dataclass(frozen=True, slots=True)
class IngestReport:
    """One run. `ways` has for each method one `Usage` per repeat; `notes` name omitted methods.

    The names of the fields are the keys of `--json`.
    """

    seconds: float
    size: str
    ways: dict[str, list[Usage]]
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        lower_bound = median(usage.wall for usage in self.ways[FLOOR])
        rows = [
            f"| {LABELS[method]} | {_spread([u.wall for u in usages])} | {median(u.cpu for u in usages):.0f} "
            f"| {median(u.wall for u in usages) / lower_bound:.2f} | {self.seconds / median(u.wall for u in usages):.1f} "
            f"| {max(u.pss for u in usages) / 1e6:.0f} |"
            for method, usages in self.ways.items()
        ]
        head = [
            f"{self.seconds / 60:g} min of {self.size}",
            "wall s (min to max)",
            "CPU s",
            "times the lower bound",
            "times real time",
            "peak MB",
        ]
        return ["| " + " | ".join(head) + " |", "| --- |" + " --- |" * 5, *rows, *self.notes]


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Minutes of video, and the resources of their ingest."""

    rows: list[tuple[float, Usage]]

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        rows = [f"| {minutes:g} | {usage.wall:.0f} | {usage.pss / 1e6:.0f} |" for minutes, usage in self.rows]
        return ["| minutes of video | wall s | peak MB of worker and decoders (PSS) |", "| --- | --- | --- |", *rows]


def make_videos(folder: Path, seconds: float, size: Size, *, speech: bool) -> Videos:
    """Generate the videos of a run. Raises `Unavailable` when a package with sources is missing."""
    silent = write_video(folder / "silent.mp4", seconds, size, speech=False)
    with_speech = write_video(folder / "speech.mp4", seconds, size, speech=True) if speech else None
    return Videos(silent, with_speech, seconds)


def prepare_video(video: Path, folder: Path, *, speech: bool) -> Videos:
    """Remux an existing video without its audio. Raises `InvalidInput` for an unsuitable file."""
    import av

    silent = folder / f"silent{video.suffix}"
    try:
        with av.open(str(video)) as source, av.open(str(silent), "w") as output:
            stream = source.streams.video[0]
            target = output.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    output.mux(packet)
            seconds = float(source.duration or 0) / av.time_base
            has_audio = bool(source.streams.audio)
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise InvalidInput(f"{video} cannot be used for this bench: {error}.") from error
    return Videos(silent, video if speech and has_audio else None, seconds)


def run(service: Service, videos: Videos, size: str, repeats: int, on_progress: OnProgress) -> IngestReport:
    """Run all methods alternately, `repeats` times each.

    Raises `InvalidInput` for less than one repeat, and the errors of the service.
    """
    if repeats < 1:
        raise InvalidInput("At least one repeat is needed.")
    methods: dict[str, Callable[[], Usage]] = {FLOOR: lambda: run_baseline(FLOOR, videos.silent)}
    notes = [f"The naive method is skipped: {reason}." for reason in [_missing_packages()] if reason]
    if not notes:
        methods[NAIVE] = lambda: run_baseline(NAIVE, videos.silent)
    methods[OURS] = lambda: ingest_video(service, videos.silent)
    if (with_speech := videos.with_speech) is not None:
        methods[SPEECH] = lambda: ingest_video(service, with_speech)
    usages: dict[str, list[Usage]] = {method: [] for method in methods}
    for _ in range(repeats):
        for method, measure in methods.items():
            usages[method].append(measure())
            on_progress(f"{LABELS[method]}: {usages[method][-1].wall:.1f} s")
    return IngestReport(videos.seconds, size, usages, notes)


def run_memory(
    service: Service, folder: Path, minutes: Sequence[float], size: Size, *, speech: bool, on_progress: OnProgress
) -> MemoryReport:
    """Ingest one video of each length, and measure the peak memory."""
    rows = []
    for length in minutes:
        on_progress(f"generating {length:g} minutes of video")
        video = write_video(folder / "long.mp4", length * 60, size, speech=speech)
        rows.append((length, ingest_video(service, video)))
        video.unlink()
    return MemoryReport(rows)


def warm_up(service: Service, folder: Path, *, speech: bool) -> None:
    """Ingest a short video, so that the worker has loaded its towers."""
    ingest_video(service, write_video(folder / "warm.mp4", WARM_UP_SECONDS, (160, 96), speech=speech))


def ingest_video(service: Service, video: Path) -> Usage:
    """Upload a video, wait until it can be searched, and delete it.

    Returns the resources of the worker and its decoding children.
    """
    with ProcessMeter(service.worker) as meter:
        upload = service.client.add(video, wait=True)
    service.client.delete(upload.item.id)
    service.client.delete_for_good(upload.item.id)
    if not upload.created:
        raise InvalidInput(f"{video.name} is already in the library; its ingest cannot be timed.")
    return meter.usage


def run_baseline(method: str, video: Path) -> Usage:
    """Run a method of `mm.bench.ingest.baselines`, which reports its own time."""
    command = [sys.executable, "-P", "-m", "mm.bench.ingest.baselines", method, str(video)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            with ProcessMeter(process.pid) as meter:
                out, err = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        reason = err.strip().rpartition("\n")[2]
        raise Unavailable(f"The baseline '{method}' ended with exit status {process.returncode}: {reason}")
    times = json.loads(out)
    return Usage(float(times["wall"]), float(times["cpu"]), meter.usage.pss)


def _missing_packages() -> str:
    """The packages that the naive method lacks, as a sentence part; empty if none."""
    missing = [package for package in ("torch", "decord") if importlib.util.find_spec(package) is None]
    return f"{' and '.join(missing)} of the extra `train` is not installed" if missing else ""


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
