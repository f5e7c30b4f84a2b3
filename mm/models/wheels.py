"""Weights that come with an installed Python package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mm.errors import Unavailable


def find_package_folder(module: str, package: str, content: str) -> Path:
    """The folder of an installed module, found without importing it.

    Raises `Unavailable`, which names the `package` to install and its `content`.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise Unavailable(f"The package {package}, which provides {content}, is not installed.")
    return Path(spec.origin).parent
