"""The baselines of `mm bench ingest`, each in its own process.

python -m mm.bench.ingest.baselines floor|naive VIDEO
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def floor(video_path: Path) -> Callable[[], int]:
    """Decode every frame with PyAV, with its default number of threads, and discard it."""
    import av

    def run() -> int:
        with av.open(str(video_path)) as container:
            container.streams.video[0].thread_type = "FRAME"
            return sum(1 for _ in container.decode(video=0))

    return run


def naive(video_path: Path) -> Callable[[], int]:
    """Read one frame per second with decord, and encode each by itself in eager torch."""
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
        video = decord.VideoReader(str(video_path))
        rate = video.get_avg_fps()
        frames = video.get_batch([round(second * rate) for second in range(int(len(video) / rate))]).asnumpy()
        with torch.inference_mode():
            for frame in frames:
                pixels = torch.from_numpy(np.ascontiguousarray(resize_image(frame, size).transpose(2, 0, 1))).float()
                encoder(pixels[None])
        return len(frames)

    return run


METHODS = {"floor": floor, "naive": naive}


def main(method: str, video_path: Path) -> None:
    """Print JSON {"wall", "cpu", "frames"}, without the time of imports and loading."""
    run = METHODS[method](video_path)
    start, cpu = time.perf_counter(), _cpu_seconds()
    frames = run()
    print(json.dumps({"wall": time.perf_counter() - start, "cpu": _cpu_seconds() - cpu, "frames": frames}))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
