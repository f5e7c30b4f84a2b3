"""Peak memory of a fit on many large images and of their inspection, in a process of its own.

Run as a module it is that process: it prints a JSON object, and on the standard error output the
progress with the peak so far.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mm.bench.inspect.rendered_parts import render_part
from mm.errors import InvalidInput
from mm.inspection.features.backbone import LiteBackbone
from mm.inspection.features.framing import Framing
from mm.inspection.fit import OnProgress, fit_inspector
from mm.inspection.settings import BANK_TILES, FitSettings
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.metrics.auc import auc

NUM_FILES = 4
"""Distinct images; the others repeat them, since rendering takes longer than reading."""
NUM_INSPECTED = 4
"""Further good parts that are inspected, and as many with a scratch."""


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """One run; the names of the fields are the keys of `--json`."""

    side: int
    num_good: int
    threads: int
    tiles: int
    """Of each image, from which the bank is chosen; 0 is all."""
    fit_seconds: float
    inspect_seconds: float
    """Of one image, the mean."""
    start_megabytes: float
    """Resident after the imports and the load of the network."""
    peak_megabytes: float
    """Largest resident set of the whole process (VmHWM, proc(5))."""
    auroc: float
    """Of the inspected images, those with a scratch against the others."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f"{self.num_good} good images of {self.side} x {self.side} pixels at native size, {self.threads} threads, "
            f"bank from {self.tiles or 'all'} tiles of an image:",
            "",
            "| fit s | s an image | MB before the fit | MB at the peak | image AUROC |",
            "| --- | --- | --- | --- | --- |",
            f"| {self.fit_seconds:.0f} | {self.inspect_seconds:.1f} | {self.start_megabytes:.0f} | {self.peak_megabytes:.0f} "
            f"| {self.auroc:.3f} |",
        ]


def run_memory(
    side: int, num_good: int, threads: int, tiles: int = BANK_TILES, on_progress: OnProgress = lambda line: None
) -> MemoryReport:
    """Fit and inspect in a new process, on JPEG files of rendered parts.

    `tiles` is the setting `bank_tiles`, 0 for all. `on_progress` receives the peak as it grows.

    Raises `InvalidInput` when that process fails, with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        for number in range(NUM_FILES):
            _save(render_part(side, number), Path(folder) / f"good-{number}.jpg")
        for number in range(NUM_INSPECTED):
            for is_scratched in (False, True):
                part = render_part(side, NUM_FILES + 2 * number + is_scratched, is_scratched)
                _save(part, Path(folder) / f"new-{number}-{is_scratched:d}.jpg")
        arguments = [sys.executable, "-m", __name__, folder, str(num_good), str(threads), str(tiles)]
        last = "no message"
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            for line in process.stderr:
                last = line.strip() or last
                on_progress(last)
            printed = process.stdout.read()
    if process.returncode:
        raise InvalidInput(f"The process that fits an inspector ended with {process.returncode}: {last}")
    return MemoryReport(side, num_good, threads, tiles, **json.loads(printed))


def measure(folder: Path, num_good: int, threads: int, tiles: int) -> dict[str, float]:
    """Fit on the good files of the folder in turn, then inspect the others."""
    files, inspected = sorted(folder.glob("good-*.jpg")), sorted(folder.glob("new-*.jpg"))
    settings = FitSettings(framing=Framing(longest=None), bank_tiles=tiles or None)
    with tempfile.TemporaryDirectory() as cache:
        backbone = LiteBackbone(settings.backbone, Path(cache), threads=threads)
        start_megabytes = _read_megabytes("VmRSS")
        good = [GoodImage(files[number % len(files)], str(number)) for number in range(num_good)]
        started = time.perf_counter()
        inspector = fit_inspector(good, "bench", backbone, settings, _read, _print_peak)
        fit_seconds = time.perf_counter() - started
        scores = np.array([inspector.inspect(_read(path)).score for path in inspected])
        inspect_seconds = (time.perf_counter() - started - fit_seconds) / len(inspected)
    return {
        "fit_seconds": fit_seconds,
        "inspect_seconds": inspect_seconds,
        "start_megabytes": start_megabytes,
        "peak_megabytes": _read_megabytes("VmHWM"),
        "auroc": auc(scores, np.array([path.stem.endswith("-1") for path in inspected])),
    }


def _save(image: RGB, path: Path) -> None:
    Image.fromarray(image).save(path, quality=92)


def _read(path: Path) -> RGB:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _print_peak(line: str) -> None:
    print(f"{line}: {_read_megabytes('VmHWM'):.0f} MB at the peak", file=sys.stderr, flush=True)


def _read_megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
