"""The two ways that `mm bench ingest` is held against, each in a process of its own.

python -m mm.bench.ingest.baselines floor|naive FILM
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def floor(film: Path) -> Callable[[], int]:
    """Decode every frame with PyAV, on as many threads as it takes by itself, and do nothing
    else."""
    import av

    def run() -> int:
        with av.open(str(film)) as container:
            container.streams.video[0].thread_type = "FRAME"
            return sum(1 for _ in container.decode(video=0))

    return run


def naive(film: Path) -> Callable[[], int]:
    """decord hands out one frame a second of the whole film at once; each passes through the tower
    in eager torch by itself."""
    import decord
    import torch
    from safetensors import safe_open

    from mm.models.image.preprocess import resize_image
    from mm.spaces.lite_space import IMAGE_WEIGHTS
    from mm.spaces.registry import WEIGHTS
    from mm.training.checkpoint import load_encoder

    weights = WEIGHTS / "lite" / IMAGE_WEIGHTS
    with safe_open(weights, "numpy") as file:
        size = int(file.metadata()["size"])
    encoder = load_encoder(weights)

    def run() -> int:
        video = decord.VideoReader(str(film))
        rate = video.get_avg_fps()
        frames = video.get_batch([round(second * rate) for second in range(int(len(video) / rate))]).asnumpy()
        with torch.inference_mode():
            for frame in frames:
                pixels = torch.from_numpy(np.ascontiguousarray(resize_image(frame, size).transpose(2, 0, 1))).float()
                encoder(pixels[None])
        return len(frames)

    return run


WAYS = {"floor": floor, "naive": naive}


def main(way: str, film: Path) -> None:
    """Prints JSON {"wall", "cpu", "frames"}; what is imported and loaded first does not count."""
    run = WAYS[way](film)
    begin, before = time.perf_counter(), _cpu_seconds()
    frames = run()
    print(json.dumps({"wall": time.perf_counter() - begin, "cpu": _cpu_seconds() - before, "frames": frames}))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
