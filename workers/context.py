"""What a task works with, opened in the worker process and never before the fork."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from indexes import Store
from mm.generation.caption_model import CaptionModel
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces.encode.ocr_budget import OcrBudget
from workers.loaded_spaces import LoadedSpaces
from workers.messaging.dispatch import Dispatcher
from workers.stop import StopFlag


@dataclass(frozen=True)
class WorkerContext:
    """Store, spaces, media reader and dispatcher of one worker process."""

    settings: Settings
    store: Store
    spaces: LoadedSpaces
    reader: MediaReader
    dispatcher: Dispatcher
    stop: StopFlag
    owner: str
    """Unique name of this process in leases and in the table of workers of the catalog."""

    ocr_budget: OcrBudget = field(default_factory=OcrBudget)
    """The time left for text recognition, over all chunks of this process."""

    caption_model: CaptionModel | None = None
    """None where no captions are written."""

    record_progress: Callable[[], None] = lambda: None
    """Called whenever the running task has made progress."""

    def record_heartbeat(self) -> None:
        """Record in the catalog that this process has just executed work."""
        self.store.catalog.record_heartbeat(self.owner, time.time())


def create_owner_name() -> str:
    """Create a unique name: host, process id, and random digits, as process ids are reused."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
