"""Lines of the service: `MM_HOME/lines/NAME/line.json` beside the journal of the line.

The file holds passwords and secrets and is readable by its user only. A folder without it is that
of `mm inspect watch`.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from mm.errors import Conflict, Corrupt, NotFound
from mm.files import open_new, write_atomic
from mm.line.config import NAME, LineConfig
from mm.schemas.base import Model
from mm.schemas.lines import LineRequest

FOLDER, DEFINITION, STATUS, CSV = "lines", "line.json", "status.json", "parts.csv"
PERMANENT_EXIT = 3
"""Exit status of a process whose line cannot run until a person changes something."""


class StoredLine(Model):
    """What `line.json` holds."""

    request: LineRequest = Field(repr=False)
    path: str = Field("", description="Of a folder or video as the process opens it.")
    is_started: bool = False
    has_ended: bool = Field(False, description="Whether its source has ended.")
    error: str | None = Field(None, description="Why the service stopped it.")
    created_at: datetime


class LineStatus(Model):
    """What the process of a line reports once a second in `status.json`."""

    pid: int
    at: float = Field(description="Seconds since 1970.")
    is_running: bool
    error: str | None = None
    frames: int = 0
    dropped: int = 0
    lost: int = 0
    reconnects: int = 0
    backlog: dict[str, int] = Field(default_factory=dict, description="By kind of the sink.")
    refused: dict[str, int] = Field(default_factory=dict)


def make_config(request: LineRequest) -> LineConfig:
    """The configuration of a line. Raises `InvalidInput`."""
    return LineConfig(
        request.name,
        tuple(request.region or ()),
        request.crop,
        request.min_area,
        fail_share=request.fail_share,
        deadline_seconds=request.deadline,
    )


class LineStore:
    """The lines of a home folder. Safe to use from several processes."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def folder(self, name: str) -> Path:
        """The folder of a line. Raises `NotFound` for what is no name."""
        if not NAME.fullmatch(name):
            raise NotFound(f"There is no line {name!r}.")
        return self._home / FOLDER / name

    def create(self, request: LineRequest, path: str) -> StoredLine:
        """Store a new line. Raises `Conflict` when there is one of this name."""
        folder = self.folder(request.name)
        folder.mkdir(parents=True, exist_ok=True)
        stored = StoredLine(request=request, path=path, is_started=request.start, created_at=datetime.now(UTC))
        try:
            with open_new(folder / DEFINITION) as file:
                file.write(stored.model_dump_json().encode())
        except FileExistsError as error:
            raise Conflict(f"There is a line {request.name} already; delete it first, or choose another name.") from error
        return stored

    def read(self, name: str) -> StoredLine:
        """Raises `NotFound` and `Corrupt`."""
        try:
            data = (self.folder(name) / DEFINITION).read_bytes()
        except OSError as error:
            raise NotFound(f"There is no line {name!r}.") from error
        try:
            return StoredLine.model_validate_json(data)
        except ValidationError:
            raise Corrupt(f"The definition of the line {name} cannot be read.") from None  # the cause quotes secrets

    def set_started(self, name: str, *, is_started: bool, has_ended: bool = False, error: str | None = None) -> StoredLine:
        """Change whether a line is to run. Raises as `read`."""
        stored = self.read(name).model_copy(update={"is_started": is_started, "has_ended": has_ended, "error": error})
        write_atomic(self.folder(name) / DEFINITION, stored.model_dump_json().encode())
        return stored

    def list_names(self) -> list[str]:
        """Names of the lines, in order."""
        return sorted(path.parent.name for path in (self._home / FOLDER).glob(f"*/{DEFINITION}"))

    def delete(self, name: str) -> None:
        """Delete a line with its journal. Raises `NotFound`."""
        folder = self.folder(name)
        try:
            (folder / DEFINITION).unlink()
        except OSError as error:
            raise NotFound(f"There is no line {name!r}.") from error
        shutil.rmtree(folder)

    def read_status(self, name: str) -> LineStatus | None:
        """The last report of the process; None before the first one."""
        try:
            return LineStatus.model_validate_json((self.folder(name) / STATUS).read_bytes())
        except (OSError, ValidationError):
            return None

    def write_status(self, name: str, status: LineStatus) -> None:
        """Replace the report; not flushed to disk, as it holds nothing that must last."""
        write_atomic(self.folder(name) / STATUS, status.model_dump_json().encode(), durable=False)
