"""Content of a library, read by another process: rows, files and exhaustive search results."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel

from mm.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class JobRecord(BaseModel):
    id: str
    item: str
    state: str
    error: str | None


class ChunkRecord(BaseModel):
    item: str
    index: int
    attempts: int
    done: bool


class ScoredMoment(BaseModel):
    """A hit of search without its evidence."""

    item: str
    start: float
    end: float
    score: float


class Inventory(BaseModel):
    """The content at one time. A segment is a string of its fields, evidence and vector digests."""

    jobs: list[JobRecord]
    items: dict[str, str]
    """Status by id."""
    chunks: list[ChunkRecord]
    segments: dict[str, list[str]]
    """Segments by item."""
    damaged: list[str]
    """Descriptions of files that rows reference and that are missing or corrupt."""
    orphans: list[str]
    """Files below the home folder that nothing references."""
    results: dict[str, list[ScoredMoment]]
    """Every moment of the library with its score, by query."""


class InventoryReader:
    """Runs `python -m indexes.bench.inventory` for as long as the `with` block lasts."""

    def __init__(self, environment: Mapping[str, str], log: Path, queries: Sequence[str]) -> None:
        self._environment = dict(environment)
        self._log = log
        self._queries = list(queries)

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = Popen(
                [sys.executable, "-P", "-m", "indexes.bench.inventory", *self._queries],
                env=self._environment,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
            )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self) -> Inventory:
        """Read the inventory. Raises `Unavailable` when the catalog does not respond."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The inventory process has ended; see {self._log}.")
        if line.startswith(b"unavailable "):
            raise Unavailable(line.decode().removeprefix("unavailable ").strip())
        return Inventory.model_validate_json(line)
