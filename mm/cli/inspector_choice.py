"""Opens the inspector that a command names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import NotFound

if TYPE_CHECKING:
    from mm.inspection.inspector import FittedInspector
    from mm.settings import Settings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def open_inspector(name: str, settings: Settings) -> FittedInspector:
    """Read an inspector by its file, or by its name in `MM_HOME/inspectors`.

    Raises `NotFound` when there is none, and the errors of `read_inspector`.
    """
    from mm.inspection.features.backbone import LiteBackbone
    from mm.inspection.inspector_file import SUFFIX, read_inspector

    path = settings.root / "inspectors" / f"{name}{SUFFIX}"
    if not NAME.fullmatch(name) or not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise NotFound(f"There is no inspector {name!r}: neither in MM_HOME/inspectors nor as a file.")
    return read_inspector(path, lambda backbone: LiteBackbone(backbone, settings.root / "cache", threads=settings.threads))
