"""Cost of the sandbox layers and of the child process on valid files.

The requests of a worker run alternately in a child with all layers, in a child with limits alone,
and in this process. No setting disables layers: only `Sandbox.layers` does, in benches and tests.
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

SAMPLE_FPS, LONGEST, RATE = 2.0, 427, 16_000  # as in a worker
VIDEOS = {"large.mp4": (1280, 720, 25, 10), "slides.mp4": (320, 240, 5, 120)}  # width, height, frames per second, seconds
PHOTO = (4000, 3000)
FORKS = 20  # timed together, because processor time has a resolution of 10 ms
ALL_LAYERS, LIMITS_ALONE, NO_CHILD = "all layers", "limits alone", "in this process"


@dataclass(frozen=True)
class Timing:
    """Seconds of one round."""

    wall: float
    cpu: float


def run(files: Sequence[Path], rounds: int) -> Iterator[str]:
    """Lines of the report on `files`; without files, on generated ones."""
    with tempfile.TemporaryDirectory() as folder:
        yield "| file | method | seconds, median (spread) | CPU seconds, median (spread) |"
        yield "| --- | --- | --- | --- |"
        for path in files or [*_generate_videos(Path(folder)), _generate_photo(Path(folder))]:
            yield from compare(path, rounds)
    yield f"a fork server starts in {_time_fork_server():.2f} CPU seconds; it forks {Limits().requests} children"


def compare(path: Path, rounds: int) -> Iterator[str]:
    """Three rows, and the cost of the layers and of a new child as a share of ingest."""
    limits = Limits()
    limits_only = Sandbox("limits", layers=("limits",))
    with MediaReader(limits) as locked, MediaReader(limits, sandbox=limits_only) as unlocked:
        assert len(locked.active_layers().layers) > len(unlocked.active_layers().layers), "no layer is active here"
        methods: dict[str, Callable[[], None]] = {
            ALL_LAYERS: lambda: _read(locked, path),
            LIMITS_ALONE: lambda: _read(unlocked, path),
            NO_CHILD: lambda: _read_here(path, limits),
        }
        timings: dict[str, list[Timing]] = {method: [] for method in methods}
        for run_method in methods.values():
            run_method()
        for number in range(rounds):
            for method in list(methods)[number % len(methods) :] + list(methods)[: number % len(methods)]:
                timings[method].append(_time(methods[method]))
        for method in methods:
            walls, cpus = [timing.wall for timing in timings[method]], [timing.cpu for timing in timings[method]]
            yield f"| {path.name} | {method} | {_spread(walls)} | {_spread(cpus)} |"
        whole = _ingest(locked, path, Settings())
    fastest = {method: min(timing.cpu for timing in timings[method]) for method in methods}
    layers = [full.cpu - other.cpu for full, other in zip(timings[ALL_LAYERS], timings[LIMITS_ALONE], strict=True)]
    child = [full.cpu - other.cpu for full, other in zip(timings[ALL_LAYERS], timings[NO_CHILD], strict=True)]
    yield (
        f"{path.name}: of {whole:.2f} CPU seconds of ingest the layers take {_share(layers, whole)}, "
        f"child and layers {_share(child, whole)}"
    )
    fastest_share = 100 * (fastest[ALL_LAYERS] - fastest[LIMITS_ALONE]) / whole
    yield f"{path.name}: by the fastest round of each method, the layers take {fastest_share:+.1f} %"
    all_layers, limits_alone = _time_child(Sandbox()), _time_child(limits_only)
    yield (
        f"{path.name}: a new child takes {1000 * all_layers:.1f} ms of CPU with {ALL_LAYERS}, "
        f"{1000 * limits_alone:.1f} with {LIMITS_ALONE}: {100 * all_layers / whole:.1f} % of ingest"
    )


def _ingest(reader: MediaReader, path: Path, settings: Settings) -> float:
    """CPU seconds of the ingest of a new file in a worker and its child; median of 3."""
    space = load_space(settings.space, settings)

    def once(copy: Path) -> None:
        file = reader.probe_file(copy, copy.name)
        ChunkEncoder(space, reader, settings).encode(file, Span(0.0, file.info.duration), lambda share: None)

    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(shutil.copy(path, Path(folder) / f"{number}-{path.name}")) for number in range(4)]
        once(copies[0])
        return median(_time(partial(once, copy)).cpu for copy in copies[1:])


def _time_fork_server() -> float:
    """CPU seconds to start and end a fork server and its first child."""

    def once() -> None:
        with MediaReader() as reader:
            reader.active_layers()

    return median(_time(once).cpu for _ in range(3))


def _time_child(sandbox: Sandbox) -> float:
    """CPU seconds to fork, sandbox and end a child, in this process and its descendants."""
    pool = ChildPool(Limits(requests=10 * FORKS), "auto", sandbox, MemoryBudget())
    try:
        pool.active_layers()

        def once() -> None:
            for _ in range(FORKS):
                pool.end_child(pool.fork("bench", NO_DEADLINE))

        return median(_time(once).cpu / FORKS for _ in range(5))
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
    """The same requests without a child."""
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


def _time(run: Callable[[], None]) -> Timing:
    with Meter(memory=False) as meter:
        run()
    return Timing(meter.seconds, meter.cpu)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _share(seconds: Sequence[float], whole: float) -> str:
    return f"{100 * median(seconds) / whole:+.1f} % ({100 * min(seconds) / whole:+.1f} to {100 * max(seconds) / whole:+.1f})"


def _generate_photo(folder: Path) -> Path:
    """A JPEG of 12 megapixels."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (PHOTO[1] // 40, PHOTO[0] // 40, 3), dtype=np.uint8))
    coarse.resize(PHOTO, Image.Resampling.BICUBIC).save(folder / "photo.jpg", quality=90)
    return folder / "photo.jpg"


def _generate_videos(folder: Path) -> list[Path]:
    """Videos of moving blocks with a tone, one large and one like slides."""
    paths = []
    for name, (width, height, fps, seconds) in VIDEOS.items():
        background = np.random.default_rng(0).integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
        background = background.repeat(16, 0).repeat(16, 1)
        with av.open(str(folder / name), "w") as output:
            video = output.add_stream("libx264", rate=fps, options={"preset": "veryfast"})
            video.width, video.height, video.pix_fmt = background.shape[1], background.shape[0], "yuv420p"
            sound = output.add_stream("aac", rate=48_000, layout="mono")
            for number in range(fps * seconds):
                image = (
                    np.roll(background, 3 * number, axis=1)
                    if number // (4 * fps) % 2
                    else np.roll(background, 2 * number, axis=0)
                )
                output.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
            output.mux(video.encode(None))
            for start in range(0, 48_000 * seconds, 1024):
                tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + 1024) / 48_000)
                frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
        paths.append(folder / name)
    return paths
