"""Files of the analyses of the service: `MM_HOME/lesions/KEY`, readable by its user only.

A folder has the DICOM file that was sent, if there was one, and `results/` with `result.json`,
`regions.jsonl` and the exports. DICOM files and exports in DICOM identify the patient; they are in
no other place.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import NotFound
from mm.files import open_atomic, write_atomic
from mm.lesions.exports.names import CONTENT_TYPES
from mm.schemas import LesionRegion, LesionResult

if TYPE_CHECKING:
    from mm.lesions.types import LesionAnalysis

FOLDER, SOURCE, RESULTS, EXPORTS, TRASH = "lesions", "source.dcm", "results", "exports", "trash"
RESULT, REGIONS = "result.json", "regions.jsonl"
KEY = re.compile(r"[0-9a-f]{32}")


class LesionFolders:
    """The folders of one home folder. Safe to use from several processes."""

    def __init__(self, home: Path) -> None:
        self._root = home / FOLDER

    def create(self) -> str:
        """Create an empty folder and return its key."""
        key = secrets.token_hex(16)
        (self._root / key).mkdir(parents=True, mode=0o700)
        return key

    def source(self, key: str) -> Path:
        """Path of the DICOM file."""
        return self._get(key) / SOURCE

    def remove(self, key: str) -> None:
        """Delete a folder with all its files, if it exists."""
        shutil.rmtree(self._get(key), ignore_errors=True)

    def list_unanalysed(self, older_than: float) -> list[str]:
        """Keys of folders without results to which nothing was written for so many seconds."""
        limit = time.time() - older_than
        keys = [path.name for path in self._root.glob("*") if KEY.fullmatch(path.name)] if self._root.is_dir() else []
        return sorted(key for key in keys if not self.has_results(key) and _last_write(self._root / key) <= limit)

    def count(self) -> int:
        """Number of folders."""
        return sum(1 for path in self._root.glob("*") if KEY.fullmatch(path.name))

    def move_to_trash(self, key: str) -> None:
        """Move a folder to `trash/DATE`, where it is kept for some days."""
        trash = self._root / TRASH / datetime.now(UTC).date().isoformat()
        trash.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._get(key).rename(trash / key)

    def empty_trash(self, days: float) -> int:
        """Delete folders that are in the trash for more than `days`, 0 none. Returns how many."""
        removed, today = 0, datetime.now(UTC).date()
        if days == 0:
            return removed
        for folder in (self._root / TRASH).glob("*"):
            if (today - date.fromisoformat(folder.name)).days > days:
                removed += sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder, ignore_errors=True)
        return removed

    def has_results(self, key: str) -> bool:
        """Whether an analysis was stored."""
        return (self._get(key) / RESULTS).is_dir()

    @contextmanager
    def stage(self, key: str) -> Iterator[Path]:
        """A folder for the exports; it becomes that of the results when the block ends.

        Results that another process stored meanwhile are kept: both are the same.
        """
        staged = self._get(key) / f".{secrets.token_hex(8)}.part"
        (staged / EXPORTS).mkdir(parents=True)
        try:
            yield staged / EXPORTS
            if not self.has_results(key):
                staged.rename(self._get(key) / RESULTS)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def list_exports(self, key: str) -> list[str]:
        """Names of the exports, in order."""
        folder = self._get(key) / RESULTS / EXPORTS
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def get_export(self, key: str, name: str) -> Path:
        """Path of an export. Raises `NotFound` for another name."""
        if name not in self.list_exports(key) or Path(name).suffix not in CONTENT_TYPES:
            raise NotFound(f"The analysis has no export {name!r:.100}.")
        return self._get(key) / RESULTS / EXPORTS / name

    def read_result(self, key: str) -> LesionResult | None:
        """The result; None before it is stored."""
        path = self._get(key) / RESULTS / RESULT
        return LesionResult.model_validate_json(path.read_bytes()) if path.is_file() else None

    def read_regions(self, key: str, candidate: str | None, after: int, limit: int) -> list[tuple[int, str, LesionRegion]]:
        """Position, candidate and region of up to `limit` regions after a position, from 1."""
        path = self._get(key) / RESULTS / REGIONS
        found: list[tuple[int, str, LesionRegion]] = []
        if not path.is_file():
            return found
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if number <= after:
                    continue
                name, region = json.loads(line)
                if candidate in {None, name}:
                    found.append((number, name, LesionRegion.model_validate(region)))
                if len(found) == limit:
                    break
        return found

    def _get(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise NotFound(f"{key!r:.40} is no key of an analysis.")
        return self._root / key


def _last_write(folder: Path) -> float:
    """Seconds of the last write in a folder; now if it is removed meanwhile."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return time.time()


def write_result(analysis: LesionAnalysis, exports: Path) -> None:
    """Write the result and the regions beside the folder of the exports."""
    from mm.lesions.records import list_regions, to_result

    with open_atomic(exports.parent / REGIONS) as file:
        for candidate, region in list_regions(analysis):
            file.write(json.dumps([candidate, region.model_dump(mode="json")]).encode() + b"\n")
    write_atomic(exports.parent / RESULT, to_result(analysis).model_dump_json().encode())
