"""Encoding rate of an evaluation, beside the encoder of ingest on the same files.

The floor is the path of `mm bench photos` (two at a time) and of a chunk in a worker: probe, decode
in the sandboxed child, towers. An evaluation also hashes each file, leases slices and stores the
vectors. Neither reads text in images.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm.bench.evaluation.media import SMALL, write_clips, write_photos
from mm.bench.ingest.photos import ours
from mm.bench.meter import Meter
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.slices import encode_set
from mm.media.segmenting import cut_chunks
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.ocr_budget import OcrBudget

if TYPE_CHECKING:
    from mm.data.sets.types import SetItem
    from mm.media import MediaReader
    from mm.settings import Settings
    from mm.spaces import Space

AIM = 0.95
"""Of the rate of the encoder of ingest."""
PHOTOS_AT_A_TIME = 2
SMALL_PER_PHOTO = 4
"""Small photos are so much faster that there are so many times more of them."""
CLIP_SECONDS = 10.0


@dataclass(frozen=True)
class EncodingRates:
    """Rates of both methods, one a round; the methods alternate."""

    files: str
    num_files: int
    unit: str
    floor: list[float] = field(default_factory=list)
    evaluation: list[float] = field(default_factory=list)
    floor_cpu: list[float] = field(default_factory=list)
    """Processor milliseconds a file, with decoding processes: other programs change them less."""
    evaluation_cpu: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Evaluation by floor, of each round."""
        return [ours / floor for floor, ours in zip(self.floor, self.evaluation, strict=True)]

    def line(self) -> str:
        """Row of a Markdown table."""
        ratio = statistics.median(self.ratios)
        return (
            f"| {self.files}, {self.num_files} a round | {_describe(self.floor)} | {_describe(self.evaluation)} | {self.unit} | "
            f"{100 * ratio:.1f} % ({100 * min(self.ratios):.1f} to {100 * max(self.ratios):.1f}) | "
            f"{'met' if ratio >= AIM else 'missed'} | "
            f"{statistics.median(self.floor_cpu):.1f} | {statistics.median(self.evaluation_cpu):.1f} |"
        )


def list_lines(rates: Sequence[EncodingRates]) -> list[str]:
    """A Markdown table."""
    num_rounds = len(rates[0].floor)
    return [
        f"encoding, {num_rounds} rounds, medians (slowest to fastest):",
        f"| files | encoder of ingest | evaluation | unit | evaluation by ingest | {100 * AIM:.0f} % | "
        "CPU ms a file, ingest | evaluation |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(each.line() for each in rates),
    ]


def measure_encoding(
    num_photos: int, num_clips: int, num_rounds: int, space: Space, reader: MediaReader, settings: Settings
) -> list[EncodingRates]:
    """Rates on photos of 12 megapixels, on small photos and on short videos; 0 leaves a kind out.

    Raises `Unavailable` when a package with the sources of the videos is not installed.
    """
    measured = []
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as temporary:
        folder = Path(temporary)
        kinds: list[tuple[EncodingRates, Callable[[], list[SetItem]], Callable[[Path], object], int]] = []
        photo = partial(ours, space, reader, settings, OcrBudget("off"))
        num_small = SMALL_PER_PHOTO * num_photos
        if num_photos:
            rates = EncodingRates("photos of 12 megapixels", num_photos, "files/s")
            kinds.append((rates, partial(write_photos, folder / "photos", num_photos), photo, PHOTOS_AT_A_TIME))
            rates = EncodingRates(f"photos of {SMALL[0]} x {SMALL[1]}", num_small, "files/s")
            kinds.append((rates, partial(write_photos, folder / "small", num_small, size=SMALL), photo, PHOTOS_AT_A_TIME))
        if num_clips:
            rates = EncodingRates(f"videos of {CLIP_SECONDS:g} s", num_clips, "files/s")
            clip = partial(encode_clip, space, reader, settings)
            kinds.append((rates, partial(write_clips, folder / "clips", num_clips, CLIP_SECONDS), clip, 1))
        for rates, write, process, at_a_time in kinds:
            items = write()
            methods = {
                "floor": partial(run_floor, process, at_a_time),
                "evaluation": partial(run_evaluation, SetEncoder(space, reader, settings), folder / "features.db"),
            }
            for method in methods.values():
                method(items[:at_a_time])  # loads the towers
            for number in range(num_rounds):
                order = list(methods) if number % 2 == 0 else list(methods)[::-1]
                for name in order:
                    with Meter(memory=False) as meter:
                        methods[name](items)
                    getattr(rates, name).append(len(items) / meter.seconds)
                    getattr(rates, f"{name}_cpu").append(1000 * meter.cpu / len(items))
            for item in items:
                if item.path is not None:
                    item.path.unlink()
            measured.append(rates)
    return measured


def run_floor(process: Callable[[Path], object], at_a_time: int, items: Sequence[SetItem]) -> None:
    """Encode files as ingest does, several at a time."""
    paths = [item.path for item in items if item.path is not None]
    with ThreadPoolExecutor(at_a_time) as pool:
        for _ in pool.map(process, paths):
            pass


def run_evaluation(encoder: SetEncoder, database: Path, items: Sequence[SetItem]) -> None:
    """Encode files as an evaluation does, with an empty cache."""
    with closing(FeatureCache(database)) as cache:
        encode_set(items, encoder, "bench", cache, strict=True)
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def encode_clip(space: Space, reader: MediaReader, settings: Settings, path: Path) -> object:
    """Encode a video chunk by chunk, as a worker does without the catalog."""
    file = reader.probe_file(path, path.name)
    encoder = ChunkEncoder(space, reader, settings, OcrBudget("off"))
    spans = cut_chunks(file.info.duration, reader.keyframes(path, path.name), settings.chunk_seconds)
    return [encoder.encode(file, span, lambda share: None) for span in spans]


def _describe(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):.2f} ({min(rates):.2f} to {max(rates):.2f})"
