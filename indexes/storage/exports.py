"""Exported clips: a folder for each export with its clips, until it is packed or expires.

A clip is its file, renamed when it is complete, and a JSON file with what it contains, written
afterwards: a clip with that file is done, also after the process was killed.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from indexes.storage.files import hold_lock, translate_disk_errors
from mm.errors import NotFound
from mm.files import open_atomic, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

ARCHIVE = "clips.zip"
MANIFEST = "manifest.json"
EXPORT_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")
LOCK_SECONDS = 600.0
DAY_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class StoredClip:
    """What is stored of a clip."""

    index: int
    file: str
    """Its name in the folder of the export."""
    name: str
    """Its name for the user."""
    start: float
    """Seconds of the item, as `end`, that the clip really has."""
    end: float


class ExportStore:
    """The folder `exports` of a home folder. Safe to use from several processes.

    Methods raise `StorageFull` for a full disk, `Unavailable` for another failure of it.
    """

    def __init__(self, root: Path) -> None:
        self._folder, self._locks = root / "exports", root / "locks"

    def get_clip(self, export_id: str, index: int) -> StoredClip | None:
        """Return a clip that is complete; None without it."""
        try:
            return StoredClip(**json.loads(self._facts(export_id, index).read_text()))
        except FileNotFoundError:
            return None

    def list_clips(self, export_id: str) -> list[StoredClip]:
        """Return the complete clips of an export in order."""
        paths = sorted(self._get_folder(export_id).glob("clip-*.json"))
        return [StoredClip(**json.loads(path.read_text())) for path in paths]

    @contextmanager
    def write_clip(self, export_id: str, index: int) -> Iterator[BinaryIO]:
        """Open the file of a clip, which is incomplete until `finish_clip`; removed on an error."""
        with translate_disk_errors(self._folder), open_atomic(self._get_folder(export_id) / f"clip-{index:05}.data") as file:
            yield file

    def finish_clip(self, export_id: str, index: int, name: str, start: float, end: float) -> StoredClip:
        """Record that the file of a clip is complete."""
        clip = StoredClip(index, f"clip-{index:05}.data", name, start, end)
        with translate_disk_errors(self._folder):
            write_atomic(self._facts(export_id, index), json.dumps(asdict(clip)).encode())
        return clip

    def has(self, export_id: str) -> bool:
        """Whether the files of an export are kept."""
        return self._get_folder(export_id).is_dir()

    def measure(self, export_id: str) -> int:
        """Bytes of the files of an export."""
        return sum(path.stat().st_size for path in self._get_folder(export_id).glob("*") if path.is_file())

    def open_result(self, export_id: str, manifest: Mapping[str, object]) -> tuple[Path, str]:
        """Return the file of a finished export and its name: its only clip, else all in a ZIP file.

        The ZIP file is made at the first call, with a manifest, and replaces the clips. Raises
        `NotFound` without clips.
        """
        folder = self._get_folder(export_id)
        with hold_lock(self._locks / f"export-{export_id}.lock", LOCK_SECONDS), translate_disk_errors(self._folder):
            if (folder / ARCHIVE).is_file():
                return folder / ARCHIVE, ARCHIVE
            clips = self.list_clips(export_id)
            if not clips:
                raise NotFound("The export has no clip: it has expired, or none of its clips could be cut.")
            if len(clips) == 1 and not manifest["failures"]:
                return folder / clips[0].file, clips[0].name
            with open_atomic(folder / ARCHIVE) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
                for clip in clips:
                    archive.write(folder / clip.file, clip.name)
            for clip in clips:
                (folder / clip.file).unlink(missing_ok=True)
            return folder / ARCHIVE, ARCHIVE

    def delete(self, export_id: str) -> None:
        """Delete the files of an export."""
        shutil.rmtree(self._get_folder(export_id), ignore_errors=True)
        (self._locks / f"export-{export_id}.lock").unlink(missing_ok=True)

    def expire(self, days: float) -> int:
        """Delete exports whose last change is longer ago; returns how many. 0 days keeps all."""
        if not days or not self._folder.is_dir():
            return 0
        oldest = time.time() - days * DAY_SECONDS
        expired = [path.name for path in self._folder.iterdir() if path.is_dir() and path.stat().st_mtime < oldest]
        for export_id in expired:
            self.delete(export_id)
        return len(expired)

    def _facts(self, export_id: str, index: int) -> Path:
        return self._get_folder(export_id) / f"clip-{index:05}.json"

    def _get_folder(self, export_id: str) -> Path:
        if not EXPORT_ID.fullmatch(export_id):
            raise NotFound(f"There is no export {export_id!r:.80}.")
        return self._folder / export_id
