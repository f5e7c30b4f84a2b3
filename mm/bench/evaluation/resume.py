"""Kill an evaluation with SIGKILL, run it again, and count the slices that are encoded twice."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from mm.bench.evaluation.media import SMALL, write_photos
from mm.errors import InvalidInput, MMError
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.slices import IMAGES_PER_SLICE, encode_set
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces import load_space

if TYPE_CHECKING:
    from mm.data.sets.types import SetItem
    from mm.evaluation.features.types import Features

Work = tuple[Settings, Path, "list[SetItem]", int]
"""Settings, file of the cache, items, images in a slice."""
END = "end"
LIMIT_SECONDS = 300.0
"""Between two messages of the process that encodes."""


@dataclass(frozen=True, slots=True)
class ResumeReport:
    """A set that was encoded by one process more than it was killed times."""

    num_slices: int
    images_per_slice: int
    num_kills: int
    num_begun: int
    """Slices that the processes began, all together."""
    num_repeated: int
    """Of these, those that another process had begun before."""
    seconds_to_first_slice: float
    """From the start of the last process until it began a slice; it loads the towers meanwhile."""

    def lines(self) -> list[str]:
        """Two sentences."""
        return [
            f"resume: {self.num_slices} slices of {self.images_per_slice} photos, killed {self.num_kills} times with SIGKILL "
            f"in the middle of a slice: {self.num_begun} slices begun, {self.num_repeated} of them encoded again.",
            f"The last process began its first slice {self.seconds_to_first_slice:.1f} s after its start.",
        ]


class AnnouncingEncoder(SetEncoder):
    """Sends the first file of a slice before it is encoded, and once while it is."""

    connection: Connection

    def encode(self, paths: Sequence[Path], on_tick: Callable[[], None] = lambda: None) -> list[Features | MMError]:
        """As `SetEncoder.encode`."""
        self.connection.send(paths[0].name)
        ticks = 0

        def count_tick() -> None:
            nonlocal ticks
            ticks += 1
            if ticks == len(paths) // 2:
                self.connection.send("")
            on_tick()

        return super().encode(paths, count_tick)


def measure_resume(num_slices: int, num_kills: int, settings: Settings, images_per_slice: int = IMAGES_PER_SLICE) -> ResumeReport:
    """Encode small photos, killing the process in the middle of every second slice.

    Raises `InvalidInput` for fewer than two slices a kill.
    """
    if num_slices < 2 * num_kills:
        raise InvalidInput(f"{num_kills} kills need {2 * num_kills} slices or more, not {num_slices}.")
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        items = write_photos(Path(folder) / "photos", num_slices * images_per_slice, size=SMALL)
        database = Path(folder) / "features.db"
        begun: list[str] = []
        delay = 0.0
        for number in range(num_kills + 1):
            start = time.monotonic()
            names, first = _run((settings, database, items, images_per_slice), 2 if number < num_kills else None)
            begun += names
            delay = first - start
    return ResumeReport(num_slices, images_per_slice, num_kills, len(begun), len(begun) - len(set(begun)), delay)


def _run(work: Work, kill_in: int | None) -> tuple[list[str], float]:
    """Slices that a process begins, and when it began the first.

    With `kill_in` it is killed in the middle of that slice, counted from 1.
    """
    context = multiprocessing.get_context("spawn")
    connection, of_process = context.Pipe()
    process = context.Process(target=_encode, args=(*work, of_process))
    process.start()
    of_process.close()
    begun: list[str] = []
    first = 0.0
    try:
        while True:
            if not connection.poll(LIMIT_SECONDS):
                raise InvalidInput(f"The process that encodes sent nothing for {LIMIT_SECONDS:g} s.")
            message = connection.recv()
            if message == END:
                return begun, first
            if message:
                first = first or time.monotonic()
                begun.append(message)
            elif len(begun) == kill_in:
                return begun, first
    finally:
        if kill_in is not None:
            process.kill()
        process.join()


def _encode(settings: Settings, database: Path, items: list[SetItem], images_per_slice: int, connection: Connection) -> None:
    with MediaReader.from_settings(settings) as reader, closing(FeatureCache(database)) as cache:
        encoder = AnnouncingEncoder(load_space(settings.space, settings), reader, settings)
        encoder.connection = connection
        encode_set(items, encoder, "bench", cache, strict=True, images_per_slice=images_per_slice)
    connection.send(END)
