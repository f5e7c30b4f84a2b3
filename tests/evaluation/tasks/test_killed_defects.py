"""Runs of the task `defects` that are killed continue with the next image."""

from __future__ import annotations

import multiprocessing
import sys
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from mm.data.captioned_images import read_image
from mm.errors import StorageFull
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.runs.types import Outcome
from mm.evaluation.tasks.defects.task import Defects
from mm.media.types import RGB
from tests.evaluation.tasks.test_defects import TASK, build_input, write_category
from tests.inspection.parts import CellBackbone

pytestmark = pytest.mark.xdist_group("killed fits")

LIMIT_SECONDS = 120.0
NUM_IMAGES = 12
"""That are inspected, of two categories."""


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 20)


class LoggingReader:
    """Reads images, and keeps the names of those of test."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def image(self, path: Path, _: str) -> RGB:
        if "test" in path.parts:
            self.read.append(f"{path.parts[-4]}/{path.parent.name}/{path.name}")
        return read_image(path)


def measure(root: Path, home: Path, **changes: Any) -> tuple[Outcome, LoggingReader]:
    reader = LoggingReader()
    with closing(FeatureCache(home / "cache" / "features.db")) as cache:
        return TASK.measure(build_input(root, home, cache=cache, reader=reader, **changes)), reader


def run_until_killed(root: Path, home: Path, connection: Connection) -> None:
    """Send the number of inspected images after each, and wait for permission to go on."""

    def stop(progress: Any) -> None:
        connection.send(progress.done)
        connection.recv()

    measure(root, home, on_progress=stop)


def kill_after(count: int, root: Path, home: Path) -> None:
    """Start a run in a process, and send it SIGKILL when so many images are inspected."""
    context = multiprocessing.get_context("forkserver")
    connection, of_process = context.Pipe()
    process = context.Process(target=run_until_killed, args=(root, home, of_process))
    process.start()
    of_process.close()
    try:
        while True:
            assert connection.poll(LIMIT_SECONDS)
            if connection.recv() == count:
                return
            connection.send(True)
    finally:
        process.kill()
        process.join()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("bolt", "nut"):
        write_category(tmp_path / "set" / name)
    (tmp_path / "set" / "bolt" / "test" / "good" / "2.png").write_bytes(b"no image")
    return tmp_path / "set"


def test_killed_defects_inspect_no_image_again_and_measure_the_same(root: Path, tmp_path: Path) -> None:
    expected, _ = measure(root, tmp_path / "other")
    home = tmp_path / "home"
    kill_after(4, root, home)  # in the first category
    kill_after(9, root, home)  # in the second
    progress: list[Any] = []
    outcome, reader = measure(root, home, on_progress=progress.append)
    assert outcome == expected
    assert sorted(reader.read) == ["nut/scratch/0.png", "nut/scratch/1.png", "nut/scratch/2.png"]
    assert (progress[-1].done, progress[-1].reused, progress[-1].failed) == (NUM_IMAGES, 9, 1)
    assert list((home / "cache" / "defects").iterdir()) == []


def test_defects_of_another_run_are_not_used_after_a_good_image_changed(root: Path, tmp_path: Path) -> None:
    kill_after(9, root, tmp_path)
    good = root / "bolt" / "train" / "good"
    (good / "0.png").write_bytes((good / "1.png").read_bytes())
    _, reader = measure(root, tmp_path)
    assert sum(name.startswith("bolt") for name in reader.read) == NUM_IMAGES / 2


def test_defects_of_two_runs_at_once_share_the_images_and_measure_the_same(root: Path, tmp_path: Path) -> None:
    expected, _ = measure(root, tmp_path / "other")
    with closing(FeatureCache(tmp_path / "cache" / "features.db")) as cache:
        inner: list[tuple[Outcome, LoggingReader]] = []

        def run_another(progress: Any) -> None:
            if progress.done == 4 and not inner:
                of_inner = LoggingReader()
                inner.append((TASK.measure(build_input(root, tmp_path, cache=cache, reader=of_inner)), of_inner))

        reader, progress = LoggingReader(), []
        given = build_input(root, tmp_path, cache=cache, reader=reader)
        outcome = TASK.measure(replace(given, on_progress=lambda each: (progress.append(each), run_another(each))))
    assert outcome == inner[0][0] == expected
    assert len(set(inner[0][1].read + reader.read)) == NUM_IMAGES
    assert len(inner[0][1].read + reader.read) == NUM_IMAGES + 1, "only the unreadable image is read twice"
    assert (progress[-1].done, progress[-1].failed) == (NUM_IMAGES, 1)
    assert list((tmp_path / "cache" / "defects").iterdir()) == []


def inspect_until_killed(root: Path, home: Path, count: int, connection: Connection) -> None:
    """Inspect beside another process; report after reading so many images, and keep the last."""

    class StuckReader(LoggingReader):
        def image(self, path: Path, name: str) -> RGB:
            pixels = super().image(path, name)
            if len(self.read) == count:
                connection.send(self.read)
                connection.recv()
            return pixels

    with closing(FeatureCache(home / "cache" / "features.db")) as cache:
        TASK.prepare(build_input(root, home, cache=cache, reader=StuckReader()))


def test_defects_shared_by_two_processes_lose_one_image_when_one_is_killed(root: Path, tmp_path: Path) -> None:
    expected, _ = measure(root, tmp_path / "other")
    context = multiprocessing.get_context("forkserver")
    connection, of_process = context.Pipe()
    process = context.Process(target=inspect_until_killed, args=(root, tmp_path, 2, of_process))
    process.start()
    try:
        assert connection.poll(LIMIT_SECONDS)
        of_other = connection.recv()  # it holds the lease of the last of these

        def kill(progress: Any) -> None:
            if progress.done == NUM_IMAGES // 2 - 1:  # all others of its category are inspected
                process.kill()
                process.join()

        outcome, reader = measure(root, tmp_path, on_progress=kill)
    finally:
        process.kill()
        process.join()
    assert outcome == expected
    assert sorted(of_other[:1] + reader.read) == sorted(set(of_other[:1] + reader.read))
    assert len(of_other[:1] + reader.read) == NUM_IMAGES
    assert of_other[1] in reader.read


def test_defects_on_a_full_disk_raise_storage_full(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mm.evaluation.tasks.defects.progress.np.save", refuse)
    with pytest.raises(StorageFull, match="Free space"):
        measure(root, tmp_path)


def test_defects_with_another_backbone_do_not_continue_a_run(root: Path, tmp_path: Path) -> None:
    class OtherBackbone(CellBackbone):
        digest = "cells-2"

    kill_after(9, root, tmp_path)
    with closing(FeatureCache(tmp_path / "cache" / "features.db")) as cache:
        reader = LoggingReader()
        Defects(lambda name, graphs: OtherBackbone()).measure(build_input(root, tmp_path, cache=cache, reader=reader))
    assert len(reader.read) == NUM_IMAGES
