"""How fast are photos of 12 megapixels taken in, beside decoding them and doing nothing else?

Ours is the way of an upload in a worker: a look at the file and the picture from the locked child,
then the image tower.
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
MOTIFS = 8  # that are encoded; all others are one of them under a name and with bytes of their own
BATCH = 32  # photos that lie on the disk at once
QUALITY = 90
GRAIN = 7.0  # of 255, standard deviation: makes files of about 3 MB, as phones do
LABEL = b"\xff\xfe"  # JPEG's marker of a comment


@dataclass
class Way:
    """What one way took over all rounds; `peak` is the most memory that its processes held
    together, in bytes."""

    name: str
    photos: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    rates: list[float] = field(default_factory=list)  # photos a second of each batch

    def line(self) -> str:
        rate, cpu = self.photos / self.seconds, self.cpu / self.photos
        spread = f"{min(self.rates):.1f} to {max(self.rates):.1f}"
        return f"| {self.name} | {rate:.1f} ({spread}) | {cpu * 1000:.0f} | {self.peak / 1e6:.0f} |"


@dataclass(frozen=True)
class Report:
    ways: list[Way]
    megabytes: float  # of a photo in the mean

    def lines(self) -> list[str]:
        """A table."""
        photos = self.ways[0].photos
        return [
            f"{photos} JPEGs of {WIDTH} x {HEIGHT}, {self.megabytes:.1f} MB each in the mean",
            "| way | photos/s (slowest to fastest batch) | CPU ms a photo | peak MB |",
            "| --- | --- | --- | --- |",
            *(way.line() for way in self.ways),
        ]


def motifs(seed: int) -> list[bytes]:
    """Photos in kind: objects with edges before a blurred ground, light that falls off, texture,
    grain."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(MOTIFS):
        ground = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8)).resize(
            (WIDTH, HEIGHT), Image.Resampling.BICUBIC
        )
        for _ in range(60):
            width, height = (int(side) for side in rng.integers(WIDTH // 64, WIDTH // 4, 2))
            leaf = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            shape = Image.fromarray(leaf).resize((width, height), Image.Resampling.BILINEAR)
            y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            mask = Image.fromarray(((x * x + y * y < 1) * 255).astype(np.uint8))
            ground.paste(shape, (int(rng.integers(-width // 2, WIDTH)), int(rng.integers(-height // 2, HEIGHT))), mask)
        picture = np.asarray(ground, np.int16) + rng.normal(0, GRAIN, (HEIGHT, WIDTH, 1)).astype(np.int16)
        out = io.BytesIO()
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=QUALITY, subsampling="4:2:0")
        found.append(out.getvalue())
    return found


def photo(motif: bytes, number: int) -> bytes:
    """The motif as a file of its own: no two have the same bytes."""
    note = b"photo %d" % number
    return motif[:2] + LABEL + (len(note) + 2).to_bytes(2) + note + motif[2:]


def run(photos: int, seed: int = 0, home: Path | None = None) -> Report:
    """Time the ways batch by batch in turns, each on photos that it has not seen."""
    settings = Settings() if home is None else Settings(home=home)
    space, material = load_space(settings.space, settings), motifs(seed)
    ocr_budget = OcrBudget(settings.read_text)  # one for all photos, as a worker has it
    sizes = 0
    with tempfile.TemporaryDirectory() as folder, MediaReader.from_settings(settings) as reader:
        todo: dict[str, tuple[int, Callable[[Path], object]]] = {
            "Pillow decodes at full size, and no more": (1, decode),
            "naive: Pillow at full size, then the tower": (1, lambda path: naive(space, path)),
            "ours, one after the other": (1, lambda path: ours(space, reader, settings, ocr_budget, path)),
            "ours, two at once": (2, lambda path: ours(space, reader, settings, ocr_budget, path)),
        }
        warm = Path(folder) / "warm.jpg"
        warm.write_bytes(material[0])
        for _, (jobs, do) in todo.items():
            with ThreadPoolExecutor(jobs) as pool:
                list(pool.map(do, [warm] * jobs))
        ways = [Way(name) for name in todo]
        for start in range(0, photos, BATCH):
            numbers = range(start, min(start + BATCH, photos))
            for turn, (way, (jobs, do)) in enumerate(zip(ways, todo.values(), strict=True)):
                with _written(Path(folder), material, [number * len(todo) + turn for number in numbers]) as paths:
                    sizes += sum(path.stat().st_size for path in paths)
                    _time(way, jobs, do, paths)
    return Report(ways, sizes / sum(way.photos for way in ways) / 1e6)


def decode(path: Path) -> Image.Image:
    """The floor of every way that looks at all pixels."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def naive(space: Space, path: Path) -> object:
    return space.image.embed([np.asarray(decode(path).convert("RGB"))])


def ours(space: Space, reader: MediaReader, settings: Settings, ocr_budget: OcrBudget, path: Path) -> object:
    file = reader.probe_file(path, path.name)
    return ChunkEncoder(space, reader, settings, ocr_budget).encode(file, Span(0.0, 0.0), lambda share: None)


@contextmanager
def _written(folder: Path, material: list[bytes], numbers: list[int]) -> Iterator[list[Path]]:
    """Photos on the disk for as long as the block lasts."""
    paths = [folder / f"{number}.jpg" for number in numbers]
    for path, number in zip(paths, numbers, strict=True):
        path.write_bytes(photo(material[number % len(material)], number))
    yield paths
    for path in paths:
        path.unlink()


def _time(way: Way, jobs: int, do: Callable[[Path], object], paths: list[Path]) -> None:
    with Meter() as meter, ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(do, paths):
            pass
    way.photos += len(paths)
    way.seconds += meter.seconds
    way.cpu += meter.cpu
    way.peak = max(way.peak, meter.peak)
    way.rates.append(len(paths) / meter.seconds)
