"""Throughput of the sandboxed reader with PyAV and with decord, beside a plain PyAV loop.

python -m mm.bench.decoding.decoders VIDEO...
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import av

from mm.errors import MediaError
from mm.media import MediaReader
from mm.media.types import Span

ROUNDS = 3
SAMPLE_FPS, LONGEST = 2.0, 260  # as in a worker


def decode_all(path: Path) -> float:
    """Seconds in which PyAV decodes every frame."""
    start = time.perf_counter()
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - start


def read_sampled(reader: MediaReader, path: Path, duration: float) -> float:
    """Seconds in which a worker receives the frames that it encodes. Raises `MediaError`."""
    start = time.perf_counter()
    for _ in reader.frames(path, path.name, Span(0.0, duration), SAMPLE_FPS, LONGEST):
        pass
    return time.perf_counter() - start


def compare(path: Path) -> str:
    """A table row: video seconds per second, median and spread of `ROUNDS` alternating rounds."""
    with MediaReader(decoder="pyav") as pyav, MediaReader(decoder="decord") as decord:
        duration = pyav.probe(path, path.name).duration
        durations: dict[str, list[float]] = {"bare": [], "pyav": [], "decord": []}
        refusal = ""
        for _ in range(ROUNDS):
            durations["bare"].append(decode_all(path))
            durations["pyav"].append(read_sampled(pyav, path, duration))
            try:
                durations["decord"].append(read_sampled(decord, path, duration))
            except MediaError as error:
                refusal = error.detail
    cells = [
        f"{duration / median(t):.0f} ({duration / max(t):.0f} to {duration / min(t):.0f})" if t else refusal
        for t in durations.values()
    ]
    return " | ".join([f"| {path.name}, {duration:.0f} s", *cells]) + " |"


def main(paths: list[str]) -> None:
    print("| video | plain PyAV | reader by PyAV | reader by decord |\n| --- | --- | --- | --- |")
    for path in paths:
        print(compare(Path(path)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
