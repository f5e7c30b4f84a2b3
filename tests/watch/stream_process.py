"""A stream in a process of its own, which a test kills: arguments URL, FOLDER.

Prints the names of the chunks that it sent.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from mm.line.sources.rtsp.units import CameraUnits
from mm.schemas import Upload
from mm.watch.jobs import JobFollower
from mm.watch.stream.recorder import Recorder
from mm.watch.stream.sender import ChunkSender
from mm.watch.stream.state import StreamState
from mm.watch.types import WatchEvent
from tests.watch.library import Library


def main() -> None:
    library, stop = Library(), threading.Event()

    def send(path: Path) -> Upload:
        return library.send(path)

    def report(event: WatchEvent) -> None:
        if event.kind == "uploaded":
            print(event.path, flush=True)  # noqa: T201

    with StreamState(Path(sys.argv[2])) as state:
        sender = ChunkSender("porch", state, send, JobFollower(library.job, report), None, report)
        threading.Thread(target=sender.run, args=(stop,), daemon=True).start()
        Recorder("porch", CameraUnits(sys.argv[1]), state, report, 0.8).run(stop)


if __name__ == "__main__":
    main()
