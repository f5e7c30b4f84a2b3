"""Scale records in `MM_HOME/scales`, one JSON file each, written atomically."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mm.errors import Conflict, Corrupt, InvalidInput, NotFound
from mm.files import write_atomic
from mm.metrology.scale import Lens, Scale, Source

FOLDER = "scales"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class LensRecord(BaseModel):
    """Stored form of `Lens`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    matrix: tuple[float, ...]
    distortion: tuple[float, ...]
    plane: tuple[float, ...]


class ScaleRecord(BaseModel):
    """Stored form of `Scale`; `version` is that of the format."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    mm_per_px: float
    standard_uncertainty: float
    area: tuple[tuple[float, float], ...] | None
    source: Source
    blur_px: float
    blur_uncertainty_px: float
    tilt_degrees: float
    lens: LensRecord | None

    @classmethod
    def from_scale(cls, scale: Scale) -> ScaleRecord:
        """The stored form of a scale."""
        return cls.model_validate(asdict(scale))

    def to_scale(self) -> Scale:
        """The scale. Raises `InvalidInput` for values that no scale has."""
        fields = self.model_dump(exclude={"version", "lens"})
        return Scale(**fields, lens=None if self.lens is None else Lens(**self.lens.model_dump()))


class ScaleStore:
    """The scale records of a home folder, by name."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def add(self, name: str, scale: Scale, *, replace: bool = False) -> None:
        """Store a scale. Raises `InvalidInput` for the name, and `Conflict` if it is in use."""
        path = self._path(name)
        if path.exists() and not replace:
            raise Conflict(f"A scale named {name!r} exists; choose another name, or replace it with --replace.")
        record = ScaleRecord.from_scale(scale)
        write_atomic(path, (json.dumps(record.model_dump(mode="json"), indent=1) + "\n").encode())

    def load(self, name: str) -> Scale:
        """Read a scale. Raises `NotFound`, and `Corrupt` for a file that is no scale record."""
        path = self._path(name)
        try:
            return ScaleRecord.model_validate_json(path.read_bytes()).to_scale()
        except FileNotFoundError as error:
            raise NotFound(f"No scale is named {name!r}; `mm scale list` shows the names.") from error
        except (ValidationError, InvalidInput) as error:
            raise Corrupt(f"{path} is not a scale record of this version. Remove it and add the scale again.") from error

    def names(self) -> list[str]:
        """Names of the stored scales, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.json") if NAME.fullmatch(path.stem))

    def remove(self, name: str) -> None:
        """Remove a scale. Raises `NotFound`."""
        try:
            self._path(name).unlink()
        except FileNotFoundError as error:
            raise NotFound(f"No scale is named {name!r}; `mm scale list` shows the names.") from error

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} is no name of a scale: up to 64 letters, digits, dots, hyphens and underscores.")
        return self._folder / f"{name}.json"
