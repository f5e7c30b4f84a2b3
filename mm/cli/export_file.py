"""The file that hits or an album are exported to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mm.schemas import HitExportFormat

EXPORT_SUFFIXES: dict[str, HitExportFormat] = {".csv": "csv", ".json": "json", ".html": "html"}


class _ExportFile(click.Path):
    """A new file whose suffix is a format of exports."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(str(super().convert(value, param, ctx)))  # type: ignore[arg-type]
        if path.suffix.lower() not in EXPORT_SUFFIXES:
            self.fail(f"the name ends in {', '.join(EXPORT_SUFFIXES)}, which is the format.", param, ctx)
        if path.exists():
            self.fail(f"{path} exists already.", param, ctx)
        return path


EXPORT = _ExportFile()
