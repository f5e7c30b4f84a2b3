"""What do the layers of the sandbox cost on a good file, and what does the child process?

The same requests that a worker makes are answered in turns by a child behind all layers, by one
behind the limits alone, and without a child. No setting leaves layers out: only `Sandbox.layers`
does, which nothing but measurements and tests sets.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image

from mm.bench.meter import Meter
from mm.media import MediaReader
from mm.media.children.budget import MemoryBudget
from mm.media.children.deadline import NO_DEADLINE
from mm.media.children.pool import ChildPool
from mm.media.decoding.opened_file import FactsCache, OpenedFile
from mm.media.sandbox.layers import Sandbox
from mm.media.types import Limits, Span
from mm.settings import Settings
from mm.spaces import load_space
from mm.spaces.encode.chunk import ChunkEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SAMPLE_FPS, LONGEST, RATE = 2.0, 427, 16_000  # what a worker asks for
VIDEOS = {"large.mp4": (1280, 720, 25, 10), "slides.mp4": (320, 240, 5, 120)}  # width, height, frames a second, seconds
PHOTO = (4000, 3000)
FORKS = 20  # timed together: the kernel counts processor time in hundredths of a second
BEHIND_ALL, BEHIND_LIMITS, NO_CHILD = "behind all layers", "behind the limits alone", "in this process"


@dataclass(frozen=True)
class Taken:
    """Seconds of one round."""

    wall: float
    cpu: float


def run(files: Sequence[Path], rounds: int) -> Iterator[str]:
    """Lines of a report on `files`, on films of its own when there are none."""
    with tempfile.TemporaryDirectory() as folder:
        yield "| file | way | seconds, median (spread) | CPU seconds, median (spread) |"
        yield "| --- | --- | --- | --- |"
        for path in files or [*_own_films(Path(folder)), _own_photo(Path(folder))]:
            yield from compare(path, rounds)
    yield f"a fork server starts in {_server():.2f} CPU seconds; it forks {Limits().requests} children"


def compare(path: Path, rounds: int) -> Iterator[str]:
    """Three rows, and what the layers and a fresh child cost as a share of ingest."""
    limits = Limits()
    bare = Sandbox("limits", layers=("limits",))
    with MediaReader(limits) as locked, MediaReader(limits, sandbox=bare) as unlocked:
        assert len(locked.active_layers().layers) > len(unlocked.active_layers().layers), "no layer is active here"
        ways: dict[str, Callable[[], None]] = {
            BEHIND_ALL: lambda: _read(locked, path),
            BEHIND_LIMITS: lambda: _read(unlocked, path),
            NO_CHILD: lambda: _read_here(path, limits),
        }
        taken: dict[str, list[Taken]] = {way: [] for way in ways}
        for do in ways.values():
            do()
        for turn in range(rounds):
            for way in list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]:
                taken[way].append(_timed(ways[way]))
        for way in ways:
            walls, cpus = [one.wall for one in taken[way]], [one.cpu for one in taken[way]]
            yield f"| {path.name} | {way} | {_spread(walls)} | {_spread(cpus)} |"
        whole = _ingest(locked, path, Settings())
    least = {way: min(one.cpu for one in taken[way]) for way in ways}
    more = [one.cpu - other.cpu for one, other in zip(taken[BEHIND_ALL], taken[BEHIND_LIMITS], strict=True)]
    child = [one.cpu - other.cpu for one, other in zip(taken[BEHIND_ALL], taken[NO_CHILD], strict=True)]
    yield (
        f"{path.name}: of {whole:.2f} CPU seconds of ingest the layers take {_share(more, whole)}, "
        f"child and layers {_share(child, whole)}"
    )
    quietest = 100 * (least[BEHIND_ALL] - least[BEHIND_LIMITS]) / whole
    yield f"{path.name}: by the quickest round of each, which other programs disturb least, the layers take {quietest:+.1f} %"
    all_layers, limits_alone = _fresh_child(Sandbox()), _fresh_child(bare)
    yield (
        f"{path.name}: a fresh child takes {1000 * all_layers:.1f} ms of CPU {BEHIND_ALL}, "
        f"{1000 * limits_alone:.1f} {BEHIND_LIMITS}: {100 * all_layers / whole:.1f} % of ingest"
    )


def _ingest(reader: MediaReader, path: Path, settings: Settings) -> float:
    """CPU seconds of what a worker does with a file that it has not seen, its child included;
    median of 3."""
    space = load_space(settings.space, settings)

    def once(copy: Path) -> None:
        file = reader.probe_file(copy, copy.name)
        ChunkEncoder(space, reader, settings).encode(file, Span(0.0, file.info.duration), lambda share: None)

    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(shutil.copy(path, Path(folder) / f"{number}-{path.name}")) for number in range(4)]
        once(copies[0])
        return median(_timed(partial(once, copy)).cpu for copy in copies[1:])


def _server() -> float:
    """CPU seconds of a fork server and its first child, started and ended."""

    def once() -> None:
        with MediaReader() as reader:
            reader.active_layers()

    return median(_timed(once).cpu for _ in range(3))


def _fresh_child(sandbox: Sandbox) -> float:
    """CPU seconds of a child that is forked, locked down and ended, in this process and in its
    descendants."""
    pool = ChildPool(Limits(requests=10 * FORKS), "auto", sandbox, MemoryBudget())
    try:
        pool.active_layers()

        def once() -> None:
            for _ in range(FORKS):
                pool.end_child(pool.fork("bench", NO_DEADLINE))

        return median(_timed(once).cpu / FORKS for _ in range(5))
    finally:
        pool.close()


def _read(reader: MediaReader, path: Path) -> None:
    info = reader.probe(path, path.name)
    span = Span(0.0, info.duration)
    if info.kind == "image":
        reader.image(path, path.name, longest=LONGEST)
    if info.has_video:
        for _ in reader.frames(path, path.name, span, SAMPLE_FPS, LONGEST):
            pass
    if info.has_audio:
        reader.waveform(path, path.name, span, rate=RATE)


def _read_here(path: Path, limits: Limits) -> None:
    """The same without a child."""
    with path.open("rb") as file:
        opened = OpenedFile(file, path.name, limits, "auto", lambda: None, FactsCache())
        info = opened.probe()
        span = Span(0.0, info.duration)
        if info.kind == "image":
            opened.image(LONGEST)
        if info.has_video:
            for _ in opened.frames(span, SAMPLE_FPS, LONGEST):
                pass
        if info.has_audio:
            np.concatenate(list(opened.waveform(span, RATE)))


def _timed(do: Callable[[], None]) -> Taken:
    with Meter(memory=False) as meter:
        do()
    return Taken(meter.seconds, meter.cpu)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _share(seconds: Sequence[float], whole: float) -> str:
    return f"{100 * median(seconds) / whole:+.1f} % ({100 * min(seconds) / whole:+.1f} to {100 * max(seconds) / whole:+.1f})"


def _own_photo(folder: Path) -> Path:
    """A JPEG of a camera's size."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (PHOTO[1] // 40, PHOTO[0] // 40, 3), dtype=np.uint8))
    coarse.resize(PHOTO, Image.Resampling.BICUBIC).save(folder / "photo.jpg", quality=90)
    return folder / "photo.jpg"


def _own_films(folder: Path) -> list[Path]:
    """Good films: moving blocks with a tone, one large, one of slides."""
    paths = []
    for name, (width, height, fps, seconds) in VIDEOS.items():
        ground = np.random.default_rng(0).integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
        ground = ground.repeat(16, 0).repeat(16, 1)
        with av.open(str(folder / name), "w") as output:
            video = output.add_stream("libx264", rate=fps, options={"preset": "veryfast"})
            video.width, video.height, video.pix_fmt = ground.shape[1], ground.shape[0], "yuv420p"
            sound = output.add_stream("aac", rate=48_000, layout="mono")
            for number in range(fps * seconds):
                picture = np.roll(ground, 3 * number, axis=1) if number // (4 * fps) % 2 else np.roll(ground, 2 * number, axis=0)
                output.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
            output.mux(video.encode(None))
            for start in range(0, 48_000 * seconds, 1024):
                tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + 1024) / 48_000)
                frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
        paths.append(folder / name)
    return paths
