"""The manifest: one small file with the current parts of an index, replaced atomically."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from indexes.storage.files import write_durable
from mm.errors import Corrupt

FORMAT = 1
NAME = "manifest.json"


class PartEntry(BaseModel):
    """A part and the checksums of its files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    evidence: int
    files: dict[str, str]


class Manifest(BaseModel):
    """The state of an index after all changes of the catalog up to the sequence number `upto`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    space: str
    catalog: str
    """Identity of the catalog that it was built from."""
    upto: int
    parts: tuple[PartEntry, ...] = ()
    dead: frozenset[int] = frozenset()
    """Publications in the parts that were deleted."""


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of an index. Raises `Unavailable` when it cannot be written."""
    body = json.dumps({**manifest.model_dump(exclude={"dead"}), "dead": sorted(manifest.dead)})
    write_durable(folder / NAME, f"{_digest(body)}\n{body}\n".encode())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an index, None if there is none.

    Raises `Corrupt` for a damaged file or one of another format.
    """
    path = folder / NAME
    try:
        digest, body, _ = path.read_text().split("\n")
        if digest != _digest(body):
            raise Corrupt(f"{path} is damaged: its checksum differs.")
        manifest = Manifest.model_validate_json(body)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise Corrupt(f"{path} cannot be read: {error}.") from error
    if manifest.format != FORMAT:
        raise Corrupt(f"{path} has format {manifest.format}; this version reads format {FORMAT}.")
    return manifest


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
