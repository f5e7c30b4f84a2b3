"""Checks of the home folder, the disk and the library."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mm.cli.diagnosis.results import failed, passed
from mm.cli.format import format_bytes
from mm.errors import MMError
from mm.private import is_accessible_by_others
from mm.schemas import Check
from mm.settings import Settings

MIN_FREE_BYTES = 1 << 30


def check_home(settings: Settings) -> Check:
    """Whether the home folder, or the parent of a missing one, is writable and private."""
    folder = _nearest_existing(settings.root)
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"test")
            file.flush()
    except OSError as error:
        return failed("MM_HOME", f"{folder} cannot be written: {error.strerror}. Set MM_HOME to another folder.")
    if settings.root.exists() and is_accessible_by_others(settings.root):
        return failed("MM_HOME", f"Other users can read {settings.root}. Remove their permissions: `chmod -R go-rwx`.")
    return passed("MM_HOME", f"{settings.root} is writable, and only for this user.")


def check_library(settings: Settings) -> Check:
    """Whether catalog and folder belong together, and whether garbage collection was limited."""
    from mm.embedded.recover import check_library as check

    try:
        return check(settings)
    except MMError as error:
        return failed("library", str(error))


def check_disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_nearest_existing(settings.root)).free
    if free < MIN_FREE_BYTES:
        fix = f"Uploads will fail; free at least {format_bytes(MIN_FREE_BYTES)}."
        return failed("disk", f"Only {format_bytes(free)} are free at {settings.root}. {fix}")
    return passed("disk", f"{format_bytes(free)} are free at {settings.root}.")


def _nearest_existing(path: Path) -> Path:
    """The folder, or its nearest existing parent."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
