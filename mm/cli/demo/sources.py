"""Files that installed packages carry, found without importing the packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mm.cli.demo.ground_truth import Source
from mm.errors import Unavailable


def locate(source: Source) -> Path:
    """Where the file is. Raises `Unavailable` when the package or the file is missing."""
    spec = importlib.util.find_spec(source.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / source.path
        if path.is_file():
            return path
    raise Unavailable(f"The demo needs {source.path} of the package {source.package}, which is not installed here.")
