"""Environment variables of the processes of the service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import mm

if TYPE_CHECKING:
    from mm.settings import Settings


def build_environment(settings: Settings) -> dict[str, str]:
    """Environment of a child process: these `MM_*` settings alone, and a path to this package."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    variables = {f"MM_{name.upper()}": str(getattr(settings, name)) for name in settings.model_fields_set}
    variables["MM_HOME"] = str(settings.root)
    path = os.pathsep.join(filter(None, [str(Path(mm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    return {**inherited, **variables, "PYTHONPATH": path}
