"""Peak memory of a fit on many large images and of their inspection, in a process of its own.

Run as a module it is that process: it prints a JSON object.
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
from mm.inspection.fit import fit_inspector
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage
from mm.media.types import RGB

NUM_FILES = 4
"""Distinct images; the others repeat them, since rendering takes longer than reading."""
NUM_INSPECTED = 3


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """One run; the names of the fields are the keys of `--json`."""

    side: int
    num_good: int
    threads: int
    fit_seconds: float
    inspect_seconds: float
    """Of one image, the mean."""
    start_megabytes: float
    """Resident after the imports and the load of the network."""
    peak_megabytes: float
    """Largest resident set of the whole process (VmHWM, proc(5))."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f"{self.num_good} good images of {self.side} x {self.side} pixels at native size, {self.threads} threads:",
            "",
            "| fit s | s an image | MB before the fit | MB at the peak |",
            "| --- | --- | --- | --- |",
            f"| {self.fit_seconds:.0f} | {self.inspect_seconds:.1f} | {self.start_megabytes:.0f} | {self.peak_megabytes:.0f} |",
        ]


def run_memory(side: int, num_good: int, threads: int) -> MemoryReport:
    """Fit and inspect in a new process, on JPEG files of rendered parts.

    Raises `InvalidInput` when that process fails, with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        for number in range(NUM_FILES):
            Image.fromarray(render_part(side, number)).save(Path(folder) / f"{number}.jpg", quality=92)
        arguments = [sys.executable, "-m", __name__, folder, str(num_good), str(threads)]
        result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise InvalidInput(f"The process that fits an inspector ended with {result.returncode}: {last}")
    return MemoryReport(side, num_good, threads, **json.loads(result.stdout))


def measure(folder: Path, num_good: int, threads: int) -> dict[str, float]:
    """Fit on the files of the folder in turn, then inspect some; seconds and megabytes."""
    files = sorted(folder.glob("*.jpg"))
    settings = FitSettings(framing=Framing(longest=None))
    with tempfile.TemporaryDirectory() as cache:
        backbone = LiteBackbone(settings.backbone, Path(cache), threads=threads)
        start_megabytes = _read_megabytes("VmRSS")
        good = [GoodImage(files[number % len(files)], str(number)) for number in range(num_good)]
        started = time.perf_counter()
        inspector = fit_inspector(good, "bench", backbone, settings, _read)
        fit_seconds = time.perf_counter() - started
        for number in range(NUM_INSPECTED):
            inspector.inspect(_read(files[number % len(files)]))
        inspect_seconds = (time.perf_counter() - started - fit_seconds) / NUM_INSPECTED
    return {
        "fit_seconds": fit_seconds,
        "inspect_seconds": inspect_seconds,
        "start_megabytes": start_megabytes,
        "peak_megabytes": _read_megabytes("VmHWM"),
    }


def _read(path: Path) -> RGB:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _read_megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
