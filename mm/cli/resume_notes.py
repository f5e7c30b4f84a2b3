"""Where the uploads of files are that were interrupted, so that `mm add`, started again, goes on
with them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs

from mm.files import write_atomic

KEPT_SECONDS = 7 * 24 * 3600.0
"""The service forgets them earlier; then a file is sent anew."""


class ResumeNotes:
    """A small file in the user's state folder. Without it, or with one that cannot be written,
    files are only sent anew."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or platformdirs.user_state_path("mm") / "uploads.json"

    def find_upload(self, file: Path, tags: Sequence[str]) -> str | None:
        """Where the beginning of this file is, if it is still the same file."""
        kept = self._read().get(_key(file, tags))
        return str(kept["upload"]) if kept else None

    def record(self, file: Path, tags: Sequence[str], upload: str) -> None:
        """The file is on its way to `upload`."""
        self._write({**self._read(), _key(file, tags): {"upload": upload, "at": time.time()}})

    def remove(self, file: Path, tags: Sequence[str]) -> None:
        """The file arrived, or is refused."""
        kept = self._read()
        if kept.pop(_key(file, tags), None) is not None:
            self._write(kept)

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            kept: dict[str, dict[str, object]] = json.loads(self._path.read_bytes())
            since = time.time() - KEPT_SECONDS
            return {key: value for key, value in kept.items() if float(str(value["at"])) > since and value["upload"]}
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            return {}

    def _write(self, kept: dict[str, dict[str, object]]) -> None:
        with suppress(OSError):
            write_atomic(self._path, json.dumps(kept).encode(), durable=False)


def _key(file: Path, tags: Sequence[str]) -> str:
    """What tells a file from another, and from what it was before somebody changed it."""
    try:
        status = file.stat()
    except OSError:
        return str(file.absolute())
    return f"{file.resolve()} {status.st_size} {status.st_mtime_ns} {','.join(tags)}"
