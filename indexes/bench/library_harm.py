"""Faults of the catalog or the files of a library, for `mm bench crash --library-faults`."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mm.errors import Unavailable

Repair = Literal["restore", "adopt", "rebuild", "empty"]
"""Restoring a backup, or an option of `mm doctor`."""
PAGE = 4096


@dataclass(frozen=True, slots=True)
class LibraryFixture:
    """A copy of a library, and the catalogs that faults replace its own with."""

    home: Path
    older_catalog: Path
    """A catalog of the same library, from before some uploads and a delete."""
    other_catalog: Path
    """The catalog of another library."""

    @property
    def catalog(self) -> Path:
        return self.home / "catalog.db"

    @property
    def blobs(self) -> Path:
        return self.home / "blobs"

    @property
    def moved_blobs(self) -> Path:
        """Where faults move the blobs folder."""
        return self.home.parent / "moved blobs"


Harm = Callable[[LibraryFixture, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of damage, and the repairs that apply to it."""

    name: str
    harm: Harm
    repairs: tuple[Repair, ...]
    can_start: bool = False
    """Whether the service may start in spite of it."""
    read_only: str = ""
    """Path below the home folder that is mounted read-only."""


def _replace_catalog(catalog: Path, replacement: Path | None) -> None:
    """Replace or remove the catalog, with its SQLite files."""
    for ending in ("", "-wal", "-shm"):
        catalog.with_name(catalog.name + ending).unlink(missing_ok=True)
    if replacement is not None:
        shutil.copyfile(replacement, catalog)


def remove_catalog(fixture: LibraryFixture, rng: random.Random) -> None:
    _replace_catalog(fixture.catalog, None)


def restore_older_catalog(fixture: LibraryFixture, rng: random.Random) -> None:
    _replace_catalog(fixture.catalog, fixture.older_catalog)


def swap_catalog(fixture: LibraryFixture, rng: random.Random) -> None:
    _replace_catalog(fixture.catalog, fixture.other_catalog)


def truncate_catalog(fixture: LibraryFixture, rng: random.Random) -> None:
    """Truncate at any byte, the first one included."""
    os.truncate(fixture.catalog, rng.randrange(fixture.catalog.stat().st_size))


def corrupt_catalog(fixture: LibraryFixture, rng: random.Random) -> None:
    """Overwrite one or four pages, or some bytes of one, by noise."""
    size = fixture.catalog.stat().st_size
    length = rng.choice([16, 512, PAGE, 4 * PAGE])
    with fixture.catalog.open("r+b") as file:
        file.seek(rng.randrange(max(size - length, 1)))
        file.write(rng.randbytes(length))


def change_nothing(fixture: LibraryFixture, rng: random.Random) -> None:
    """For faults that only mount a path read-only."""


def move_blobs(fixture: LibraryFixture, rng: random.Random) -> None:
    fixture.blobs.rename(fixture.moved_blobs)


def unmount_blobs(fixture: LibraryFixture, rng: random.Random) -> None:
    """Leave an empty folder, as an unmounted file system does."""
    move_blobs(fixture, rng)
    fixture.blobs.mkdir()


FAULTS = (
    Fault("catalog missing", remove_catalog, ("restore", "rebuild", "empty")),
    Fault("catalog older", restore_older_catalog, ("restore", "rebuild", "adopt")),
    Fault("catalog of another library", swap_catalog, ("restore", "rebuild", "adopt", "empty")),
    Fault("catalog truncated", truncate_catalog, ("restore", "rebuild", "empty"), can_start=True),
    Fault("catalog garbled", corrupt_catalog, ("restore", "rebuild", "empty"), can_start=True),
    Fault("catalog read-only", change_nothing, ("restore",), read_only="catalog.db"),
    Fault("blobs missing", move_blobs, ("restore",)),
    Fault("blobs not mounted", unmount_blobs, ("restore",)),
    Fault("blobs read-only", change_nothing, ("restore",), can_start=True, read_only="blobs"),
)


@contextmanager
def mount_read_only(path: Path | None) -> Iterator[None]:
    """Mount a file or folder read-only for the duration of the block; None mounts nothing.

    Raises `Unavailable` without the permission to mount.
    """
    if path is None:
        yield
        return
    _run("mount", "--bind", str(path), str(path))
    try:
        _run("mount", "-o", "remount,bind,ro", str(path))
        yield
    finally:
        _run("umount", "--lazy", str(path))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror}.") from error
    if done.returncode:
        raise Unavailable(f"A read-only mount failed; it needs root: {done.stderr.strip()}.")
