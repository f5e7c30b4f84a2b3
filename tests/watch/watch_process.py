"""A folder watch in a process of its own, which a test kills: arguments FOLDER, HOME.

The library is a folder of files that are named by their content; each upload takes a while.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from mm.files import hash_file
from mm.schemas import Upload
from mm.watch.folder import FolderWatch
from mm.watch.folder_state import CONTENT_DIGITS, FolderState
from mm.watch.jobs import JobFollower
from tests.client import documents
from tests.watch.library import Library


def main() -> None:
    folder, home = Path(sys.argv[1]), Path(sys.argv[2])

    def send(path: Path) -> Upload:
        content = hash_file(path, CONTENT_DIGITS)
        created = not (home / content).exists()
        (home / content).write_bytes(path.read_bytes())
        with (home / "log").open("a") as log:
            log.write(f"{content}\n")
        print(path.name, flush=True)  # noqa: T201
        time.sleep(0.01)
        upload = documents.upload(item=documents.item(id=content), job=documents.job(), created=created)
        return Upload.model_validate(upload)

    with FolderState(home / "state") as state:
        jobs = JobFollower(Library().job, lambda event: None)
        FolderWatch(folder, state, send, jobs, lambda event: None).run(threading.Event(), once=True)


if __name__ == "__main__":
    main()
