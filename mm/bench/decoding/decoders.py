"""How fast is the sandboxed reader, by PyAV and by decord, beside a bare loop of PyAV that decodes
and does nothing else?

python -m mm.bench.decoding.decoders FILM...
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
SAMPLE_FPS, LONGEST = 2.0, 260  # what a worker asks for


def bare(path: Path) -> float:
    """Seconds that PyAV takes to decode every frame."""
    start = time.perf_counter()
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - start


def read(reader: MediaReader, path: Path, duration: float) -> float:
    """Seconds that a worker waits for the frames that it encodes. Raises `MediaError`."""
    start = time.perf_counter()
    for _ in reader.frames(path, path.name, Span(0.0, duration), SAMPLE_FPS, LONGEST):
        pass
    return time.perf_counter() - start


def compare(path: Path) -> str:
    """A row of the table: seconds of film a second, as median and spread of `ROUNDS` rounds taken
    in turns."""
    with MediaReader(decoder="pyav") as pyav, MediaReader(decoder="decord") as decord:
        duration = pyav.probe(path, path.name).duration
        taken: dict[str, list[float]] = {"bare": [], "pyav": [], "decord": []}
        refused = ""
        for _ in range(ROUNDS):
            taken["bare"].append(bare(path))
            taken["pyav"].append(read(pyav, path, duration))
            try:
                taken["decord"].append(read(decord, path, duration))
            except MediaError as error:
                refused = error.detail
    cells = [
        f"{duration / median(t):.0f} ({duration / max(t):.0f} to {duration / min(t):.0f})" if t else refused
        for t in taken.values()
    ]
    return " | ".join([f"| {path.name}, {duration:.0f} s", *cells]) + " |"


def main(paths: list[str]) -> None:
    print("| film | bare PyAV | reader by PyAV | reader by decord |\n| --- | --- | --- | --- |")
    for path in paths:
        print(compare(Path(path)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
