"""Whether the hit for an event in a still camera is the event, with and without cuts at events."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.bench.meter import Meter
from mm.bench.search.surveillance import (
    Event,
    Light,
    draw_events,
    load_background,
    load_objects,
    render_frames,
    write_video,
)
from mm.bench.temporary_home import temporary_home
from mm.client import Client
from mm.embedded.connect import print_status
from mm.embedded.supervisor import Supervisor
from mm.errors import InvalidInput
from mm.schemas import Filters

if TYPE_CHECKING:
    from mm.schemas import Hit

SIZE = (320, 180)
MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Watched:
    """A video with its events."""

    path: Path
    events: tuple[Event, ...]


@dataclass(frozen=True)
class EventScores:
    """One method over all events."""

    method: str
    recall: float  # share of queries whose first hit has an IoU of `MIN_IOU` with its event
    mean_iou: float  # of the first hit with its event; 0 without a hit
    any_iou: float  # the same with the event that it overlaps best, whichever was meant
    without_hit: float  # share of queries
    hit_seconds: float  # mean length of the first hits
    num_segments: int
    ingest_cpu_seconds: float


@dataclass(frozen=True)
class EventsReport:
    """Both methods on the same videos."""

    num_videos: int
    num_events: int
    event_seconds: float  # mean
    methods: tuple[EventScores, ...]

    def lines(self) -> Iterator[str]:
        """The report as a Markdown table."""
        yield f"{self.num_events} events of {self.event_seconds:.1f} s on average in {self.num_videos} videos"
        yield ""
        names = f"R@1, IoU {MIN_IOU} | mean IoU | IoU with any event | without a hit | length of a hit, s | segments"
        yield f"| segments | {names} | processor s |"
        yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
        for row in self.methods:
            yield (
                f"| {row.method} | {row.recall:.1%} | {row.mean_iou:.2f} | {row.any_iou:.2f} | {row.without_hit:.1%} "
                f"| {row.hit_seconds:.1f} | {row.num_segments} | {row.ingest_cpu_seconds:.1f} |"
            )


def measure(num_videos: int, seconds: float, seed: int, table: Path | None) -> EventsReport:
    """Measure rendered videos, or those of `table`. Raises `InvalidInput` and as the service."""
    methods, videos = list[EventScores](), [] if table is None else read_table(table)
    for cuts in ("off", "on"):
        with temporary_home(event_cuts=cuts) as settings:
            if table is None:
                videos = render_videos(settings.home.parent, num_videos, seconds, seed)
            with Supervisor(settings, on_warning=print_status) as supervisor, Client(supervisor.url) as client:
                supervisor.wait_ready()
                methods.append(_score(client, videos, "of at most 10 s" if cuts == "off" else "cut at events, too"))
    events = [event for video in videos for event in video.events]
    mean = float(np.mean([event.end - event.start for event in events]))
    return EventsReport(len(videos), len(events), mean, tuple(methods))


def render_videos(folder: Path, count: int, seconds: float, seed: int) -> list[Watched]:
    """Videos with three to five events each, and a change of the light."""
    objects, videos = load_objects(), []
    for number in range(count):
        random = np.random.default_rng([seed, number])
        texts = [str(text) for text in random.permutation(list(objects))[: int(random.integers(3, 6))]]
        events = draw_events(random, seconds, texts)
        step = float(random.choice([-0.2, 0.2]))
        light = Light(float(random.uniform(-0.1, 0.1)), step, float(random.uniform(0.2, 0.8)) * seconds)
        path = folder / f"camera-{number}.mp4"
        write_video(path, render_frames(events, objects, load_background(number, SIZE), seconds, light, random), SIZE)
        videos.append(Watched(path, tuple(events)))
        print_status(f"rendered video {number + 1} of {count}: {len(events)} events")
    return videos


def read_table(path: Path) -> list[Watched]:
    """Read a CSV table with the columns file, start, end, text; files are beside it.

    Raises `InvalidInput`, which names the line.
    """
    events: dict[Path, list[Event]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                video, event = path.parent / row["file"], Event(float(row["start"]), float(row["end"]), row["text"])
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidInput(f"{path}, line {number}: expected the columns file, start, end and text.") from error
            if not video.is_file() or not event.start < event.end:
                raise InvalidInput(f"{path}, line {number}: {video} is no file, or the event has no length.")
            events.setdefault(video, []).append(event)
    if not events:
        raise InvalidInput(f"{path} has no events.")
    return [Watched(video, tuple(rows)) for video, rows in events.items()]


def _score(client: Client, videos: Sequence[Watched], method: str) -> EventScores:
    with Meter(memory=False) as meter:
        for number, video in enumerate(videos):
            client.add(video.path, tags=[f"video{number}"], wait=True)
    overlaps, of_any, lengths, num_segments = list[float](), list[float](), list[float](), 0
    for number, video in enumerate(videos):
        filters = Filters(tags=[f"video{number}"])
        (item,) = client.items(tags=[f"video{number}"]).items
        num_segments += len(client.segments(item.id).segments)
        for text in dict.fromkeys(event.text for event in video.events):
            true = [event for event in video.events if event.text == text]
            hits = client.search(text, k=1, filters=filters).hits
            overlaps.append(max((_iou(hits[0], event) for event in true), default=0.0) if hits else -1.0)
            of_any.append(max(_iou(hits[0], event) for event in video.events) if hits else 0.0)
            lengths += [hit.end - hit.start for hit in hits]
    found = np.array(overlaps)
    return EventScores(
        method,
        float((found >= MIN_IOU).mean()),
        float(np.maximum(found, 0.0).mean()),
        float(np.mean(of_any)),
        float((found < 0).mean()),
        float(np.mean(lengths)) if lengths else 0.0,
        num_segments,
        meter.cpu,
    )


def _iou(hit: Hit, event: Event) -> float:
    inter = min(hit.end, event.end) - max(hit.start, event.start)
    return max(inter, 0.0) / (max(hit.end, event.end) - min(hit.start, event.start))
