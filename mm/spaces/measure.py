"""Measure the runtimes of the image tower in a subprocess of low priority with a CPU time limit.

python -m mm.spaces.measure
"""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import mm
from mm.errors import MMError
from mm.settings import Settings, load_settings
from mm.spaces.registry import image_weights_path, tune_runtime
from mm.spaces.tuning import choice_path, is_measured

CPU_SECONDS = 40
"""CPU time after which the process is ended; it needs about 10 s."""
NICENESS = 19


def start_measuring(settings: Settings) -> subprocess.Popen[bytes]:
    """Start the subprocess; its exit status is 0 when a valid measurement is stored.

    It may be killed at any time: the result is written atomically.
    """
    path = os.pathsep.join(filter(None, [str(Path(mm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    environment = {f"MM_{name.upper()}": str(getattr(settings, name)) for name in ("home", "space", "threads", "runtime")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mm.spaces.measure"],
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def can_measure(settings: Settings) -> bool:
    """Whether the settings do not set the runtime and no valid measurement is stored."""
    if settings.runtime != "auto" or settings.space != "lite":
        return False
    return not is_measured(settings, image_weights_path(settings.space))


def main() -> int:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        settings = load_settings()
        lock = choice_path(settings).with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if can_measure(settings):  # unless another process has measured meanwhile
                tune_runtime(settings, lambda name: None)
    except (MMError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
