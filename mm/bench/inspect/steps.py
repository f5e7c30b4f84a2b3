"""Times the steps of one inspection, from the file of an image to that of its heat map."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from statistics import median
from typing import TypeVar

import numpy as np
from PIL import Image

from mm.inspection.features.framing import extract_patches
from mm.inspection.heat_maps import encode_heat_map
from mm.inspection.inspector import FittedInspector
from mm.inspection.scoring.regions import find_regions
from mm.inspection.view import create_view
from mm.media.types import RGB

T = TypeVar("T")

DECODE, ENCODE = "decode the image, JPEG", "write the heat map, PNG of 16 bits"
FILES = (DECODE, ENCODE)
"""Steps that `inspect` does not contain: those of `mm inspect run` and of the service."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step."""

    name: str
    milliseconds: float
    """Median over the rounds."""
    share: float | None
    """Of the steps of `inspect`; None for those of files."""


class StepTimer:
    """Collects the seconds of steps by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def run(self, name: str, step: Callable[[], T]) -> T:
        """The result of a step, whose time is added to those of its name."""
        started = time.perf_counter()
        result = step()
        self.seconds.setdefault(name, []).append(time.perf_counter() - started)
        return result


def measure_steps(inspector: FittedInspector, image_HWC: RGB, rounds: int) -> list[StepRow]:
    """Medians over rounds after one that is not counted. The inspector has no head."""
    timer = StepTimer()
    file = BytesIO()
    Image.fromarray(image_HWC).save(file, "JPEG", quality=92)
    for _ in range(rounds + 1):
        _run_steps(timer, inspector, image_HWC, file)
    medians = {name: 1e3 * median(durations[1:]) for name, durations in timer.seconds.items()}
    total = sum(duration for name, duration in medians.items() if name not in FILES)
    return [StepRow(name, each, None if name in FILES else each / total) for name, each in medians.items()]


def _run_steps(timer: StepTimer, inspector: FittedInspector, image_HWC: RGB, file: BytesIO) -> None:
    """The steps of `FittedInspector.inspect`, between those of files."""
    timer.run(DECODE, lambda: np.asarray(Image.open(file).convert("RGB")))
    view = timer.run("scale", lambda: create_view(image_HWC, inspector.settings, inspector.reference_HWC))
    vectors_hwC = timer.run("network, tiles", lambda: extract_patches(inspector.patch_backbone, view.pixels_HWC))
    vectors_NC = vectors_hwC.reshape(-1, vectors_hwC.shape[-1])
    found_NF = timer.run("search", lambda: inspector.measure_patches(vectors_NC, vectors_NC[:, :0]))
    timer.run("score, p-value", lambda: inspector.calibration.compute_p_value(inspector.score_patches(found_NF)))
    mean_hw = found_NF[:, inspector.judging_folds].mean(1).reshape(vectors_hwC.shape[:2])
    heat_HW = timer.run("heat map", lambda: view.build_heat_map(mean_hw))
    timer.run("regions", lambda: find_regions(heat_HW, inspector.region_threshold))
    timer.run(ENCODE, lambda: encode_heat_map(heat_HW))
