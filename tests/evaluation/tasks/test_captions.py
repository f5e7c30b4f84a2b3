"""The task `captions` with a captioner that names colours."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput, StorageFull, Unavailable
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.types import Outcome
from mm.evaluation.tasks.captions.task import BASELINE, Captions, choose_sample
from mm.evaluation.tasks.types import TaskInput
from mm.generation.caption_model import CaptionModel
from mm.generation.caption_ranking import GeneratedCaption
from tests.evaluation.tasks.test_defects import make_run

pytestmark = pytest.mark.xdist_group("killed fits")

COLOURS = {"red": (200, 20, 20), "green": (20, 180, 20), "blue": (30, 30, 210), "white": (250, 250, 250)}


class ColourTower:
    def encode(self, images: list[Any]) -> list[Any]:
        return [min(COLOURS, key=lambda name: np.abs(images[0].mean((0, 1)) - COLOURS[name]).sum())]


@dataclass
class ColourCaptioner:
    """Counts its captions, and ends them in another order than they began."""

    written: list[str] = field(default_factory=list)

    def caption(self, images: Iterable[Any]) -> Iterator[tuple[int, GeneratedCaption]]:
        for number, colour in reversed(list(enumerate(images))):
            self.written.append(colour)
            yield number, GeneratedCaption(f"A {colour} wall with wide stripes.", 0.0)


@pytest.fixture
def captioner(monkeypatch: pytest.MonkeyPatch) -> ColourCaptioner:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 20)
    return ColourCaptioner()


def make_task(captioner: ColourCaptioner, version: str = "m@1") -> Captions:
    return Captions(lambda settings: CaptionModel(version, lambda ranking: captioner))


def build_input(root: Path, cache: FeatureCache, **changes: Any) -> TaskInput:
    items = []
    for number, (name, colour) in enumerate(COLOURS.items()):
        path = root / f"{name}.png"
        Image.new("RGB", (8, 8), colour).save(path)
        items.append(SetItem(path.name, path, f"g{number}", texts=(f"A {name} wall with wide stripes .", f"{name} paint")))
    (root / "bad.png").write_bytes(b"no image")
    items.insert(1, SetItem("bad.png", root / "bad.png", "bad", texts=("A wall",)))
    space: Any = SimpleNamespace(id="fake@1", has_image_maps=True, image_maps=ColourTower(), text=None, caption_heads=None)
    settings: Any = SimpleNamespace(language_precision="int4")
    data = EvaluationSet("photos", "dev", tuple(items))
    return replace(TaskInput(data, root, {}, (), space, settings, cache=cache, weights={"image": "1"}), **changes)


def values(outcome: Outcome) -> dict[str, float]:
    return {measure.name: measure.value for measure in outcome.measures}


def test_captions_are_measured_beside_those_of_the_next_image_and_written_once(
    tmp_path: Path, captioner: ColourCaptioner
) -> None:
    with closing(FeatureCache(tmp_path / "features.db")) as cache:
        given, task = build_input(tmp_path, cache), make_task(captioner)
        outcome = task.measure(given)
        assert task.measure(given) == outcome
        assert len(captioner.written) == 4
        assert values(outcome)["BLEU-4"] == pytest.approx(1)
        assert values(outcome)["CIDEr-D"] > values(outcome)[BASELINE]
        assert [(item.id, item.answer) for item in outcome.items][1] == ("green.png", "A green wall with wide stripes.")
        assert [failed.id for failed in outcome.failed] == ["bad.png"]
        assert any("METEOR and SPICE are absent" in note for note in outcome.notes)
        assert task.find_method(given).name == "m@1,int4,width=5,tokens=32,ranked,items=all"
        assert task.find_method(given).weights == {"image": "1", "language": "1"}
        make_task(captioner, "m@2").measure(given)
        assert len(captioner.written) == 8
        with pytest.raises(InvalidInput, match="Without `--strict`"):
            task.measure(replace(given, strict=True))


def test_captions_of_two_runs_are_compared_item_by_item_by_every_measure(tmp_path: Path, captioner: ColourCaptioner) -> None:
    class ShortCaptioner(ColourCaptioner):
        def caption(self, images: Iterable[Any]) -> Iterator[tuple[int, GeneratedCaption]]:
            yield from ((number, GeneratedCaption("A dog by a wall.", 0.0)) for number, _ in enumerate(images))

    with closing(FeatureCache(tmp_path / "features.db")) as cache:
        given = build_input(tmp_path, cache)
        outcomes = [make_task(each, f"m@{number}").measure(given) for number, each in enumerate((captioner, ShortCaptioner()))]
    rows = compare_runs(make_run("first", outcomes[0]), make_run("second", outcomes[1])).differences
    assert [row.measure.name for row in rows if row.difference is None] == []
    for row in rows:
        assert row.difference is not None
        assert row.difference.value == pytest.approx(row.second.value - row.measure.value)
    unsupported = next(row for row in rows if row.measure.name == "object words that no reference has")
    assert unsupported.difference is not None
    assert unsupported.difference.value > 0


def test_captions_of_an_interrupted_run_are_not_written_again(tmp_path: Path, captioner: ColourCaptioner) -> None:
    def stop(progress: Any) -> None:
        if progress.done - progress.failed == 3:
            raise StorageFull("stopped")

    with closing(FeatureCache(tmp_path / "features.db")) as cache:
        given, task = build_input(tmp_path, cache), make_task(captioner)
        with pytest.raises(StorageFull):
            task.measure(replace(given, on_progress=stop))
        assert captioner.written == ["white", "blue", "green"]
        task.measure(given)
    assert captioner.written[3:] == ["red"]


class StuckCaptioner(ColourCaptioner):
    """Writes one caption, and keeps the next image without end."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def caption(self, images: Iterable[Any]) -> Iterator[tuple[int, GeneratedCaption]]:
        for number, colour in enumerate(images):
            if number == 1:
                self.connection.send(colour)
                self.connection.recv()
            yield number, GeneratedCaption(f"A {colour} wall with wide stripes.", 0.0)


def write_until_killed(root: Path, connection: Connection) -> None:
    with closing(FeatureCache(root / "features.db")) as cache:
        make_task(StuckCaptioner(connection)).prepare(build_input(root, cache))


def test_captions_shared_by_two_processes_lose_one_image_when_one_is_killed(tmp_path: Path, captioner: ColourCaptioner) -> None:
    with closing(FeatureCache(tmp_path / "other.db")) as cache:
        expected = make_task(ColourCaptioner()).measure(build_input(tmp_path, cache))
    context = multiprocessing.get_context("forkserver")
    connection, of_process = context.Pipe()
    process = context.Process(target=write_until_killed, args=(tmp_path, of_process))
    process.start()
    try:
        assert connection.poll(120)
        held = connection.recv()

        def kill(progress: Any) -> None:
            if progress.done == progress.total - 1:
                process.kill()
                process.join()

        with closing(FeatureCache(tmp_path / "features.db")) as cache:
            outcome = make_task(captioner).measure(build_input(tmp_path, cache, on_progress=kill))
    finally:
        process.kill()
        process.join()
    assert outcome == expected
    assert captioner.written == [*[name for name in reversed(COLOURS) if name not in ("red", held)], held]


def test_captions_of_a_sample_say_so_and_are_the_same_in_any_order(tmp_path: Path, captioner: ColourCaptioner) -> None:
    with closing(FeatureCache(tmp_path / "features.db")) as cache:
        given, task = build_input(tmp_path, cache, options={"items": "2"}), make_task(captioner)
        outcome = task.measure(given)
        assert "a fixed random sample of 5" in outcome.title
        assert task.find_method(given).name.endswith(",items=2")
    items = given.data.items
    smaller, larger = ({item.id for item in choose_sample(items, count)} for count in (2, 3))
    assert smaller < larger
    assert smaller == {item.id for item in choose_sample(items[::-1], 2)}
    with pytest.raises(InvalidInput, match="5 images with captions, not 6"):
        choose_sample(items, 6)


def test_captions_needs_english_captions_of_images_and_a_model(tmp_path: Path, captioner: ColourCaptioner) -> None:
    with closing(FeatureCache(tmp_path / "features.db")) as cache:
        given, task = build_input(tmp_path, cache), make_task(captioner)
        german = tuple(replace(item, language="de") for item in given.data.items)
        with pytest.raises(InvalidInput, match="no English captions"):
            task.measure(replace(given, data=replace(given.data, items=german)))
        video = replace(given.data.items[0], path=tmp_path / "a.mp4")
        with pytest.raises(InvalidInput, match="is no image"):
            task.measure(replace(given, data=replace(given.data, items=(video,))))
        with pytest.raises(Unavailable, match="MM_CAPTIONS"):
            Captions(lambda settings: None).measure(given)
        with pytest.raises(InvalidInput, match="no option beam"):
            task.measure(replace(given, options={"beam": "1"}))
