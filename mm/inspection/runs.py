"""Runs of the command line: a folder with the records and heat maps of many images.

`MM_HOME/inspections/ID/` holds `run.json`, `records.jsonl` with a line for each image or frame, and
`heat/NUMBER.png`. Records are appended as they are made, so that an interrupted run has those of
before.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from mm.errors import Conflict, Corrupt, InvalidInput, NotFound
from mm.files import TEMPORARY, write_atomic
from mm.inspection.heat_maps import decode_heat_map, encode_heat_map
from mm.schemas import InspectionRecord, Model, ThresholdRecord

if TYPE_CHECKING:
    from types import TracebackType

    from mm.media.reader import MediaReader
    from mm.media.types import RGB
    from mm.numerics import Float32

FOLDER = "inspections"
RUN, RECORDS, HEAT = "run.json", "records.jsonl", "heat"
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class RunFailure(Model):
    """A file that could not be inspected."""

    image: str
    error: str


class RunInfo(Model):
    """The contents of `run.json`."""

    format: Literal[1] = 1
    id: str
    inspector: str
    version: int
    created: datetime
    scale: str | None
    settings: dict[str, str | int | float | bool | None]
    """Settings of the inspector, for the report."""
    threshold: ThresholdRecord
    sources: dict[str, str] = Field(default_factory=dict)
    """Absolute path of each `image` of the records."""
    failures: list[RunFailure] = Field(default_factory=list)
    is_complete: bool = False


class RunWriter:
    """Writes a run. As a context manager it ends it, complete unless the block raised."""

    def __init__(self, folder: Path, info: RunInfo) -> None:
        """Create the folder. Raises `Conflict` when it exists and is not empty."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Conflict(f"{folder} exists and is not empty. Choose a new folder for the run.")
        (folder / HEAT).mkdir(parents=True)
        self.folder, self._info = folder, info
        self._sources: dict[str, str] = {}
        self._failures: list[RunFailure] = []
        self._count = 0
        self._write_info(is_complete=False)
        self._file: IO[str] = (folder / RECORDS).open("x", encoding="utf-8")

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._write_info(is_complete=error is None)

    def add(self, record: InspectionRecord, heat_HW: Float32, path: Path) -> None:
        """Append a record of the file at `path`, and write its heat map first."""
        write_atomic(self.folder / HEAT / f"{self._count:05}.png", encode_heat_map(heat_HW), durable=False)
        self._file.write(record.model_dump_json() + "\n")
        self._file.flush()
        self._sources[record.image] = str(path.absolute())
        self._count += 1

    def add_failure(self, image: str, error: str) -> None:
        """Note a file that could not be inspected."""
        self._failures.append(RunFailure(image=image, error=error))

    def _write_info(self, *, is_complete: bool) -> None:
        update = {"sources": self._sources, "failures": self._failures, "is_complete": is_complete}
        info = self._info.model_copy(update=update)
        write_atomic(self.folder / RUN, info.model_dump_json(indent=1).encode())


class Run:
    """A run that was written: its records, images and heat maps."""

    def __init__(self, folder: Path) -> None:
        """Read a run. Raises `NotFound` without one in the folder, and `Corrupt`."""
        self.folder = folder
        try:
            self.info = RunInfo.model_validate_json((folder / RUN).read_bytes())
            lines = (folder / RECORDS).read_text(encoding="utf-8").splitlines()
            self.records = [InspectionRecord.model_validate_json(line) for line in lines]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"There is no run of `mm inspect run` in {folder}.") from error
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            raise Corrupt(f"{folder} is not a run of this version: {_first_line(error)}.") from error
        self._numbers: Mapping[tuple[str, float | None], int] = {
            (record.image, record.start): number for number, record in enumerate(self.records)
        }

    def find_path(self, record: InspectionRecord) -> Path:
        """The file of a record. Raises `NotFound` when it is no longer there."""
        path = Path(self.info.sources.get(record.image, record.image))
        if not path.is_file():
            raise NotFound(f"The image {path} of the run {self.info.id} is missing.")
        return path

    def open_image(self, record: InspectionRecord, reader: MediaReader) -> RGB:
        """The image of a record, or its frame. Raises `NotFound`, and as the reader."""
        path = self.find_path(record)
        if record.start is None:
            return reader.image(path, record.image)
        return reader.frame_at(path, record.image, record.start)

    def open_heat(self, record: InspectionRecord) -> Float32:
        """The heat map of a record of this run. Raises `NotFound`, `Corrupt`."""
        path = self.folder / HEAT / f"{self._numbers[record.image, record.start]:05}.png"
        try:
            return decode_heat_map(path.read_bytes())
        except FileNotFoundError as error:
            raise NotFound(f"The heat map {path} is missing.") from error


def make_run_id(inspector: str, now: datetime | None = None) -> str:
    """A new id: the name of the inspector, the time (UTC) and four random digits."""
    return f"{inspector}-{(now or datetime.now(UTC)):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def open_run(home: Path, id_or_folder: str) -> Run:
    """The run of an id in `home`, or of a folder. Raises `NotFound`, `Corrupt`."""
    if ID.fullmatch(id_or_folder) and (home / FOLDER / id_or_folder / RUN).is_file():
        return Run(home / FOLDER / id_or_folder)
    if (Path(id_or_folder) / RUN).is_file():
        return Run(Path(id_or_folder))
    raise NotFound(f"There is no run {id_or_folder}; `mm inspect list --runs` shows the runs.")


def list_runs(home: Path) -> list[RunInfo]:
    """The runs of a home folder, the newest first. Raises `Corrupt`."""
    infos = [Run(path.parent).info for path in (home / FOLDER).glob(f"*/{RUN}")]
    return sorted(infos, key=lambda info: info.created, reverse=True)


def remove_run(home: Path, run_id: str) -> None:
    """Delete a run of `home`; the inspected images stay. Raises `NotFound`, `InvalidInput`."""
    if not ID.fullmatch(run_id):
        raise InvalidInput(f"{run_id!r} is no id of a run; `mm inspect list --runs` shows them.")
    folder = home / FOLDER / run_id
    if not (folder / RUN).is_file():
        raise NotFound(f"There is no run {run_id}; `mm inspect list --runs` shows the runs.")
    removed = home / FOLDER / f".{secrets.token_hex(8)}{TEMPORARY}"
    folder.rename(removed)  # first, so that a crash leaves the whole run or none
    shutil.rmtree(removed)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
