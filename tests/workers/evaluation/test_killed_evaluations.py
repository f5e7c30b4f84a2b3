"""Evaluations whose processes are killed, with SIGKILL, between slices and around the run."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexes import open_store
from mm.errors import MMError
from mm.evaluation.features import texts as feature_texts
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.slices import IMAGES_PER_SLICE
from mm.evaluation.features.types import Features
from mm.evaluation.runs.store import RunStore
from mm.media import MediaReader
from mm.numerics import normalize_rows
from mm.schemas import EvaluationRequest
from mm.settings import Settings
from mm.spaces import load_space
from tests.workers.conftest import Home, open_context
from workers.work_unit import run_work_unit

pytestmark = pytest.mark.xdist_group("killed fits")

LIMIT_SECONDS = 120.0
END = "end"
HOUR = 3600.0
NUM_IMAGES = 2 * IMAGES_PER_SLICE + 3


def write_set(folder: Path) -> Path:
    """A set of captioned files; none is decoded."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(NUM_IMAGES):
        (folder / "images" / f"{number}.png").write_bytes(f"{number}".encode())
        rows.append({"image": f"{number}.png", "captions": [f"A photo of the number {number} ."], "split": "dev"})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run_worker(settings: Settings, hours: int, log: Path, connection: Connection) -> None:
    """Perform due tasks with an encoder that logs its files. Sends the name of each step."""

    def stop_at(step: str) -> None:
        connection.send(step)
        connection.recv()

    def encode(_: SetEncoder, paths: Sequence[Path], on_tick: Callable[[], None]) -> list[Features | MMError]:
        with log.open("a") as file:
            file.writelines(f"{path.name}\n" for path in paths)
        on_tick()
        vectors = [normalize_rows(np.random.default_rng(int(path.stem)).normal(size=(1, 384))) for path in paths]
        return [Features(0.0, {"picture": rows.astype(np.float32)}, {"picture": np.zeros((1, 2))}) for rows in vectors]

    def wrap(owner: Any, name: str, before: str, after: str) -> None:
        wrapped: Callable[..., Any] = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            stop_at(before)
            result = wrapped(*args, **kwargs)
            stop_at(after)
            return result

        setattr(owner, name, call)

    feature_texts.embed_texts = lambda _space, texts, _kind, _on_batch: normalize_rows(  # type: ignore[assignment, misc]
        np.random.default_rng(0).normal(size=(len(texts), 384)).astype(np.float32)
    )
    SetEncoder.encode = encode  # type: ignore[assignment, method-assign]
    wrap(FeatureCache, "put", "slice encoded", "slice stored")
    wrap(RunStore, "add", "measured", "run kept")
    with open_store(settings, lambda: time.time() + hours * HOUR) as store, MediaReader.from_settings(settings) as reader:
        home = Home(settings, store, reader, None)  # type: ignore[arg-type]  # it is not used
        with open_context(home, load_space("lite", settings)) as context:
            while store.catalog.count_due_work(settings.lease_seconds):
                run_work_unit(context)
    connection.send(END)


def run_until(settings: Settings, hours: int, log: Path, step: str, count: int = 1) -> bool:
    """Run a process and kill it when it reaches a step so many times. False if it ends before.

    The clock of the catalog is so many hours ahead, so that earlier leases have expired.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once for all processes
    connection, of_process = context.Pipe()
    process = context.Process(target=run_worker, args=(settings, hours, log, of_process))
    process.start()
    of_process.close()
    try:
        while True:
            assert connection.poll(LIMIT_SECONDS)
            reached = connection.recv()
            count -= reached == step
            if reached == END or not count:
                return bool(reached == step)
            connection.send(True)
    finally:
        process.kill()
        process.join()


def test_killed_evaluations_encode_at_most_one_slice_again_and_keep_one_run(home: Home, tmp_path: Path) -> None:
    root, log = write_set(tmp_path / "photos"), tmp_path / "encoded.txt"
    request = EvaluationRequest(set="flickr8k", folder="photos", task="retrieval")
    job = home.store.catalog.add_evaluation_job(request.model_dump(), "first", str(root))
    patient = home.settings.model_copy(update={"max_attempts": 10})
    cache = FeatureCache(home.settings.root / "cache" / "features.db")
    expire = "UPDATE leases SET until = 0"
    assert run_until(patient, 1, log, "slice encoded", 2)
    cache._database.execute(expire)
    assert run_until(patient, 2, log, "measured")
    assert not RunStore(home.settings.root).has("first")
    assert not run_until(patient, 3, log, END + "ed")
    cache.close()
    assert home.state(job.id) == "done"
    encoded = Counter(log.read_text().split())
    assert len(encoded) == NUM_IMAGES
    assert sum(encoded.values()) <= NUM_IMAGES + IMAGES_PER_SLICE, "one slice was being encoded at one of the kills"
    run = RunStore(home.settings.root).get("first")
    assert run.signature.num_items == NUM_IMAGES
    assert [measure.name for measure in run.outcome.measures][:2] == ["text to image, R@1", "text to image, R@5"]
