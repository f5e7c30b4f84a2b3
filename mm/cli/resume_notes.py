"""Notes of interrupted uploads, so that a repeated `mm add` resumes them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs

from mm.files import write_atomic

RETENTION_SECONDS = 7 * 24 * 3600.0
"""The service removes unfinished uploads earlier; then the file is uploaded from its start."""


class ResumeNotes:
    """A JSON file in the user's state folder.

    When it is missing or cannot be written, interrupted uploads start again from the first byte.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or platformdirs.user_state_path("mm") / "uploads.json"

    def find_upload(self, file: Path, tags: Sequence[str]) -> str | None:
        """URL of the unfinished upload of this file; `None` without one or for a changed file."""
        note = self._read().get(_key(file, tags))
        return str(note["upload"]) if note else None

    def record(self, file: Path, tags: Sequence[str], upload: str) -> None:
        """Record that the file is being uploaded to the URL `upload`."""
        self._write({**self._read(), _key(file, tags): {"upload": upload, "at": time.time()}})

    def remove(self, file: Path, tags: Sequence[str]) -> None:
        """Remove the note of a file that was accepted or refused."""
        notes = self._read()
        if notes.pop(_key(file, tags), None) is not None:
            self._write(notes)

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            notes: dict[str, dict[str, object]] = json.loads(self._path.read_bytes())
            oldest = time.time() - RETENTION_SECONDS
            return {key: note for key, note in notes.items() if float(str(note["at"])) > oldest and note["upload"]}
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            return {}

    def _write(self, notes: dict[str, dict[str, object]]) -> None:
        with suppress(OSError):
            write_atomic(self._path, json.dumps(notes).encode(), durable=False)


def _key(file: Path, tags: Sequence[str]) -> str:
    """Path, size, modification time and tags: a changed file has another key."""
    try:
        status = file.stat()
    except OSError:
        return str(file.absolute())
    return f"{file.resolve()} {status.st_size} {status.st_mtime_ns} {','.join(tags)}"
