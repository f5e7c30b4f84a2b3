"""A library in memory that receives what a watch sends."""

from __future__ import annotations

from pathlib import Path

from mm.errors import MediaError, Unavailable
from mm.files import hash_file
from mm.schemas import Job, Upload
from mm.watch.folder_state import CONTENT_DIGITS
from mm.watch.types import WatchEvent
from tests.client import documents


class Library:
    """Items by their content. Refuses files that begin with `bad`."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}  # id to name
        self.sent: list[str] = []  # names, repetitions included
        self.events: list[WatchEvent] = []
        self.num_unavailable = 0  # requests that get no response

    def send(self, path: Path) -> Upload:
        if self.num_unavailable:
            self.num_unavailable -= 1
            raise Unavailable("No service responds.")
        data = path.read_bytes()
        if data.startswith(b"bad"):
            raise MediaError(path.name, "unreadable", "no media")
        content = hash_file(path, CONTENT_DIGITS)
        created = content not in self.items
        self.items.setdefault(content, path.name)
        self.sent.append(path.name)
        item = documents.item(id=content, name=path.name, size=len(data))
        return Upload.model_validate(documents.upload(item=item, job=documents.job(item_id=content), created=created))

    def job(self, job_id: str) -> Job:
        return Job.model_validate(documents.job(id=job_id, state="done"))

    def kinds(self, path: str = "") -> list[str]:
        """Kinds of the events, of one path or all."""
        return [event.kind for event in self.events if not path or event.path == path]
