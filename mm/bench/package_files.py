"""Media files that are part of installed packages."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mm.errors import Unavailable


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of an installed package."""

    package: str
    path: str

    def locate(self) -> Path:
        """Find the file without importing the package. Raises `Unavailable` if it is missing."""
        spec = importlib.util.find_spec(self.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            file = Path(folder) / self.path
            if file.is_file():
                return file
        raise Unavailable(f"{self.path} of the package {self.package} is not installed here.")
