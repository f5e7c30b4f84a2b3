"""Inspectors of a home folder: `MM_HOME/inspectors/NAME/VERSION.inspector` and which one is used.

A version is written once and never changed. The file `current` holds the number of the version that
inspections use; an earlier one can be put back.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from mm.errors import Conflict, Corrupt, InvalidInput, NotFound
from mm.files import TEMPORARY, hash_file, write_atomic
from mm.inspection.features.backbone import Backbone
from mm.inspection.inspector import FittedInspector
from mm.inspection.inspector_file import SUFFIX, AnyInspector, read_inspector, write_inspector
from mm.inspection.logical.inspector import LogicalInspector
from mm.inspection.template.inspector import TemplateInspector

FOLDER, CURRENT = "inspectors", "current"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

LoadBackbone = Callable[[str], Backbone]
OnStaged = Callable[[int, str], None]
InspectorT = TypeVar("InspectorT", bound=FittedInspector | TemplateInspector | LogicalInspector)


@dataclass(frozen=True, slots=True)
class StoredInspector:
    """An inspector of the store."""

    name: str
    versions: tuple[int, ...]
    """In ascending order."""
    current: int


class InspectorStore:
    """The inspectors of a home folder, by name. Safe to use from several processes."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def add(self, inspector: InspectorT, *, make_current: bool = True, on_staged: OnStaged | None = None) -> InspectorT:
        """Store an inspector as the next version of its name. Returns it with that version.

        `on_staged` is called with the version and the SHA-256 of its file before the file appears;
        if it raises, nothing is stored.

        Raises `InvalidInput` for a name that is no file name, and `Conflict` when another process
        stored the same version at the same time.
        """
        folder = self._get_folder(inspector.name)
        folder.mkdir(parents=True, exist_ok=True)
        numbered = replace(inspector, version=max(self._list_versions(folder), default=0) + 1)
        temporary = folder / f".{secrets.token_hex(8)}{TEMPORARY}"
        write_inspector(numbered, temporary)
        try:
            if on_staged is not None:
                on_staged(numbered.version, hash_file(temporary))
            os.link(temporary, _get_path(folder, numbered.version))  # unlike a rename, it replaces nothing
        except FileExistsError as error:
            raise Conflict(f"Version {numbered.version} of the inspector {inspector.name} was just stored. Try again.") from error
        finally:
            temporary.unlink()
        if make_current or numbered.version == 1:
            self.make_current(inspector.name, numbered.version)
        return numbered

    def load(self, name: str, load_backbone: LoadBackbone, version: int | None = None) -> AnyInspector:
        """Read an inspector, the current version unless another is named.

        Raises `NotFound` when there is none, and as `read_inspector`.
        """
        stored = self.get(name)
        version = stored.current if version is None else version
        if version not in stored.versions:
            raise NotFound(
                f"The inspector {name} has no version {version}; versions are: {', '.join(map(str, stored.versions))}."
            )
        return read_inspector(_get_path(self._folder / name, version), load_backbone)

    def get(self, name: str) -> StoredInspector:
        """Versions of an inspector. Raises `NotFound`, and `Corrupt` for a damaged `current`."""
        folder = self._get_folder(name)
        versions = self._list_versions(folder)
        if not versions:
            raise NotFound(f"There is no inspector {name}; `mm inspect list` shows the names.")
        try:
            current = int((folder / CURRENT).read_text())
        except FileNotFoundError:
            current = versions[-1]  # a crash between the first version and its mark
        except ValueError as error:
            raise Corrupt(f"{folder / CURRENT} does not hold the number of a version.") from error
        return StoredInspector(name, tuple(versions), current)

    def list_versions(self, name: str) -> tuple[int, ...]:
        """Versions whose files exist, in ascending order; none of an unknown inspector."""
        return tuple(self._list_versions(self._get_folder(name)))

    def get_path(self, name: str, version: int) -> Path:
        """The file of a version, existing or not. Raises `InvalidInput` for the name."""
        return _get_path(self._get_folder(name), version)

    def list_all(self) -> list[StoredInspector]:
        """All inspectors, by name."""
        names = sorted(path.name for path in self._folder.glob("*") if NAME.fullmatch(path.name))
        return [self.get(name) for name in names if self._list_versions(self._folder / name)]

    def make_current(self, name: str, version: int) -> None:
        """Use a version from now on, a later or an earlier one. Raises `NotFound`."""
        folder = self._get_folder(name)
        if version not in self._list_versions(folder):
            raise NotFound(f"The inspector {name} has no version {version}.")
        write_atomic(folder / CURRENT, f"{version}\n".encode())

    def remove(self, name: str) -> None:
        """Delete an inspector with all versions. Raises `NotFound`."""
        folder = self._get_folder(name)
        if not self._list_versions(folder):
            raise NotFound(f"There is no inspector {name}.")
        removed = self._folder / f".{secrets.token_hex(8)}{TEMPORARY}"
        folder.rename(removed)  # first, so that a crash leaves the whole inspector or none
        shutil.rmtree(removed)

    def _get_folder(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise InvalidInput("The name of an inspector has 1 to 64 letters, digits, '.', '_' and '-', a letter or digit first.")
        return self._folder / name

    def _list_versions(self, folder: Path) -> list[int]:
        versions = []
        for path in folder.glob(f"*{SUFFIX}"):
            with suppress(ValueError):
                versions.append(int(path.stem))
        return sorted(versions)


def _get_path(folder: Path, version: int) -> Path:
    return folder / f"{version}{SUFFIX}"


def load_inspector(name_or_path: str, home: Path, load_backbone: LoadBackbone) -> AnyInspector:
    """Read an inspector by its file, or the current version of a name in the store of `home`.

    Raises `NotFound` when there is neither, and as `read_inspector`.
    """
    path = Path(name_or_path)
    if path.suffix == SUFFIX and path.is_file():
        return read_inspector(path, load_backbone)
    if not NAME.fullmatch(name_or_path):
        raise NotFound(f"There is no file {name_or_path} of an inspector.")
    return InspectorStore(home).load(name_or_path, load_backbone)
