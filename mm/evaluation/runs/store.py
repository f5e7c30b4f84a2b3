"""Runs on disk: `MM_HOME/evaluations/ID/run.json` and `items.jsonl`, both written at once."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import to_json

from mm.errors import Corrupt, InvalidInput, NotFound
from mm.evaluation.runs.types import ItemRecord, Run
from mm.files import write_atomic

RUN, ITEMS = "run.json", "items.jsonl"
_IN_CURSOR = "~"
"""Between the start and the id of a run; neither has one."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RunStore:
    """The runs of one home folder. Used by several processes at once."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "evaluations"

    def new_id(self, set_name: str, task: str) -> str:
        """An id that sorts by time: `flickr8k-retrieval-20261130-054512-3f9a`."""
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        return f"{set_name}-{task}-{now}-{secrets.token_hex(2)}"

    def add(self, run: Run) -> Path:
        """Write a run and return its folder. Raises `InvalidInput` for an id that is taken."""
        self.require_free(run.id)
        folder = self._path(run.id)
        lines = [item.model_dump_json(exclude_defaults=True) + "\n" for item in run.outcome.items]
        write_atomic(folder / ITEMS, "".join(lines).encode())
        without_items = run.model_copy(update={"outcome": run.outcome.model_copy(update={"items": []})})
        write_atomic(folder / RUN, without_items.model_dump_json(indent=1).encode())  # last: a folder without it is no run
        return folder

    def has(self, run_id: str) -> bool:
        """Whether there is a run of that id. Raises `InvalidInput` for what cannot be one."""
        return (self._path(run_id) / RUN).is_file()

    def require_free(self, run_id: str) -> None:
        """Raise `InvalidInput` for an id that is taken, or cannot be one."""
        if self.has(run_id):
            raise InvalidInput(f"The run {run_id} exists; choose another name.")

    def get(self, run_id: str, *, with_items: bool = True) -> Run:
        """Read a run. Raises `NotFound`, which lists the latest runs, and `Corrupt`."""
        folder = self._path(run_id)
        try:
            run = Run.model_validate_json((folder / RUN).read_bytes())
            if not with_items:
                return run
            lines = (folder / ITEMS).read_bytes().splitlines()
            items = [ItemRecord.model_validate_json(line) for line in lines]
        except FileNotFoundError as error:
            latest = ", ".join(found.id for found in self.list_runs()[:5])
            raise NotFound(f"There is no run '{run_id}'. Latest runs: {latest or 'none'}.") from error
        except ValidationError as error:
            raise Corrupt(f"{folder} is not a run that this version can read: {error.errors()[0]['msg']}.") from error
        return run.model_copy(update={"outcome": run.outcome.model_copy(update={"items": items})})

    def get_item(self, run_id: str, item_id: str) -> ItemRecord:
        """Read one item of a run, without the others. Raises `NotFound` and `Corrupt`."""
        path = self._path(run_id) / ITEMS
        start = b'{"id":' + to_json(item_id) + b","  # `add` writes the id first
        try:
            with path.open("rb") as lines:
                line = next((line for line in lines if line.startswith(start)), None)
            if line is not None:
                return ItemRecord.model_validate_json(line)
        except FileNotFoundError:
            self.get(run_id, with_items=False)  # raises `NotFound` if there is no run
        except ValidationError as error:
            raise Corrupt(f"{path} is not readable: {error.errors()[0]['msg']}.") from error
        raise NotFound(f"The run {run_id} has no item {item_id!r:.80}.")

    def list_runs(self, set_name: str | None = None) -> list[Run]:
        """Runs without their items, the latest first. Folders that are no runs are left out."""
        runs = []
        for path in self._folder.glob(f"*/{RUN}"):
            try:
                run = Run.model_validate_json(path.read_bytes())
            except (OSError, ValidationError, json.JSONDecodeError):
                continue  # a newer version, or deleted meanwhile
            if set_name in (None, run.signature.set_name):
                runs.append(run)
        return sorted(runs, key=lambda run: (run.started, run.id), reverse=True)

    def page_runs(self, set_name: str | None, limit: int, cursor: str | None = None) -> tuple[list[Run], str | None]:
        """Up to `limit` runs as in `list_runs`, and the cursor of the next page; None at the end.

        A run that is added or deleted meanwhile changes no other page. Raises `InvalidInput` for a
        malformed cursor.
        """
        runs = self.list_runs(set_name)
        if cursor is not None:
            started, separator, run_id = cursor.partition(_IN_CURSOR)
            if not separator or not _ID.fullmatch(run_id):
                raise InvalidInput("The cursor is malformed; pass `next` of a page.")
            runs = [run for run in runs if (run.started, run.id) < (started, run_id)]
        page = runs[:limit]
        return page, f"{page[-1].started}{_IN_CURSOR}{page[-1].id}" if len(runs) > limit else None

    def remove(self, run_id: str) -> None:
        """Delete a run. Raises `NotFound`."""
        self.get(run_id, with_items=False)
        folder = self._path(run_id)
        (folder / RUN).unlink()
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    def _path(self, run_id: str) -> Path:
        if not _ID.fullmatch(run_id):
            raise InvalidInput(f"{run_id[:80]!r} is not the id of a run: letters, digits, '.', '_' and '-' are.")
        return self._folder / run_id
