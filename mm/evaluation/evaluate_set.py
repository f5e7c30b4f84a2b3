"""Run one task over one data set: read, encode what the cache lacks, measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mm.data.sets.catalog import Described, read_set
from mm.errors import InvalidInput
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.failures import require_complete
from mm.evaluation.features.slices import EncodedSet, Progress, encode_set
from mm.evaluation.features.texts import TextCache
from mm.evaluation.runs.signature import combine_hashes, describe_code, hash_ids, hash_weights, require_same_weights
from mm.evaluation.runs.types import Run, Signature
from mm.evaluation.tasks.registry import find_task
from mm.evaluation.tasks.types import Task, TaskInput

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.settings import Settings
    from mm.spaces import Space

CACHE = Path("cache") / "features.db"
"""Below the home folder."""
TRAIN = "train"


@dataclass(frozen=True, slots=True)
class SetRequest:
    """What to evaluate."""

    described: Described
    root: Path
    split: str
    task: str
    """Empty for the usual task of the set."""
    options: Mapping[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = ("picture", "sound")
    """Evidence that is encoded; see `SetEncoder`."""
    strict: bool = False
    """Whether the first file that is missing or cannot be read is an error."""


def evaluate_set(
    request: SetRequest,
    space: Space,
    weights: Sequence[Path],
    reader: MediaReader,
    settings: Settings,
    run_id: str,
    command: str,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Run:
    """Evaluate a data set with a space; `weights` are the files and folders of the space.

    `on_tick` is called often, and may raise to stop the work; what is encoded is kept. Raises
    `InvalidInput` for a folder or task that does not fit, `Conflict` when the weights change
    meanwhile, and `StorageFull`.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    described, task = request.described, _find_task(request)
    hashes = hash_weights(weights)
    with closing(open_cache(settings)) as cache:
        given = _encode(request, space, hashes, reader, settings, cache, on_progress, on_tick)
        method = task.find_method(given)
        outcome = task.measure(given)
    require_same_weights(hashes, hash_weights(weights))
    data = given.data
    if task.needs_features:
        used = [item.id for item in data.present if item.id in given.features]
    else:
        used = [item.id for item in outcome.items]
    num_failed = len(given.failed if task.needs_features else outcome.failed)
    signature = Signature(
        set_name=described.name, set_version=described.version, split=request.split, task=task.name,
        method=method.name, code=describe_code(), weights=dict(method.weights), tokenizer=task.tokenizer,
        references=task.references(data), num_items=len(used), num_missing=len(data.missing) + num_failed,
        items=hash_ids(used), is_simulated=data.is_simulated,
        runtime=space.runtime_name if task.needs_features else "",
    )  # fmt: skip
    return Run(
        id=run_id, started=started.isoformat(timespec="seconds"), seconds=round(time.monotonic() - clock, 3), command=command,
        root=str(request.root.resolve()), signature=signature, outcome=outcome, missing=list(data.missing),
    )  # fmt: skip


def open_cache(settings: Settings) -> FeatureCache:
    """The cache of the home folder; machines that share a catalog share it.

    Raises as `FeatureCache`.
    """
    return FeatureCache(settings.root / CACHE, has_other_hosts=settings.database_url.startswith("postgresql"))


def share_request(
    request: SetRequest,
    space: Space,
    weights: Sequence[Path],
    reader: MediaReader,
    settings: Settings,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
) -> None:
    """Do what processes with the same request share: encode files, write captions, inspect images.

    Raises as `evaluate_set`.
    """
    with closing(open_cache(settings)) as cache:
        given = _encode(request, space, hash_weights(weights), reader, settings, cache, on_progress, on_tick)
        _find_task(request).prepare(given)


def _find_task(request: SetRequest) -> Task:
    task = find_task(request.task or request.described.tasks[0])
    if task.name not in request.described.tasks:
        tasks = ", ".join(request.described.tasks)
        raise InvalidInput(f"{request.described.name} is not evaluated for '{task.name}', but for: {tasks}.")
    return task


def _encode(
    request: SetRequest, space: Space, hashes: dict[str, str], reader: MediaReader, settings: Settings, cache: FeatureCache,
    on_progress: Callable[[Progress], None], on_tick: Callable[[], None],
) -> TaskInput:  # fmt: skip
    """The set, the split `train` if the task needs it, and their features if it needs them."""
    described, task = request.described, _find_task(request)
    data = read_set(described, request.root, request.split)
    train = read_set(described, request.root, TRAIN) if task.needs_train else None
    if request.strict:
        require_complete(data.missing)
    encoded = EncodedSet({}, ())
    if task.needs_features:
        encoded = encode_set(
            [*data.present, *(train.present if train else ())], SetEncoder(space, reader, settings, request.kinds),
            combine_hashes(hashes), cache, strict=request.strict, on_progress=on_progress, on_tick=on_tick,
        )  # fmt: skip
    texts = TextCache(cache, space, combine_hashes(hashes), on_tick)
    return TaskInput(
        data, request.root, encoded.features, encoded.failed, space, settings,
        {**described.defaults.get(task.name, {}), **request.options}, train, texts, cache, hashes, reader, request.strict,
        on_progress, on_tick,
    )  # fmt: skip
