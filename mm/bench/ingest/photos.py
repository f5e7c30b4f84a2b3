"""Throughput of the ingest of 12-megapixel photos, beside decoding them and a naive method.

Ours is the path of an upload in a worker: probe and decode in the sandboxed child, then the towers.
"""

from __future__ import annotations

import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from mm.bench.meter import Meter
from mm.media import MediaReader
from mm.media.types import Span
from mm.settings import Settings
from mm.spaces import load_space
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.ocr_budget import OcrBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mm.spaces import Space

WIDTH, HEIGHT = 4000, 3000
NUM_MOTIFS = 8  # distinct images; all other photos are copies with unique names and bytes
BATCH = 32  # photos on the disk at a time
QUALITY = 90
GRAIN = 7.0  # of 255, standard deviation: gives files of about 3 MB, as phones do
COMMENT = b"\xff\xfe"  # the COM marker of JPEG


@dataclass
class MethodResult:
    """Resources of one method over all batches; `peak` is the peak memory in bytes."""

    name: str
    photos: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    rates: list[float] = field(default_factory=list)  # photos per second, by batch

    def line(self) -> str:
        rate, cpu = self.photos / self.seconds, self.cpu / self.photos
        spread = f"{min(self.rates):.1f} to {max(self.rates):.1f}"
        return f"| {self.name} | {rate:.1f} ({spread}) | {cpu * 1000:.0f} | {self.peak / 1e6:.0f} |"


@dataclass(frozen=True)
class Report:
    methods: list[MethodResult]
    megabytes: float  # mean size of a photo

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        photos = self.methods[0].photos
        return [
            f"{photos} JPEGs of {WIDTH} x {HEIGHT}, {self.megabytes:.1f} MB each on average",
            "| method | photos/s (slowest to fastest batch) | CPU ms a photo | peak MB |",
            "| --- | --- | --- | --- |",
            *(method.line() for method in self.methods),
        ]


def make_motifs(seed: int) -> list[bytes]:
    """Generate JPEGs like photos: sharp objects, blurred background, texture and grain."""
    rng = np.random.default_rng(seed)
    motifs = []
    for _ in range(NUM_MOTIFS):
        background = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8)).resize(
            (WIDTH, HEIGHT), Image.Resampling.BICUBIC
        )
        for _ in range(60):
            width, height = (int(side) for side in rng.integers(WIDTH // 64, WIDTH // 4, 2))
            texture = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            shape = Image.fromarray(texture).resize((width, height), Image.Resampling.BILINEAR)
            y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            mask = Image.fromarray(((x * x + y * y < 1) * 255).astype(np.uint8))
            background.paste(shape, (int(rng.integers(-width // 2, WIDTH)), int(rng.integers(-height // 2, HEIGHT))), mask)
        pixels = np.asarray(background, np.int16) + rng.normal(0, GRAIN, (HEIGHT, WIDTH, 1)).astype(np.int16)
        out = io.BytesIO()
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=QUALITY, subsampling="4:2:0")
        motifs.append(out.getvalue())
    return motifs


def make_photo(motif: bytes, number: int) -> bytes:
    """Copy a motif with a comment that makes its bytes unique."""
    comment = b"photo %d" % number
    return motif[:2] + COMMENT + (len(comment) + 2).to_bytes(2) + comment + motif[2:]


def run(photos: int, seed: int = 0, home: Path | None = None) -> Report:
    """Time the methods alternately, batch by batch, each on new photos."""
    settings = Settings() if home is None else Settings(home=home)
    space, motifs = load_space(settings.space, settings), make_motifs(seed)
    ocr_budget = OcrBudget(settings.read_text)  # one for all photos, as in a worker
    total_bytes = 0
    with tempfile.TemporaryDirectory() as folder, MediaReader.from_settings(settings) as reader:
        methods: dict[str, tuple[int, Callable[[Path], object]]] = {
            "lower bound: Pillow decodes at full size": (1, decode),
            "naive: Pillow at full size, then the tower": (1, lambda path: naive(space, path)),
            "ours, one at a time": (1, lambda path: ours(space, reader, settings, ocr_budget, path)),
            "ours, two at a time": (2, lambda path: ours(space, reader, settings, ocr_budget, path)),
        }
        warm = Path(folder) / "warm.jpg"
        warm.write_bytes(motifs[0])
        for jobs, process in methods.values():
            with ThreadPoolExecutor(jobs) as pool:
                list(pool.map(process, [warm] * jobs))
        results = [MethodResult(name) for name in methods]
        for start in range(0, photos, BATCH):
            numbers = range(start, min(start + BATCH, photos))
            for index, (result, (jobs, process)) in enumerate(zip(results, methods.values(), strict=True)):
                with _photos_on_disk(Path(folder), motifs, [number * len(methods) + index for number in numbers]) as paths:
                    total_bytes += sum(path.stat().st_size for path in paths)
                    _measure(result, jobs, process, paths)
    return Report(results, total_bytes / sum(result.photos for result in results) / 1e6)


def decode(path: Path) -> Image.Image:
    """The lower bound of every method that reads all pixels."""
    with Image.open(path) as image:
        image.load()
        return image


def naive(space: Space, path: Path) -> object:
    return space.image.embed([np.asarray(decode(path).convert("RGB"))])


def ours(space: Space, reader: MediaReader, settings: Settings, ocr_budget: OcrBudget, path: Path) -> object:
    file = reader.probe_file(path, path.name)
    return ChunkEncoder(space, reader, settings, ocr_budget).encode(file, Span(0.0, 0.0), lambda share: None)


@contextmanager
def _photos_on_disk(folder: Path, motifs: list[bytes], numbers: list[int]) -> Iterator[list[Path]]:
    """Write photos, and remove them at the end of the block."""
    paths = [folder / f"{number}.jpg" for number in numbers]
    for path, number in zip(paths, numbers, strict=True):
        path.write_bytes(make_photo(motifs[number % len(motifs)], number))
    yield paths
    for path in paths:
        path.unlink()


def _measure(result: MethodResult, jobs: int, process: Callable[[Path], object], paths: list[Path]) -> None:
    with Meter() as meter, ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(process, paths):
            pass
    result.photos += len(paths)
    result.seconds += meter.seconds
    result.cpu += meter.cpu
    result.peak = max(result.peak, meter.peak)
    result.rates.append(len(paths) / meter.seconds)
