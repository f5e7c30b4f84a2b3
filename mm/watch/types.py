"""What a watch reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

WatchKind = Literal[
    "uploaded", "known", "refused", "unreadable", "changed", "unavailable", "ready", "failed", "lost", "gap", "deleted", "kept"
]
"""`known`: the library had the content. `changed`: the file changed while it was sent, and is sent
again. `ready` and `failed`: the end of a job. `lost`: a stream was interrupted. `gap`: the time
without video, when it has ended. `deleted`, `kept`: what `--keep` and `--keep-size` did with a
chunk."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """Something that happened to one file, chunk or connection."""

    kind: WatchKind
    path: str  # of the file, or the name of the chunk or stream
    item: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)


OnEvent = Callable[[WatchEvent], None]
