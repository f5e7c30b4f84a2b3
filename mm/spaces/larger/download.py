"""Download the files of a larger space in a process of its own, which ends with its parent.

python -m mm.spaces.larger.download NAME REPOSITORY

The exit status is 0 when all files are on this disk, `BUSY` while another process downloads, and
otherwise 1; then the last line of stderr says why.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from mm.errors import MMError
from mm.settings import Settings, load_settings
from mm.spaces.larger.hub import download_weights

if TYPE_CHECKING:
    from mm.spaces.larger.table import LargerSpace

BUSY = 3
MODULE = "mm.spaces.larger.download"


def start_download(settings: Settings, space: LargerSpace) -> subprocess.Popen[str]:
    """Start the process. It may be killed at any time: a partial file is continued by the next."""
    # Without Xet, whose transfer does not continue a file. The request overrides the offline mode
    # that `disable_hub_downloads` sets in this process.
    environment = {**os.environ, "MM_HOME": str(settings.root), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", MODULE, space.name, space.repository],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def main() -> int:
    name, repository = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        lock = load_settings().root / "spaces" / "download.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return BUSY
            download_weights(repository)
            _download_tokenizer(name)
    except (MMError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _download_tokenizer(name: str) -> None:
    """The small files, by the library that reads them, and a check that all files are found."""
    from mm.models.openclip.files import find_model
    from mm.models.openclip.tokenizer import OpenClipTokenizer

    OpenClipTokenizer(find_model(name.removeprefix("openclip:"), download=True), download=True)


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the parent does
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
