"""Measure in a process of its own, for its memory and its libraries.

python -m mm.spaces.larger.measure              prints 10^9 operations per second of the GPU
python -m mm.spaces.larger.measure NAME FILE... prints the seconds of a model for one image
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from mm.errors import MMError
from mm.settings import load_settings

SIDE = 4096
RUNS = 3


def main() -> int:
    try:
        result = _measure_model(*sys.argv[1:]) if len(sys.argv) > 1 else _measure_gpu()
    except (MMError, OSError, RuntimeError) as error:
        print(str(error).splitlines()[0], file=sys.stderr)  # noqa: T201
        return 1
    print(result)  # noqa: T201
    return 0


def _measure_model(name: str, *files: str) -> float:
    import numpy as np
    from PIL import Image

    from mm.models.openclip.files import find_model
    from mm.models.openclip.model import OpenClipImageTower, OpenClipModel

    model = OpenClipModel(find_model(name.removeprefix("openclip:")), threads=load_settings().threads)
    tower = OpenClipImageTower(model)
    images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    tower.embed(images)
    return statistics.median(_time(lambda: tower.embed(images)) for _ in range(RUNS)) / len(images)


def _measure_gpu() -> float:
    import torch

    matrix = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.float16)

    def multiply() -> None:
        torch.mm(matrix, matrix)
        torch.cuda.synchronize()

    multiply()
    return 2 * SIDE**3 / statistics.median(_time(multiply) for _ in range(RUNS * 3)) / 1e9


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
