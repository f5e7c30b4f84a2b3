"""Runs as clients see them: without paths of the server, and with images of their items."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from mm.errors import NotFound
from mm.evaluation.report.examples import choose_examples
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.comparison_record import describe_comparison
from mm.evaluation.runs.store import RunStore
from mm.schemas import ItemRecord, Run, RunComparison, RunExamples, RunItemPage, RunList

if TYPE_CHECKING:
    import threading

    from api.service import Service

Shown = Literal["item", "answer"]
"""The file of an item, or of what was returned first for it."""


def hide_folder(run: Run) -> Run:
    """The run without paths of the server, with the line of its signature."""
    return run.model_copy(update={"root": "", "command": "", "signature_line": run.signature.line()})


def hide_path(item: ItemRecord) -> ItemRecord:
    """The item with names in place of paths outside of the folder of the set."""
    paths = {field: getattr(item, field) for field in ("path", "answer_path")}
    return item.model_copy(update={field: PurePath(path).name for field, path in paths.items() if PurePath(path).is_absolute()})


def page_items(store: RunStore, run_id: str, after: int, limit: int) -> RunItemPage:
    """Items from `after` on, in the order of the run. Raises `NotFound` and `Corrupt`."""
    items = store.get(run_id).outcome.items
    end = after + limit
    return RunItemPage(data=[hide_path(item) for item in items[after:end]], next=end if end < len(items) else None)


def page_runs(store: RunStore, set_name: str | None, limit: int, cursor: str | None) -> RunList:
    """A page of runs without items, newest first. Raises `InvalidInput` for a malformed cursor."""
    found, following = store.page_runs(set_name, limit, cursor)
    return RunList(data=[hide_folder(run) for run in found], next=following)


def get_examples(store: RunStore, run_id: str, limit: int) -> RunExamples:
    """Items with the worst and the best values. Raises `NotFound` and `Corrupt`."""
    found = choose_examples(store.get(run_id), limit)
    if found is None:
        return RunExamples(measure=None, worst=[], best=[])
    worst, best = ([hide_path(item) for item in items] for items in (found.worst, found.best))
    return RunExamples(measure=found.measure, worst=worst, best=best)


def compare(store: RunStore, first: str, second: str) -> RunComparison:
    """The second run minus the first, item by item.

    Raises `NotFound`, `Corrupt`, and `InvalidInput` for runs that cannot be compared.
    """
    compared = describe_comparison(compare_runs(store.get(first), store.get(second)))
    sides = {
        side: [change.model_copy(update={"item": hide_path(change.item)}) for change in changes]
        for side, changes in (("worse", compared.worse), ("better", compared.better))
    }
    return compared.model_copy(update=sides)


def render_image(service: Service, run_id: str, item_id: str, shown: Shown, size: int, cancelled: threading.Event) -> bytes:
    """A WebP of the file of an item. Raises `NotFound` for a file that is gone, `MediaError`."""
    _, file, item = _find_file(service, run_id, item_id, shown)
    start = item.start if shown == "item" else None
    return service.thumbnails.render_file(file, start or 0.0, size, cancelled)


def find_playable(service: Service, run_id: str, item_id: str, shown: Shown) -> tuple[Path, str, str]:
    """The video or sound of an item: path, entity tag, content type.

    Raises `NotFound` for a file that is gone, that is neither, or that is outside of the folder of
    the set, and `MediaError`. A table of the set names the file: without this check a
    table could name any file of the server.
    """
    root, file, _ = _find_file(service, run_id, item_id, shown)
    resolved = file.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise NotFound(f"{file.name} is not in the folder of the set.")
    info = service.reader.probe(resolved, resolved.name)
    if info.kind == "image":
        raise NotFound(f"{file.name} is an image; `image` has it.")
    status = resolved.stat()
    guessed = mimetypes.guess_type(resolved.name)[0] or ""
    content_type = guessed if guessed.startswith(("video/", "audio/")) else f"{info.kind}/mp4"
    etag = hashlib.sha256(f"{resolved} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()
    return resolved, etag, content_type


def _find_file(service: Service, run_id: str, item_id: str, shown: Shown) -> tuple[Path, Path, ItemRecord]:
    """The folder of the set, the file and the item. Raises `NotFound` and `Corrupt`."""
    store = RunStore(service.settings.root)
    root = Path(store.get(run_id, with_items=False).root)
    item = store.get_item(run_id, item_id)
    path = item.path if shown == "item" else item.answer_path
    if not path:
        raise NotFound(f"The item {item_id!r:.80} of {run_id} has no file.")
    file = root / path
    if not file.is_file():
        raise NotFound(f"{file.name} is no longer in the folder of the set.")
    return root, file, item
