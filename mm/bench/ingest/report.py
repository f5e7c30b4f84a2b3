"""How fast is a video taken in, beside decoding it alone and beside the naive way? How much memory
does it take?

Ours is the real service: a worker in a process of its own, told over HTTP, from the upload until
the item can be searched.
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
MEANING = {
    FLOOR: "floor: PyAV decodes every frame",
    NAIVE: "naive: decord, one frame a second, eager torch one by one",
    OURS: "ours, without speech",
    SPEECH: "ours, speech recognised",
}
WARM_SECONDS = 6.0  # of film that is taken in first: towers are loaded once in the life of a worker
OnProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs: who asks it, and the process whose family does the work."""

    client: Client
    worker: int


@dataclass(frozen=True, slots=True)
class Videos:
    """The same pictures without and with sound; `with_speech` is None where none is heard."""

    silent: Path
    with_speech: Path | None
    seconds: float


@dataclass(frozen=True, slots=True)
class IngestReport:
    """One run: for each method, one `Usage` per repeat. `notes` say what was left out, and why."""

    seconds: float
    size: str
    ways: dict[str, list[Usage]]
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        floor = median(used.wall for used in self.ways[FLOOR])
        rows = [
            f"| {MEANING[way]} | {_spread([u.wall for u in used])} | {median(u.cpu for u in used):.0f} "
            f"| {median(u.wall for u in used) / floor:.2f} | {self.seconds / median(u.wall for u in used):.1f} "
            f"| {max(u.pss for u in used) / 1e6:.0f} |"
            for way, used in self.ways.items()
        ]
        head = [f"{self.seconds / 60:g} min of {self.size}", "wall s (least to most)", "CPU s", "of the floor", "times real time"]
        return ["| " + " | ".join([*head, "peak MB"]) + " |", "| --- |" + " --- |" * 5, *rows, *self.notes]


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Minutes of film, and what taking them in needed."""

    rows: list[tuple[float, Usage]]

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        rows = [f"| {minutes:g} | {used.wall:.0f} | {used.pss / 1e6:.0f} |" for minutes, used in self.rows]
        return ["| minutes of film | wall s | peak MB of worker and decoders (PSS) |", "| --- | --- | --- |", *rows]


def make_videos(folder: Path, seconds: float, size: Size, *, speech: bool) -> Videos:
    """Write what a run takes in. Raises `Unavailable` when a package that carries the pictures or
    the speech is missing."""
    silent = write_video(folder / "silent.mp4", seconds, size, speech=False)
    heard = write_video(folder / "speech.mp4", seconds, size, speech=True) if speech else None
    return Videos(silent, heard, seconds)


def prepare_video(video: Path, folder: Path, *, speech: bool) -> Videos:
    """A film of the user's: its pictures alone, joined anew without encoding, and the film itself
    where it is to be heard."""
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
            heard = bool(source.streams.audio)
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise InvalidInput(f"{video} cannot be used for this bench: {error}.") from error
    return Videos(silent, video if speech and heard else None, seconds)


def run(service: Service, films: Videos, size: str, repeats: int, on_progress: OnProgress) -> IngestReport:
    """All ways in turns, `repeats` times. Raises `InvalidInput` for no repeat, and what the service
    raises."""
    if repeats < 1:
        raise InvalidInput("At least one repeat must be made.")
    ways: dict[str, Callable[[], Usage]] = {FLOOR: lambda: run_baseline(FLOOR, films.silent)}
    notes = [f"Naive is left out: {missing}." for missing in [_missing()] if missing]
    if not notes:
        ways[NAIVE] = lambda: run_baseline(NAIVE, films.silent)
    ways[OURS] = lambda: ingest_video(service, films.silent)
    if (heard := films.with_speech) is not None:
        ways[SPEECH] = lambda: ingest_video(service, heard)
    seen: dict[str, list[Usage]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, do in ways.items():
            seen[way].append(do())
            on_progress(f"{MEANING[way]}: {seen[way][-1].wall:.1f} s")
    return IngestReport(films.seconds, size, seen, notes)


def run_memory(
    service: Service, folder: Path, minutes: Sequence[float], size: Size, *, speech: bool, on_progress: OnProgress
) -> MemoryReport:
    """Take in one film of each length, and see the most memory that it took."""
    rows = []
    for length in minutes:
        on_progress(f"making {length:g} minutes of film")
        film = write_video(folder / "long.mp4", length * 60, size, speech=speech)
        rows.append((length, ingest_video(service, film)))
        film.unlink()
    return MemoryReport(rows)


def warm_up(service: Service, folder: Path, *, speech: bool) -> None:
    """Let the worker load its towers."""
    ingest_video(service, write_video(folder / "warm.mp4", WARM_SECONDS, (160, 96), speech=speech))


def ingest_video(service: Service, film: Path) -> Usage:
    """What the worker and its decoding children take from the upload until the film can be
    searched; it is deleted behind it."""
    with ProcessMeter(service.worker) as watch:
        upload = service.client.add(film, wait=True)
    service.client.delete(upload.item.id)
    if not upload.created:
        raise InvalidInput(f"{film.name} is in the library already; its ingest cannot be timed.")
    return watch.used


def run_baseline(way: str, film: Path) -> Usage:
    """One of `mm.bench.ingest.baselines`; time and processor time as it tells them, memory as seen
    from here."""
    command = [sys.executable, "-P", "-m", "mm.bench.ingest.baselines", way, str(film)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            with ProcessMeter(process.pid) as watch:
                out, err = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Unavailable(f"The way '{way}' ended with status {process.returncode}: {err.strip().rpartition(chr(10))[2]}")
    told = json.loads(out)
    return Usage(float(told["wall"]), float(told["cpu"]), watch.used.pss)


def _missing() -> str:
    """What the naive way lacks on this machine, in words."""
    lacking = [package for package in ("torch", "decord") if importlib.util.find_spec(package) is None]
    return f"{' and '.join(lacking)} of the extra `train` is not installed" if lacking else ""


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
