"""What can happen to the catalog or the files of a library behind the back of the service, for `mm
bench crash`."""

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

Way = Literal["restore", "adopt", "rebuild", "empty"]
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Material:
    """What faults need beside the home folder."""

    home: Path
    yesterday: Path
    """A catalog of the same library, from before some uploads and a delete."""
    other: Path
    """The catalog of another library."""

    @property
    def catalog(self) -> Path:
        return self.home / "catalog.db"

    @property
    def blobs(self) -> Path:
        return self.home / "blobs"


Harm = Callable[[Material, random.Random], None]
"""Done to a home folder of its own; the context of `read_only` is undone by the one who does it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of the things that can happen."""

    name: str
    harm: Harm
    ways: tuple[Way, ...]
    """What a person may do then."""
    starts: bool = False
    """Whether the service may start all the same."""
    read_only: str = ""
    """What is read-only, below the home folder."""


def _replace(catalog: Path, by: Path | None) -> None:
    """Another catalog, or none, without what SQLite keeps beside the one before."""
    for ending in ("", "-wal", "-shm"):
        catalog.with_name(catalog.name + ending).unlink(missing_ok=True)
    if by is not None:
        shutil.copyfile(by, catalog)


def missing(material: Material, rng: random.Random) -> None:
    _replace(material.catalog, None)


def older(material: Material, rng: random.Random) -> None:
    _replace(material.catalog, material.yesterday)


def other(material: Material, rng: random.Random) -> None:
    _replace(material.catalog, material.other)


def truncated(material: Material, rng: random.Random) -> None:
    """At any byte, the first one included."""
    os.truncate(material.catalog, rng.randrange(material.catalog.stat().st_size))


def garbled(material: Material, rng: random.Random) -> None:
    """One to four pages of noise, or some bytes of one."""
    size = material.catalog.stat().st_size
    length = rng.choice([16, 512, PAGE, 4 * PAGE])
    with material.catalog.open("r+b") as file:
        file.seek(rng.randrange(max(size - length, 1)))
        file.write(rng.randbytes(length))


def nothing(material: Material, rng: random.Random) -> None:
    """The mount is all that changes."""


def without_blobs(material: Material, rng: random.Random) -> None:
    material.blobs.rename(material.home.parent / "blobs that are away")


def unmounted(material: Material, rng: random.Random) -> None:
    without_blobs(material, rng)
    material.blobs.mkdir()


FAULTS = (
    Fault("catalog missing", missing, ("restore", "rebuild", "empty")),
    Fault("catalog older", older, ("restore", "rebuild", "adopt")),
    Fault("catalog of another library", other, ("restore", "rebuild", "adopt", "empty")),
    Fault("catalog truncated", truncated, ("restore", "rebuild", "empty"), starts=True),
    Fault("catalog garbled", garbled, ("restore", "rebuild", "empty"), starts=True),
    Fault("catalog read-only", nothing, ("restore",), read_only="catalog.db"),
    Fault("blobs missing", without_blobs, ("restore",)),
    Fault("blobs not mounted", unmounted, ("restore",)),
    Fault("blobs read-only", nothing, ("restore",), starts=True, read_only="blobs"),
)


@contextmanager
def read_only(path: Path | None) -> Iterator[None]:
    """Nothing can be written to a file or folder while the block runs, by a mount of its own. None
    is nothing at all.

    Raises `Unavailable` where nothing can be mounted.
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
        raise Unavailable(f"Nothing can be mounted read-only here, which needs root: {done.stderr.strip()}.")
